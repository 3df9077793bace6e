package source

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

func newShelf(t *testing.T, f Fetcher) *Shelf {
	t.Helper()
	return &Shelf{Dir: filepath.Join(t.TempDir(), "sources"), Fetcher: f, Derive: func(purpose, id string) pave.Secret {
		return pave.NewSecret(fmt.Sprintf("%x", sha256.Sum256([]byte(purpose+id))))
	}}
}

// sent is what a developer sends of a repository with one commit.
func sent(t *testing.T) (pave.Repository, []byte) {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q", "-b", "trunk"}, {"-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "--allow-empty", "-m", "m"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	f, err := git.OpenFolder(t.Context(), dir, "")
	var pack bytes.Buffer
	if err == nil {
		err = f.Pack(t.Context(), &pack)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pave.Repository{Address: dir, Branch: f.Branch, Commit: f.Commit}, pack.Bytes()
}

func TestShelf(t *testing.T) {
	t.Parallel()
	s := newShelf(t, Fetcher{})
	r, pack := sent(t)
	r.LeftOut, r.Changed = []string{"a.txt"}, 1
	kept, err := s.Receive(t.Context(), r, "usr_1", bytes.NewReader(pack))
	if err != nil || kept.Commit != r.Commit || kept.Commits != 1 || kept.Bytes == 0 || !shelfID.MatchString(kept.ID) {
		t.Fatalf("%+v, %v", kept, err)
	}
	if got, err := s.Find(kept.ID); err != nil || got.Changed != 1 || got.Address != r.Address {
		t.Errorf("%+v, %v", got, err)
	}
	r.LeftOut, r.Changed = nil, 0 // the same once more, with other news
	again, err := s.Receive(t.Context(), r, "usr_1", bytes.NewReader(pack))
	if err != nil || again.ID != kept.ID {
		t.Errorf("%+v, %v: want the same id", again, err)
	}
	if got, _ := s.Find(kept.ID); got.Changed != 0 {
		t.Errorf("what is said of it is old: %+v", got)
	}
	if other, err := s.Receive(t.Context(), r, "usr_2", bytes.NewReader(pack)); err != nil || other.ID == kept.ID {
		t.Errorf("%+v, %v: want another id for another user", other, err)
	}
	for _, id := range []string{"", "src_x", "../../etc", "src_" + strings.Repeat("Z", 26), kept.ID + "/.."} {
		if _, err := s.Find(id); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%q: %v", id, err)
		}
	}
	for name, bad := range map[string]pave.Repository{"no address": {Commit: r.Commit}, "a folder outside": {Address: "x", Commit: r.Commit, Folder: "../x"},
		"many left out": {Address: "x", Commit: r.Commit, LeftOut: make([]string, 101)}, "no commit": {Address: "x"}} {
		if _, err := s.Receive(t.Context(), bad, "usr_1", bytes.NewReader(pack)); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShelfPrune(t *testing.T) {
	t.Parallel()
	s := newShelf(t, Fetcher{})
	if err := s.Prune(time.Now()); err != nil {
		t.Errorf("nothing was ever brought: %v", err)
	}
	r, pack := sent(t)
	kept, err := s.Receive(t.Context(), r, "usr_1", bytes.NewReader(pack))
	if err != nil {
		t.Fatal(err)
	}
	old, half := time.Now().Add(-2*time.Hour), filepath.Join(s.Dir, ".new-killed")
	if err := os.Mkdir(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); err != nil {
		t.Errorf("what is being brought was pruned: %v", err)
	}
	if _, err := s.Find(kept.ID); err != nil {
		t.Errorf("what was brought just now was pruned: %v", err)
	}
	for _, name := range []string{half, filepath.Join(s.Dir, kept.ID+".git")} {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Prune(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

func TestShelfFetch(t *testing.T) {
	t.Parallel()
	web, head := host(t)
	s := newShelf(t, Fetcher{HTTP: web.Client()})
	for address, revision := range map[string]string{"/git/t.git": "", "/git/t.git//go": "main", "/git/t.git@main": ""} {
		got, err := s.Fetch(t.Context(), web.URL+address, revision, "usr_1")
		if err != nil || got.Commit != head || got.Files != 1 || got.Branch != "main" || strings.Contains(address, "//") != (got.Folder == "go") {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
	for address, code := range map[string]pave.Code{web.URL + "/git/t.git@none": pave.NotFound, web.URL + "/plain.zip": pave.Invalid, "/etc": pave.Invalid,
		"https://h/x@" + strings.Repeat("x", 300): pave.Invalid, web.URL + "/closed.zip/x": pave.NotFound} {
		if got, err := s.Fetch(t.Context(), address, "", "usr_1"); pave.CodeOf(err) != code {
			t.Errorf("%s: %+v, %v, want %s", address, got, err, code)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.Dir, ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}
