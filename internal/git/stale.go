package git

import (
	"io/fs"
	"os"
	"strings"
	"time"
)

// staleAfter is when a lock file of git's is nobody's any more: git holds one for the
// moment in which it writes a ref.
const staleAfter = 15 * time.Second

// unlock removes the lock files that a git which was killed left on the refs of a
// repository: they would refuse every later push. Those of a git that is at work are
// young and stay.
func unlock(dir string, now time.Time) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	remove := func(path string, d fs.DirEntry) error {
		if d.IsDir() || !strings.HasSuffix(path, ".lock") {
			return nil
		}
		info, err := d.Info()
		if err != nil || now.Sub(info.ModTime()) < staleAfter {
			return nil // gone meanwhile, or in use
		}
		if err := root.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	}
	top, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, d := range top { // packed-refs.lock, HEAD.lock, config.lock
		if err := remove(d.Name(), d); err != nil {
			return err
		}
	}
	return fs.WalkDir(root.FS(), "refs", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d == nil {
			return nil // gone meanwhile
		}
		return remove(path, d)
	})
}
