package git

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

// gitIn runs git as a developer does.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@localhost", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@localhost"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// worked is a repository with three commits on branch trunk and one on feature/x.
func worked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	gitIn(t, dir, "init", "-q", "-b", "trunk")
	for i := range 3 {
		write(t, dir, "a.txt", fmt.Sprint(i))
		write(t, dir, "api/main.go", "package main")
		gitIn(t, dir, "add", "-A")
		gitIn(t, dir, "commit", "-q", "-m", fmt.Sprint("change ", i))
	}
	gitIn(t, dir, "checkout", "-q", "-b", "feature/x")
	write(t, dir, "x.txt", "x")
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-q", "-m", "x")
	gitIn(t, dir, "checkout", "-q", "trunk")
	return dir
}

// state is every file of a folder with its time and bytes.
func state(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		data, readErr := os.ReadFile(p)
		fmt.Fprintf(&out, "%s %v %v %x\n", p, info.ModTime(), readErr, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHistory(t *testing.T) {
	t.Parallel()
	dir := worked(t)
	write(t, dir, "new.txt", "new")
	write(t, dir, "a.txt", "changed")
	before := state(t, dir)
	for _, c := range []struct {
		dir, within, branch string
		at                  Revision
		commits, changed    int
	}{
		{dir, "", "trunk", "", 3, 2},
		{filepath.Join(dir, "api"), "api", "trunk", "", 3, 2},
		{dir, "", "feature/x", "feature/x", 4, 0},
		{dir, "", gitIn(t, dir, "rev-parse", "trunk~1"), Revision(gitIn(t, dir, "rev-parse", "trunk~1")), 2, 0},
	} {
		f, err := OpenFolder(t.Context(), c.dir, c.at)
		if err != nil || f.Within != c.within || f.Branch != c.branch || f.Changed != c.changed || len(f.LeftOut) != c.changed {
			t.Fatalf("%+v: %+v, %v", c, f, err)
		}
		var pack bytes.Buffer
		if err := f.Pack(t.Context(), &pack); err != nil {
			t.Fatal(err)
		}
		kept := filepath.Join(t.TempDir(), "kept.git")
		h, err := ReceiveHistory(t.Context(), kept, f.History, &pack)
		if err != nil || h.Commits != c.commits {
			t.Fatalf("%+v: %+v, %v", c, h, err)
		}
		if n, err := CheckTree(t.Context(), kept, h.Commit); err != nil || n < 2 {
			t.Errorf("%d files, %v", n, err)
		}
		adopted := filepath.Join(t.TempDir(), "shop.git")
		for range 2 { // the second call finds it
			head, err := Create(t.Context(), adopted, Repository{Resource: "res_1", From: kept, Head: h.Commit})
			if err != nil || head != f.Commit {
				t.Fatalf("%s, %v", head, err)
			}
		}
		if err := os.RemoveAll(kept); err != nil {
			t.Fatal(err)
		}
		clone := filepath.Join(t.TempDir(), "clone")
		gitIn(t, "/", "clone", "-q", adopted, clone)
		if got := gitIn(t, clone, "rev-list", "--count", "main"); got != fmt.Sprint(c.commits) {
			t.Errorf("%s commits in a clone, want %d", got, c.commits)
		}
		gitIn(t, clone, "fsck", "--strict")
	}
	if after := state(t, dir); after != before {
		t.Error("looking and packing wrote into the folder")
	}
}

// What is brought of a shallow clone is what it has, and can be cloned and added to.
func TestShallowHistory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "shallow")
	gitIn(t, "/", "clone", "-q", "--depth", "2", "file://"+worked(t), dir)
	f, err := OpenFolder(t.Context(), dir, "")
	if err != nil || len(f.Shallow) != 1 {
		t.Fatalf("%+v, %v", f, err)
	}
	var pack bytes.Buffer
	if err := f.Pack(t.Context(), &pack); err != nil {
		t.Fatal(err)
	}
	kept, adopted := filepath.Join(t.TempDir(), "kept.git"), filepath.Join(t.TempDir(), "shop.git")
	h, err := ReceiveHistory(t.Context(), kept, f.History, bytes.NewReader(pack.Bytes()))
	if err != nil || h.Commits != 2 {
		t.Fatalf("%+v, %v", h, err)
	}
	if _, err := Create(t.Context(), adopted, Repository{Resource: "res_1", From: kept, Head: h.Commit}); err != nil {
		t.Fatal(err)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	gitIn(t, "/", "clone", "-q", "file://"+adopted, clone)
	write(t, clone, "more.txt", "more")
	gitIn(t, clone, "add", "-A")
	gitIn(t, clone, "commit", "-q", "-m", "more")
	gitIn(t, clone, "push", "-q", "origin", "HEAD:main")

	f.Shallow = nil // without it the history is not whole
	if _, err := ReceiveHistory(t.Context(), filepath.Join(t.TempDir(), "x.git"), f.History, bytes.NewReader(pack.Bytes())); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("parents are missing: %v", err)
	}
}

