package server

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

// page is a site on disk, with a secret beside it and a link to that.
func page(t *testing.T, files ...string) string {
	t.Helper()
	base := t.TempDir()
	dir := filepath.Join(base, "site")
	for _, f := range append(files, "index.html") {
		write(t, filepath.Join(dir, f), 0o644)
	}
	write(t, filepath.Join(base, "secret.html"), 0o644)
	if err := os.Symlink("../secret.html", filepath.Join(dir, "link.html")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSite(t *testing.T) {
	t.Parallel()
	dir := page(t, "a.html", "sub/index.html", ".env", ".well-known/x.txt", "app.js")
	root, err := siteRoot([]string{dir + "/no", dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	cases := map[string]struct {
		reason, method, path, accept string
		status                       int
	}{
		"root":        {"the page", "GET", "/", "", 200},
		"head":        {"HEAD is as good", "HEAD", "/app.js", "", 200},
		"no ending":   {"a page without its ending", "GET", "/a", "", 200},
		"folder":      {"relative links count from the folder", "GET", "/sub", "", 301},
		"folder page": {"its page", "GET", "/sub/", "", 200},
		"dots":        {"nothing above the folder", "GET", "/../secret.html", "", 404},
		"coded dots":  {"nor with coded dots", "GET", "/%2e%2e/secret.html", "", 404},
		"link":        {"no link leads out", "GET", "/link.html", "", 404},
		"hidden":      {"hidden files are not for everybody", "GET", "/.env", "text/html", 404},
		"well known":  {"these are", "GET", "/.well-known/x.txt", "", 200},
		"page route":  {"a site of one page routes by itself", "GET", "/orders/7", "text/html", 200},
		"file route":  {"a missing file is missing", "GET", "/missing.js", "text/html", 404},
		"post":        {"nothing is changed here", "POST", "/", "", 405},
		"nul":         {"no file has such a name", "GET", "/a%00b", "", 404},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := httptest.NewRequest(c.method, c.path, nil)
			req.Header.Set("Accept", c.accept)
			rec := httptest.NewRecorder()
			site{root.FS()}.ServeHTTP(rec, req)
			if rec.Code != c.status {
				t.Errorf("%s: %s %s gave %d, want %d", c.reason, c.method, c.path, rec.Code, c.status)
			}
		})
	}
}

func TestSiteWithoutPage(t *testing.T) {
	t.Parallel()
	if _, err := siteRoot([]string{t.TempDir()}); pave.CodeOf(err) != pave.NotFound || !strings.Contains(pave.HintOf(err), "--command") {
		t.Errorf("a folder without a page: %v", err)
	}
	root, err := siteRoot([]string{page(t, "404.html")})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/nothing", nil)
	req.Header.Set("Accept", "text/html")
	site{root.FS()}.ServeHTTP(rec, req)
	if rec.Code != 404 || rec.Body.String() != "built" {
		t.Errorf("404.html: %d %q", rec.Code, rec.Body)
	}
}
