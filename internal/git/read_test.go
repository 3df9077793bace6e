package git

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/google/go-cmp/cmp"

	"github.com/pave-platform/pave"
)

// listing describes what is in a folder, without following links.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		if err != nil || rel == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(p)
			out[rel] = "-> " + target
		default:
			data, _ := os.ReadFile(p)
			out[rel] = fmt.Sprintf("%o %s", info.Mode().Perm(), data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func root(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, dir
}

// An export has what a checkout by git has, also from packed objects.
func TestExport(t *testing.T) {
	t.Parallel()
	repo, _ := create(t, sample())
	work := t.TempDir()
	must(t, work, "clone", "-q", repo, ".")
	for link, target := range map[string]string{"link": "bin/run", "a/up": "../README.md", "a/b/top": "../../bin", "a/dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(work, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(work, "big"), []byte(strings.Repeat("0123456789abcdef", 1<<18)), 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, work, "add", ".")
	must(t, work, "commit", "-qm", "more")
	must(t, work, "push", "-q", "origin", "main")
	must(t, repo, "repack", "-adq")
	head, err := Head(repo, MainBranch)
	if err != nil {
		t.Fatal(err)
	}
	dest, dir := root(t)
	if err := Export(t.Context(), repo, head, dest); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(work, ".git")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listing(t, work), listing(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// commitOf writes a commit whose tree has the entries, as no honest git would.
func commitOf(t *testing.T, dir string, entries ...object.TreeEntry) string {
	t.Helper()
	tree := treeOf(t, dir, entries...)
	s := openStorage(dir)
	defer s.Close()
	commit, err := put(s, &object.Commit{TreeHash: tree, Message: "hostile"})
	if err != nil {
		t.Fatal(err)
	}
	return commit.String()
}

func blob(t *testing.T, dir, text string) plumbing.Hash {
	t.Helper()
	s := openStorage(dir)
	defer s.Close()
	hash, err := putBlob(s, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	repo, _ := create(t, sample())
	check := func(reason, commit string) {
		t.Helper()
		dest, dir := root(t)
		if err := Export(t.Context(), repo, commit, dest); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s: got %v, want invalid", reason, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 1 {
			t.Errorf("%s: something was written beside the tree", reason)
		}
	}
	file := blob(t, repo, "x")
	for _, path := range hostilePaths() {
		if path == "" || strings.ContainsAny(path, "\x00") || len(path) > 1000 {
			continue // no tree can have it
		}
		check(fmt.Sprintf("path %q", path), commitOf(t, repo, object.TreeEntry{Name: path, Mode: filemode.Regular, Hash: file}))
	}
	for _, target := range []string{"", "/etc/passwd", "..", "../x", "a/../../x", "b/..", "b/../x", ".git/config", "a/.GIT", `..\x`, "./../x", "a/./../../..", strings.Repeat("a/", 3000)} {
		check(fmt.Sprintf("link to %q", target), commitOf(t, repo, object.TreeEntry{Name: "link", Mode: filemode.Symlink, Hash: blob(t, repo, target)}))
	}
	check("a link and a folder of one name", commitOf(t, repo,
		object.TreeEntry{Name: "a", Mode: filemode.Symlink, Hash: blob(t, repo, "/tmp")},
		object.TreeEntry{Name: "a", Mode: filemode.Dir, Hash: treeOf(t, repo, object.TreeEntry{Name: "f", Mode: filemode.Regular, Hash: file})}))

	// Ten times the same folder, ten levels deep: ten billion folders in ten objects.
	hash := treeOf(t, repo)
	for range 10 {
		var entries []object.TreeEntry
		for i := range 10 {
			entries = append(entries, object.TreeEntry{Name: fmt.Sprint("d", i), Mode: filemode.Dir, Hash: hash})
		}
		hash = treeOf(t, repo, entries...)
	}
	check("a tree bomb", commitOf(t, repo, object.TreeEntry{Name: "d", Mode: filemode.Dir, Hash: hash}))
}

// treeOf writes a tree.
func treeOf(t *testing.T, repo string, entries ...object.TreeEntry) plumbing.Hash {
	t.Helper()
	s := openStorage(repo)
	defer s.Close()
	hash, err := put(s, &object.Tree{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestReadHistory(t *testing.T) {
	t.Parallel()
	repo, first := create(t, sample())
	work := t.TempDir()
	must(t, work, "clone", "-q", repo, ".")
	for _, message := range []string{"second", "third\n\nbody"} {
		must(t, work, "commit", "-q", "--allow-empty", "-m", message)
	}
	must(t, work, "push", "-q", "origin", "main")
	head, err := Head(repo, "refs/heads/main")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := CountSince(t.Context(), repo, first); n != 2 || err != nil {
		t.Errorf("got %d, %v, want 2 commits since the first", n, err)
	}
	entries, err := Log(t.Context(), repo, head, 2)
	if err != nil || len(entries) != 2 || entries[0].ID != head || entries[0].Subject != "third" || entries[1].Subject != "second" || entries[1].Name != "Ann" {
		t.Errorf("got %+v, %v, want the last two commits", entries, err)
	}
	if _, err := Head(repo, "nope"); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("got %v, want no such branch", err)
	}
	if _, err := Log(t.Context(), repo, strings.Repeat("0", 40), 1); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("got %v, want no such commit", err)
	}
	if _, err := CountSince(t.Context(), repo, "--all"); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("got %v, want invalid", err)
	}
	if marker, err := Marker(repo); marker != resource || err != nil {
		t.Errorf("got marker %q, %v", marker, err)
	}
	if _, err := Marker(repo + "x"); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("got %v, want no repository", err)
	}
}