func TestOpenFolderErrors(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	gitIn(t, empty, "init", "-q")
	for name, c := range map[string]struct {
		dir  string
		at   Revision
		code pave.Code
		says string
	}{
		"nothing there":   {filepath.Join(t.TempDir(), "x"), "", pave.NotFound, "there is no folder"},
		"no repository":   {t.TempDir(), "", pave.Invalid, "is not a git repository"},
		"no commit":       {empty, "", pave.Invalid, "has no commit yet"},
		"no such branch":  {worked(t), "nope", pave.NotFound, `no branch, tag or commit "nope"`},
		"a file's object": {worked(t), "trunk", "", ""},
	} {
		_, err := OpenFolder(t.Context(), c.dir, c.at)
		if pave.CodeOf(err) != c.code || err != nil && (!strings.Contains(err.Error(), c.says) || pave.HintOf(err) == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is sent may be anything.
func TestReceiveHistoryErrors(t *testing.T) {
	t.Parallel()
	f, err := OpenFolder(t.Context(), worked(t), "")
	if err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	if err := f.Pack(t.Context(), &pack); err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(pack.Bytes())
	bad[len(bad)/2] ^= 0x55
	other := History{Commit: strings.Repeat("a", 40)}
	for name, c := range map[string]struct {
		h    History
		pack []byte
	}{
		"no pack":            {f.History, []byte("hello")},
		"nothing":            {f.History, nil},
		"cut off":            {f.History, pack.Bytes()[:pack.Len()/2]},
		"a flipped byte":     {f.History, bad},
		"another commit":     {other, pack.Bytes()},
		"no id":              {History{Commit: "--upload-pack=x"}, pack.Bytes()},
		"no id in shallow":   {History{Commit: f.Commit, Shallow: []string{"x\ny"}}, pack.Bytes()},
		"all ids in shallow": {History{Commit: f.Commit, Shallow: slices.Repeat([]string{f.Commit}, maxShallow+1)}, pack.Bytes()},
	} {
		if h, err := ReceiveHistory(t.Context(), filepath.Join(t.TempDir(), "x.git"), c.h, bytes.NewReader(c.pack)); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	if _, err := Create(t.Context(), filepath.Join(t.TempDir(), "shop.git"), Repository{Resource: "res_1", From: t.TempDir(), Head: f.Commit}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("nothing is kept: %v", err)
	}
}

// A killed call's half repository is no hindrance, and a foreign one stays.
func TestCreateFromForeign(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "shop.git")
	gitIn(t, "/", "init", "-q", "--bare", dir)
	if _, err := Create(t.Context(), dir, Repository{Resource: "res_1", From: worked(t) + "/.git", Head: strings.Repeat("a", 40)}); pave.CodeOf(err) != pave.Conflict {
		t.Error(err)
	}
}
