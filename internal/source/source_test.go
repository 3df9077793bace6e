package source

import (
	"archive/zip"
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Address{
		"gh:team/templates":                           {Git, "https://github.com/team/templates", "", ""},
		"gh:team/templates//go/http@v1.2":             {Git, "https://github.com/team/templates", "go/http", "v1.2"},
		"gl:team/sub/templates@feature/x":             {Git, "https://gitlab.com/team/sub/templates", "", "feature/x"},
		"https://git.example.com/t/x.git":             {Git, "https://git.example.com/t/x.git", "", ""},
		"https://git.example.com:8443/t/x.git//a/b/":  {Git, "https://git.example.com:8443/t/x.git", "a/b", ""},
		"git+https://git.example.com/t/x@main":        {Git, "https://git.example.com/t/x", "", "main"},
		"http://127.0.0.1:7070/git/shop.git@0123abcd": {Git, "http://127.0.0.1:7070/git/shop.git", "", "0123abcd"},
		"https://example.com/a/template.zip":          {Zip, "https://example.com/a/template.zip", "", ""},
		"https://example.com/a/template.zip?x=1":      {Zip, "https://example.com/a/template.zip?x=1", "", ""},
		"https://example.com/a.zip//inner":            {Zip, "https://example.com/a.zip", "inner", ""},
		"https://[2001:db8::1]:8443/t/x.git@v1":       {Git, "https://[2001:db8::1]:8443/t/x.git", "", "v1"},
		"./templates/go":                              {Folder, "./templates/go", "", ""},
		"/srv/templates":                              {Folder, "/srv/templates", "", ""},
	} {
		got, err := Parse(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%s: %s is not the same address: %+v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{
		"", " ", "xx:team/templates", "git@github.com:team/x.git", "ssh://git@host/x", "git://host/x", "file:///etc", "ext::sh -c id", "gopher://h/x",
		"https://user:pass@host/x.git", "https://host", "https://host/", "https:///x", "gh:", "gh:a/b@--upload-pack=x", "gh:a/b@..", "gh:a/b//../x",
		"gh:a/b//.git", "https://h/x.zip@v1", "https://h/x.git?service=x", "https://h/x#y", "https://h/x\r\nHost: y", "https://h/x\x00", "http://[::1", strings.Repeat("a", 2001),
	} {
		if a, err := Parse(in); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%q: %+v, %v", in, a, err)
		}
	}
}

func TestIsAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{"go-http": false, "node": false, "gh:a/b": true, "./x": true, "x/y": true, ".": true, "https://h/x": true} {
		if IsAddress(in) != want {
			t.Errorf("%s: want %v", in, want)
		}
	}
}

func read(t *testing.T, fsys fs.FS, name string) string {
	t.Helper()
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFetchFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("y"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := Fetcher{}.Fetch(t.Context(), Address{Form: Folder, URL: dir})
	if err != nil || read(t, tree.FS, "x") != "y" {
		t.Fatalf("%v", err)
	}
	tree.Close()
	for _, a := range []Address{{Form: Folder, URL: dir + "/none"}, {Form: Folder, URL: dir, Folder: "none"}} {
		if _, err := (Fetcher{}).Fetch(t.Context(), a); pave.CodeOf(err) != pave.NotFound {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// host serves a repository, t.git, and zips.
func host(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "t.git")
	head, err := git.Create(t.Context(), repo, git.Repository{Resource: "res_x",
		Files:  []git.File{{Path: "go/template.yaml", Mode: 0o644, Data: []byte("name: x")}},
		Commit: git.Commit{Name: "a", Email: "a@localhost", Message: "m", When: time.Unix(0, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	handler := git.NewHandler(slog.New(slog.DiscardHandler), git.Hooks{
		Authorize: func(*http.Request, string, bool) (string, error) { return "any", nil },
		Open:      func(context.Context, string) (string, error) { return repo, nil },
		Env:       func(*http.Request, string, string) []string { return nil },
	})
	mux := http.NewServeMux()
	mux.Handle("/git/", http.StripPrefix("/git", handler))
	for name, files := range map[string][]string{"plain": {"a", "b/c"}, "wrapped": {"x-1.0/", "x-1.0/a", "x-1.0/b/c"}, "evil": {"../a"}} {
		mux.HandleFunc("/"+name+".zip", func(w http.ResponseWriter, _ *http.Request) {
			var buf bytes.Buffer
			z := zip.NewWriter(&buf)
			for _, f := range files {
				e, _ := z.Create(f)
				if !strings.HasSuffix(f, "/") {
					_, _ = e.Write([]byte(f))
				}
			}
			_ = z.Close()
			_, _ = w.Write(buf.Bytes())
		})
	}
	mux.HandleFunc("/page.zip", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	mux.HandleFunc("/closed.zip", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) })
	mux.HandleFunc("/ill.zip", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s, head
}

func TestFetchRemote(t *testing.T) {
	t.Parallel()
	s, head := host(t)
	temp := t.TempDir()
	f := Fetcher{HTTP: s.Client(), Temp: temp}
	fetch := func(addr string) (*Tree, error) {
		a, err := Parse(s.URL + addr)
		if err != nil {
			t.Fatal(err)
		}
		return f.Fetch(t.Context(), a)
	}
	tree, err := fetch("/git/t.git//go@main")
	if err != nil || tree.Commit != head || read(t, tree.FS, "template.yaml") != "name: x" {
		t.Fatalf("%+v, %v", tree, err)
	}
	tree.Close()
	for _, name := range []string{"/plain.zip", "/wrapped.zip"} {
		tree, err := fetch(name)
		if err != nil || !strings.HasSuffix(read(t, tree.FS, "b/c"), "b/c") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for addr, code := range map[string]pave.Code{"/evil.zip": pave.Invalid, "/page.zip": pave.Invalid, "/closed.zip": pave.Denied,
		"/ill.zip": pave.Unavailable, "/none.zip": pave.NotFound, "/git/t.git@none": pave.NotFound, "/git/t.git//none": pave.NotFound} {
		if _, err := fetch(addr); pave.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", addr, err, code)
		}
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("%d temporary folders are left", len(left))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"gh:a/b//c@v1", "https://h/x.zip?y", "./x", "git@h:x", "ext::x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(a.String()); err != nil || again != a {
			t.Errorf("%q: %q is another address: %+v, %v", s, a, again, err)
		}
	})
}
