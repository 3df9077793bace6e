// Package openid_test signs people in by an OpenID provider that others wrote: npm's
// oidc-provider, which is certified. It runs in make test-real.
package openid_test

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pave-platform/pave/client"
	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

const secret = "pvcnry-openid-a-provider-of-others"

// TestProviderOfOthers signs a program in as a browser does: the server's page, the
// provider's pages, and back.
func TestProviderOfOthers(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("starts a provider of others only in make test-real")
	}
	issuer := start(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := world.New(t, "PAVE_OIDC_ISSUER="+issuer, "PAVE_OIDC_CLIENT_ID=pave", "PAVE_OIDC_SECRET_FILE="+file, "PAVE_OIDC_GROUPS=ops=admin")
	server := h.Stat().URL
	c := client.Dial(server, "")
	defer c.Close()
	d, err := c.StartDevice(t.Context(), "laptop")
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	_, on := page(t, browser, "POST", server+"/login/oidc", url.Values{"code": {d.Code}})
	at, text := page(t, browser, "GET", html.UnescapeString(found(t, `href="([^"]+)"`, on)), nil)
	for _, prompt := range []string{"login", "consent"} {
		if !strings.Contains(text, `value="`+prompt+`"`) {
			t.Fatalf("the provider does not ask for %s at %s:\n%s", prompt, at, text)
		}
		action, err := at.Parse(html.UnescapeString(found(t, `action="([^"]+)"`, text)))
		if err != nil {
			t.Fatal(err)
		}
		at, text = page(t, browser, "POST", action.String(), url.Values{"prompt": {prompt}, "login": {"ada"}, "password": {"x"}})
	}
	if at.Path != "/login/callback" || !strings.Contains(text, "as <b>ada</b>") {
		t.Fatalf("back at %s:\n%s", at, text)
	}
	token, err := c.DeviceToken(t.Context(), d.Secret)
	if err != nil {
		t.Fatal(err)
	}
	me := client.Dial(server, token.Value)
	defer me.Close()
	if who, err := me.Whoami(t.Context()); err != nil || who.Name != "ada" || !who.Admin {
		t.Errorf("who: %+v, %v", who, err)
	}
}

// page is what a browser does, with where it ends and what it shows there.
func page(t *testing.T, c *http.Client, method, address string, form url.Values) (*url.URL, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,*/*")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s %s: %s %v\n%s", method, address, resp.Status, err, text)
	}
	return resp.Request.URL, string(text)
}

func found(t *testing.T, pattern, text string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in:\n%s", pattern, text)
	}
	return m[1]
}

// start runs the provider until the test ends and returns its issuer.
func start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	cmd := exec.Command("node", "provider.mjs", fmt.Sprint(port), "pave", secret)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "ready" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return fmt.Sprintf("http://127.0.0.1:%d", port)
		}
	}
	t.Fatal("the provider did not start")
	return ""
}
