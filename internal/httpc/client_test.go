package httpc

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"1.1.1.1", "140.82.121.3", "2606:4700::1111", "::ffff:8.8.8.8"} {
		if !Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	for _, s := range []string{
		"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "0.1.2.3", "::", "10.0.0.1", "172.16.0.1",
		"172.31.255.255", "192.168.1.1", "169.254.169.254", "::ffff:169.254.169.254", "100.64.0.1", "100.100.100.200",
		"192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254",
		"ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1", "::127.0.0.1", "::7f00:1", "fec0::1",
	} {
		if Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
}

// get asks url with a client of these options.
func get(t *testing.T, o Options, url string) (string, error) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func hello(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	return s, port
}

// Whatever name or form leads to this machine, nothing is dialed.
func TestPrivateIsRefused(t *testing.T) {
	t.Parallel()
	_, port := hello(t)
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"} {
		_, err := get(t, Options{}, "http://"+host+":"+port+"/")
		if err == nil {
			t.Errorf("%s was reached", host)
		}
		var e *pave.Error
		if errors.As(err, &e) && (e.Code != pave.Denied || e.Hint == "") {
			t.Errorf("%s: %v, hint %q", host, err, e.Hint)
		}
	}
	for _, u := range []string{"file:///etc/passwd", "gopher://127.0.0.1/", "unix:///run/x", "ftp://example.com/", "ext::sh"} {
		if _, err := get(t, Options{}, u); err == nil {
			t.Errorf("%s was taken", u)
		}
	}
}

func TestAllowedIsReached(t *testing.T) {
	t.Parallel()
	s, port := hello(t)
	for _, allow := range []string{"127.0.0.1", "127.0.0.0/8", "127.0.0.1:" + port} {
		if body, err := get(t, Options{Allow: []string{allow}}, s.URL); err != nil || !strings.HasPrefix(body, "hello") {
			t.Errorf("allow %s: %q, %v", allow, body, err)
		}
	}
	if _, err := get(t, Options{Allow: []string{"127.0.0.1:1"}}, s.URL); err == nil {
		t.Error("another port was reached")
	}
	for _, bad := range []string{"", "http://x", "*", "a b"} {
		if _, err := New(Options{Allow: []string{bad}}); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A certificate that nobody trusts does not mend itself: the error is none that is tried again.
func TestCertificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := get(t, Options{Allow: []string{"127.0.0.1"}}, s.URL)
	if pave.CodeOf(err) != pave.Denied || !strings.Contains(err.Error(), "certificate that is not trusted") {
		t.Fatalf("%v (%s)", err, pave.CodeOf(err))
	}
	if known := (*pave.Error)(nil); !errors.As(err, &known) || !strings.Contains(known.Hint, "SSL_CERT_FILE") {
		t.Errorf("%v does not say what to do", err)
	}
}

func TestNamesThatAProxyWouldResolve(t *testing.T) {
	t.Parallel()
	a, err := parseAllow([]string{"git.corp.internal", "10.1.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"github.com": true, "example.com:8443": true, "git.corp.internal": true, "10.1.2.3": true, "beef.example": true,
		"localhost": false, "x.localhost": false, "printer.local": false, "metadata.google.internal": false, "127.0.0.1": false,
		"10.2.0.1": false, "[::1]": false, "2130706433": false, "0x7f000001": false, "0x7f.1": false, "127.1": false, "017700000001": false,
	} {
		r, err := http.NewRequest("GET", "http://"+host+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.unresolved(r) == nil; got != want {
			t.Errorf("%s: %v, want %v", host, got, want)
		}
	}
}

func TestRedirectsStayOnOneOrigin(t *testing.T) {
	t.Parallel()
	other, _ := hello(t)
	hops := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/round":
			hops++
			http.Redirect(w, r, "/round", http.StatusFound)
		default:
			_, _ = io.WriteString(w, "end")
		}
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Allow: []string{"127.0.0.1"}, Credentials: Credentials{origin(u): {"me", pave.NewSecret("pvcnry-httpc")}}}
	if body, err := get(t, o, s.URL+"/inside"); body != "end" {
		t.Errorf("a redirect on one host: %q, %v", body, err)
	}
	if _, err := get(t, o, s.URL+"/away"); err == nil || !strings.Contains(err.Error(), "redirects to another host") {
		t.Errorf("a redirect to another host: %v", err)
	}
	if _, err := get(t, o, s.URL+"/round"); err == nil || hops > maxRedirects+1 {
		t.Errorf("a round of redirects: %v after %d", err, hops)
	}
}

func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	t.Parallel()
	mine, _ := hello(t)
	theirs, _ := hello(t)
	file := filepath.Join(t.TempDir(), "credentials")
	text := "# git hosts\n" + strings.Replace(mine.URL, "http://", "http://me:pvcnry-origin@", 1) + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	creds, err := LoadCredentials(file)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Allow: []string{"127.0.0.1"}, Credentials: creds}
	if body, err := get(t, o, mine.URL); !strings.Contains(body, "Basic ") {
		t.Errorf("own origin: %q, %v", body, err)
	}
	if body, err := get(t, o, theirs.URL); strings.Contains(body, "Basic") || err != nil {
		t.Errorf("another port of the same host: %q, %v", body, err)
	}
}

func TestLoadCredentialsOfGit(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"http://pave:tok%40n@127.0.0.1%3a34597":     "http://127.0.0.1:34597 pave tok@n",
		"https://pave:token@git.example.com%3A8443": "https://git.example.com:8443 pave token",
		"https://pave:token@git.example.com":        "https://git.example.com:443 pave token",
		"https://pave:token@git.example.com%2fevil": "",
		"https://pave:token@ok.example%40evil.com":  "",
	} {
		file := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		creds, err := LoadCredentials(file)
		got := ""
		for at, login := range creds {
			got += at + " " + login.User + " " + login.Password.Reveal()
		}
		if got != want || (want == "") != (pave.CodeOf(err) == pave.Invalid) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestLoadCredentialsRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if c, err := LoadCredentials(filepath.Join(dir, "none")); c != nil || err != nil {
		t.Errorf("no file: %v, %v", c, err)
	}
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCredentials(open); pave.CodeOf(err) != pave.Denied {
		t.Errorf("a file others may read: %v", err)
	}
	for _, line := range []string{"https://host", "ssh://a:pvcnry-bad@host", "a:pvcnry-bad@host", "://pvcnry-bad"} {
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadCredentials(bad); pave.CodeOf(err) != pave.Invalid || strings.Contains(err.Error(), "pvcnry") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 100))
	}))
	t.Cleanup(s.Close)
	if _, err := get(t, Options{Allow: []string{"127.0.0.1"}, MaxBytes: 99}, s.URL); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("100 bytes of 99: %v", err)
	}
	if body, err := get(t, Options{Allow: []string{"127.0.0.1"}, MaxBytes: 100}, s.URL); len(body) != 100 || err != nil {
		t.Errorf("100 bytes of 100: %d, %v", len(body), err)
	}
}
