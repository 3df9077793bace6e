package git

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	h := serve(t)
	first := h.head(t)
	work := filepath.Join(t.TempDir(), "work")
	must(t, t.TempDir(), "clone", "-q", h.url, work)
	if err := os.WriteFile(filepath.Join(work, "run.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("run.sh", filepath.Join(work, "link")); err != nil {
		t.Fatal(err)
	}
	must(t, work, "add", ".")
	must(t, work, "commit", "-q", "-m", "second")
	must(t, work, "tag", "-a", "v1", "-m", "one")
	must(t, work, "branch", "side", first)
	must(t, work, "push", "-q", "origin", "main", "side", "v1")
	second := h.head(t)

	as := func(user string) *http.Client { return &http.Client{Transport: basic(user)} }
	for at, want := range map[Revision]string{"": second, "main": second, "v1": second, "refs/tags/v1": second, "side": first, Revision(second): second} {
		dir := t.TempDir()
		got, err := Fetch(t.Context(), as("reader"), h.base, at, dir)
		if err != nil || got != want {
			t.Errorf("at %q: %s, %v, want %s", at, got, err, want)
			continue
		}
		tree, err := FS(t.Context(), dir, got)
		if err != nil {
			t.Fatal(err)
		}
		if want != second {
			continue
		}
		if info, err := fs.Stat(tree, "run.sh"); err != nil || info.Mode() != 0o755 {
			t.Errorf("mode of run.sh: %v, %v", info, err)
		}
		if to, err := fs.ReadLink(tree, "link"); to != "run.sh" || err != nil {
			t.Errorf("link: %q, %v", to, err)
		}
		if _, err := fs.ReadLink(tree, "run.sh"); err == nil {
			t.Error("a file is not a link")
		}
	}

	for _, bad := range []struct {
		url, user string
		at        Revision
		code      pave.Code
		text      string
	}{
		{h.base, "reader", "mian", pave.NotFound, "did you mean main?"},
		{h.base, "reader", Revision(strings.Repeat("1", 40)), "", ""},
		{strings.Replace(h.base, "pay", "pal", 1), "reader", "", pave.NotFound, ""},
		{h.base, "nobody", "", pave.Denied, "PAVE_CREDENTIALS"},
		{"ssh://git@host/x.git", "reader", "", pave.Invalid, ""},
		{"/etc", "reader", "", pave.Invalid, ""},
	} {
		_, err := Fetch(t.Context(), as(bad.user), bad.url, bad.at, t.TempDir())
		var e *pave.Error
		if err == nil || bad.code != "" && pave.CodeOf(err) != bad.code {
			t.Errorf("%s@%s as %s: %v", bad.url, bad.at, bad.user, err)
			continue
		}
		if e, _ = err.(*pave.Error); !strings.Contains(e.Hint, bad.text) {
			t.Errorf("%s@%s: hint %q lacks %q", bad.url, bad.at, e.Hint, bad.text)
		}
	}
}

// basic signs in as a user.
type basic string

func (user basic) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(string(user), "token")
	return http.DefaultTransport.RoundTrip(r)
}
