package server

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/pave-platform/pave"
)

// A build tree belongs to a user whose programs may still run while we, as root,
// work on it. Three rules keep us from being led astray: the folder a tree lies in
// is ours, so the tree cannot be put in another's place; all is done through an
// os.Root, so no link leads out of it; and a tree is taken from the top, so that
// the names in a folder are fixed before we read them.

const (
	maxCopied = 1 << 30 // bytes that are copied of one tree
	maxDepth  = 500     // folders in each other; each costs a step of every look-up
)

// giveTree gives a tree of ours to a user. Its top goes last: until then nobody
// else can enter.
func giveTree(ctx context.Context, dir string, uid int) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Chmod(".", 0o700); err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return root.Lchown(name, uid, uid)
	})
	if err != nil {
		return err
	}
	return root.Lchown(".", uid, uid)
}

// takeTree takes a tree back from the user that built it (0: it is ours already)
// and makes it read-only to everybody else. With a group only that one, and we,
// may enter it. It may be called again after it was interrupted.
func takeTree(ctx context.Context, dir string, from, group int) error {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return errors.Join(err, pave.Errorf(pave.Conflict, "the build folder %s is not a folder any more", dir).WithHint("push again"))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := &taking{root: root, from: from, left: maxCopied}
	err = fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.Count(name, "/") >= maxDepth {
			return pave.Errorf(pave.Invalid, "the build left more than %d folders in each other", maxDepth)
		}
		return t.take(name)
	})
	if err != nil || group == 0 {
		return err
	}
	return errors.Join(root.Lchown(".", os.Getuid(), group), root.Chmod(".", 0o750))
}

type taking struct {
	root *os.Root
	from int
	left int64 // bytes that may still be copied
}

// take takes one entry of a folder that was taken before.
func (t *taking) take(name string) error {
	info, err := t.root.Lstat(name)
	if err != nil {
		return err
	}
	if t.from != 0 {
		stat := info.Sys().(*syscall.Stat_t)
		ours := int(stat.Uid) == os.Getuid()
		if !ours && int(stat.Uid) != t.from || ours && info.Mode().IsRegular() && stat.Nlink > 1 {
			return pave.Errorf(pave.Denied, "the build put %q into its tree, which belongs to user %d", name, stat.Uid).
				WithHint("let the build copy files, not link them")
		}
		if info.Mode().IsRegular() && stat.Nlink > 1 { // the other name may lie in a cache
			return t.copy(name, info)
		}
		if err := t.root.Lchown(name, os.Getuid(), os.Getgid()); err != nil {
			return err
		}
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	if err := t.root.Chmod(name, readable(info.Mode())); err != nil {
		return err
	}
	if t.from == 0 || !info.Mode().IsRegular() {
		return nil
	}
	quiet, err := t.unwritten(name)
	if err != nil || quiet {
		return err
	}
	return t.copy(name, info)
}

// readable is a mode without the right to write, but for the owner, and with the
// right to read.
func readable(m fs.FileMode) fs.FileMode {
	mode := m.Perm()&^0o022 | 0o444
	switch {
	case m.IsDir():
		mode |= 0o755
	case mode&0o100 != 0:
		mode |= 0o111
	}
	return mode
}

// unwritten reports whether no program has the file open for writing. None can
// open it so any more.
func (t *taking) unwritten(name string) (bool, error) {
	f, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return noWriters(f), nil
}

// copy puts a copy of ours in the place of a file that somebody may still change.
func (t *taking) copy(name string, info fs.FileInfo) error {
	if t.left -= info.Size(); t.left < 0 {
		return pave.Errorf(pave.Invalid, "the build left more than %d MB of files linked or open for writing", maxCopied>>20).
			WithHint("let the build end all programs it starts")
	}
	in, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	fresh := path.Join(path.Dir(name), ".pave-"+rand.Text())
	out, err := t.root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, info.Size()))
	err = errors.Join(err, out.Chmod(readable(info.Mode())), out.Close())
	if err == nil {
		err = t.root.Rename(fresh, name)
	}
	if err != nil {
		_ = t.root.Remove(fresh)
	}
	return err
}
