package git

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pave-platform/pave"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	dir, head := create(t, sample())
	must(t, dir, "fsck", "--strict", "--full")
	want := `100644 a.txt
100644 a/b.txt
100644 a/b/c/deep.txt
100755 bin/run
100644 README.md`
	var got []string
	for line := range strings.Lines(must(t, dir, "ls-tree", "-r", "main")) {
		mode, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		got = append(got, mode+" "+path[strings.IndexByte(path, '\t')+1:])
	}
	if sorted := strings.Join(append(got[1:], got[0]), "\n"); sorted != want {
		t.Errorf("got\n%s\nwant\n%s", sorted, want)
	}
	if log := must(t, dir, "log", "--format=%H|%an|%ae|%aI|%s", "HEAD"); log != head+"|pave|pave@localhost|2026-01-02T02:04:05+00:00|First commit\n" {
		t.Errorf("got log %q", log)
	}
	if _, other := create(t, sample()); other != head {
		t.Errorf("the same input made commits %s and %s", head, other)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCreateAgain(t *testing.T) {
	t.Parallel()
	dir, head := create(t, sample())
	changed := sample()
	changed.Files = changed.Files[:1]
	if again, err := Create(t.Context(), dir, changed); err != nil || again != head {
		t.Errorf("got %s, %v, want our repository as it is, at %s", again, err, head)
	}
	foreign := sample()
	foreign.Resource = "res_other"
	if _, err := Create(t.Context(), dir, foreign); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("got %v, want conflict: the repository is of another resource", err)
	}
	for reason, make := range map[string]func(dir string) error{
		"an empty folder":  func(d string) error { return os.Mkdir(d, 0o755) },
		"a file":           func(d string) error { return os.WriteFile(d, []byte("mine"), 0o644) },
		"a dangling link":  func(d string) error { return os.Symlink("nowhere", d) },
		"an unmarked repo": func(d string) error { _, err := client(t, filepath.Dir(d), "init", "--bare", d); return err },
	} {
		dir := filepath.Join(t.TempDir(), "pay.git")
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(dir)
		_, err := Create(t.Context(), dir, sample())
		after, statErr := os.Lstat(dir)
		if pave.CodeOf(err) != pave.Conflict || statErr != nil || !os.SameFile(before, after) {
			t.Errorf("%s: got %v, want conflict and no change", reason, err)
		}
	}
}

func TestCreateTogether(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pay.git")
	var wg sync.WaitGroup
	heads := make([]string, 8)
	errs := make([]error, len(heads))
	for i := range heads {
		wg.Go(func() { heads[i], errs[i] = Create(t.Context(), dir, sample()) })
	}
	wg.Wait()
	for i, head := range heads {
		if head != heads[0] || head == "" {
			t.Errorf("call %d got %q, %v, call 0 got %q", i, head, errs[i], heads[0])
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// hostilePaths must be in no tree.
func hostilePaths() []string {
	return []string{
		"", ".", "..", "../x", "a/../x", "/etc/passwd", "a//b", "a/", "./a",
		".git", ".GIT", ".git/hooks/post-receive", "a/.Git/config", "git~1", "GIT~2/x", ".git.", ".git ", ".git...", ".git. /x",
		".g\u200cit", "\u200e.git", ".gi\ufefft", ".git::$INDEX_ALLOCATION", ".git:x", `.git\config`, `a\..\b`, "a\x00b", "a\nb", "a\xffb", "a\x1bb",
		strings.Repeat("abc/", 1100) + "x",
	}
}

func TestCreateRefusesPaths(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pay.git")
	for _, path := range hostilePaths() {
		r := sample()
		r.Files = append(r.Files, File{path, 0o644, nil})
		if _, err := Create(t.Context(), dir, r); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("path %q: got %v, want invalid", path, err)
		}
	}
	for _, path := range []string{"README.md", "a.txt/x", "a/b"} {
		r := sample()
		r.Files = append(r.Files, File{path, 0o644, nil})
		if _, err := Create(t.Context(), dir, r); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("path %q is there twice: got %v, want invalid", path, err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	for _, path := range []string{".gitignore", ".github/workflows/ci.yaml", "git", "x.git", ".gitt", "ünï/日本"} {
		if err := CheckPath(path); err != nil {
			t.Errorf("path %q: %v", path, err)
		}
	}
}
