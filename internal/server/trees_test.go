package server

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

const builder, reader = 69999, 70042

// built is a tree as a build of the user leaves it, beside a victim that is root's.
func built(t *testing.T) (tree, victim string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("users are told apart only by root")
	}
	base := t.TempDir()
	tree, victim = filepath.Join(base, "tree"), filepath.Join(base, "victim")
	write(t, filepath.Join(tree, "bin", "app"), 0o777)
	write(t, filepath.Join(tree, "zz", "secret"), 0o600)
	write(t, filepath.Join(victim, "secret"), 0o600)
	if err := giveTree(t.Context(), tree, builder); err != nil {
		t.Fatal(err)
	}
	return tree, victim
}

func write(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("built"), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func owner(t *testing.T, path string) (uid, gid int, mode fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	return int(s.Uid), int(s.Gid), info.Mode().Perm()
}

func TestTreeIsGivenAndTaken(t *testing.T) {
	t.Parallel()
	tree, _ := built(t)
	if uid, _, mode := owner(t, tree); uid != builder || mode != 0o700 {
		t.Fatalf("a tree that builds: user %d, mode %o", uid, mode)
	}
	for range 2 { // again after a crash
		if err := takeTree(t.Context(), tree, builder, reader); err != nil {
			t.Fatal(err)
		}
	}
	if uid, gid, mode := owner(t, tree); uid != 0 || gid != reader || mode != 0o750 {
		t.Errorf("the top of a release: %d:%d, mode %o; others must not enter it", uid, gid, mode)
	}
	for name, want := range map[string]fs.FileMode{"bin": 0o755, "bin/app": 0o755, "zz/secret": 0o644} {
		if uid, _, mode := owner(t, filepath.Join(tree, name)); uid != 0 || mode != want {
			t.Errorf("%s: user %d, mode %o, want root and %o", name, uid, mode, want)
		}
	}
}

func TestTreeTakenFromAProgramThatGoesOn(t *testing.T) {
	t.Parallel()
	tree, _ := built(t)
	open, err := os.OpenFile(filepath.Join(tree, "bin", "app"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	cache := filepath.Join(filepath.Dir(tree), "cache")
	write(t, cache, 0o644)
	if err := os.Chown(cache, builder, builder); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(cache, filepath.Join(tree, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := takeTree(t.Context(), tree, builder, reader); err != nil {
		t.Fatal(err)
	}
	if _, err := open.WriteString("EVIL!"); err != nil {
		t.Fatal(err)
	}
	write(t, cache, 0o644)
	for _, name := range []string{"bin/app", "linked"} {
		if got, err := os.ReadFile(filepath.Join(tree, name)); err != nil || string(got) != "built" {
			t.Errorf("%s was changed after the release: %q %v", name, got, err)
		}
	}
	if uid, _, _ := owner(t, cache); uid != builder {
		t.Error("the other name of a linked file was taken along")
	}
}

func TestTreeThatIsATrap(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(tree, victim string) error{
		"the tree is a link":        func(tree, victim string) error { os.RemoveAll(tree); return os.Symlink(victim, tree) },
		"a file of root is in it":   func(tree, victim string) error { return os.Link(victim+"/secret", tree+"/shadow") },
		"a file of another user":    func(tree, _ string) error { return os.Chown(tree+"/zz/secret", reader, reader) },
		"folders without an end":    func(tree, _ string) error { return os.MkdirAll(tree+strings.Repeat("/d", maxDepth+1), 0o755) },
		"the folder became a fifo?": func(tree, _ string) error { os.RemoveAll(tree); return syscall.Mkfifo(tree, 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, victim := built(t)
			if err := set(tree, victim); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "folders") {
				if err := giveTree(t.Context(), tree, builder); err != nil {
					t.Fatal(err)
				}
			}
			err := takeTree(t.Context(), tree, builder, reader)
			if code := pave.CodeOf(err); err == nil || code == pave.Internal {
				t.Errorf("taken: %v", err)
			}
			if uid, _, mode := owner(t, victim+"/secret"); uid != 0 || mode != 0o600 {
				t.Errorf("a file outside: user %d, mode %o", uid, mode)
			}
		})
	}
}

// A program of the build puts links in the place of folders while they are taken.
func TestTreeTakenInARace(t *testing.T) {
	t.Parallel()
	tree, victim := built(t)
	for dir := filepath.Dir(tree); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) { // so that the other user gets there
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if err := giveTree(t.Context(), tree, builder); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh", "-c", `while mv zz z2 && ln -s "$0" zz && rm zz && mv z2 zz; do :; done; rm -f zz; mv z2 zz`, victim)
		cmd.Dir = tree
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: builder, Gid: builder}}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		_ = takeTree(t.Context(), tree, builder, 0) // may fail, and is tried again
		_ = cmd.Wait()
		if uid, _, mode := owner(t, victim+"/secret"); uid != 0 || mode != 0o600 {
			t.Fatalf("a file outside was reached: user %d, mode %o", uid, mode)
		}
		os.Rename(tree+"/z2", tree+"/zz")
	}
}
