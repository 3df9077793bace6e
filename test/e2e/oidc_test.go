package e2e_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pave-platform/pave/client"
	"github.com/pave-platform/pave/test/openid"
	"github.com/pave-platform/pave/test/world"
)

// TestOpenID signs a program in as a browser does: the server's page, the provider,
// and back.
func TestOpenID(t *testing.T) {
	t.Parallel()
	p := openid.New(t, "")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(p.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := world.New(t, "PAVE_OIDC_ISSUER="+p.URL, "PAVE_OIDC_CLIENT_ID="+p.ClientID, "PAVE_OIDC_SECRET_FILE="+secret, "PAVE_OIDC_GROUPS=ops=admin")
	p.Redirect = h.Stat().URL + "/login/callback"
	p.Say(map[string]any{"sub": "u1", "preferred_username": "ada", "groups": []string{"ops"}}, nil)
	c := client.Dial(h.Stat().URL, "")
	defer c.Close()
	d, err := c.StartDevice(t.Context(), "laptop <b>")
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	login := visit(t, browser, "GET", d.Page+"?code="+url.QueryEscape(d.Code), "", 200)
	if !strings.Contains(login, "laptop &lt;b&gt;") || !strings.Contains(login, `action="/login/oidc"`) {
		t.Errorf("the page names the program and the provider: %s", login)
	}
	on := visit(t, browser, "POST", h.Stat().URL+"/login/oidc", "code="+url.QueryEscape(d.Code), 200)
	link := regexp.MustCompile(`href="([^"]+)"`).FindStringSubmatch(on)
	if link == nil {
		t.Fatalf("no way on: %s", on)
	}
	address := html.UnescapeString(link[1])
	if text := visit(t, &http.Client{}, "GET", address, "", 401); !strings.Contains(text, "another browser") {
		t.Errorf("another browser: %s", text)
	}
	// That used the state up: begin anew, to the end.
	on = visit(t, browser, "POST", h.Stat().URL+"/login/oidc", "code="+url.QueryEscape(d.Code), 200)
	address = html.UnescapeString(regexp.MustCompile(`href="([^"]+)"`).FindStringSubmatch(on)[1])
	if done := visit(t, browser, "GET", address, "", 200); !strings.Contains(done, "as <b>ada</b>") {
		t.Errorf("done: %s", done)
	}
	token, err := c.DeviceToken(t.Context(), d.Secret)
	if err != nil {
		t.Fatal(err)
	}
	me := client.Dial(h.Stat().URL, token.Value)
	defer me.Close()
	if who, err := me.Whoami(t.Context()); err != nil || who.Name != "ada" || !who.Admin {
		t.Errorf("who: %+v %v", who, err)
	}
}

// visit is what a browser does, with the page it gets.
func visit(t *testing.T, c *http.Client, method, address, form string, status int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,*/*")
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s: %s %v\n%s", method, address, resp.Status, err, text)
	}
	return string(text)
}
