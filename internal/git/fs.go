package git

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"sort"
	"time"

	"github.com/go-git/go-git/v5/plumbing/object"
)

// FS returns the tree of a commit as a read-only file system with the modes of its
// files. Symbolic links are not followed: they open as what they point to, and
// ReadLink tells. The error is NotFound if the commit is not there. It is for one
// goroutine.
func FS(ctx context.Context, dir, commit string) (fs.FS, error) {
	c, err := commitAt(openStorage(dir), dir, commit)
	if err != nil {
		return nil, err
	}
	tree, err := c.Tree()
	if err != nil {
		return nil, err
	}
	return treeFS{tree}, nil
}

type treeFS struct{ root *object.Tree }

var (
	_ fs.ReadDirFS  = treeFS{}
	_ fs.ReadLinkFS = treeFS{}
)

// Open opens a file or folder of the tree.
func (t treeFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if sub, err := t.folder(name); err == nil {
		return &folder{info{path.Base(name), fs.ModeDir | 0o755, 0}, entriesOf(sub), 0}, nil
	}
	f, err := t.root.File(name)
	if errors.Is(err, object.ErrFileNotFound) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	r, err := f.Reader()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	mode, err := f.Mode.ToOSFileMode()
	if err != nil || mode&fs.ModeSymlink != 0 {
		mode = 0o644 // what a link points to is read as a text
	}
	return &openFile{r, info{path.Base(name), mode, f.Size}}, nil
}

// Lstat describes what is at a path; for a link, the link.
func (t treeFS) Lstat(name string) (fs.FileInfo, error) {
	if name == "." {
		return info{".", fs.ModeDir | 0o755, 0}, nil
	}
	e, err := t.root.FindEntry(name)
	if err != nil || !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	mode, err := e.Mode.ToOSFileMode()
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return info{path.Base(name), mode, 0}, nil
}

// ReadLink returns what a symbolic link points to.
func (t treeFS) ReadLink(name string) (string, error) {
	at, err := t.Lstat(name)
	if err == nil && at.Mode()&fs.ModeSymlink == 0 {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	f, err := t.root.File(name)
	if err != nil {
		return "", err
	}
	return f.Contents()
}

// ReadDir lists a folder by name.
func (t treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	sub, err := t.folder(name)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	return entriesOf(sub), nil
}

func (t treeFS) folder(name string) (*object.Tree, error) {
	if name == "." {
		return t.root, nil
	}
	return t.root.Tree(name)
}

func entriesOf(t *object.Tree) []fs.DirEntry {
	out := make([]fs.DirEntry, 0, len(t.Entries))
	for _, e := range t.Entries {
		mode, err := e.Mode.ToOSFileMode()
		if err != nil {
			mode = fs.ModeIrregular
		}
		out = append(out, fs.FileInfoToDirEntry(info{e.Name, mode, 0}))
	}
	sort.Slice(out, func(i, k int) bool { return out[i].Name() < out[k].Name() })
	return out
}

// info describes a file of a commit, which has no time of its own.
type info struct {
	name string
	mode fs.FileMode
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type openFile struct {
	io.ReadCloser
	info info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

type folder struct {
	info    info
	entries []fs.DirEntry
	next    int
}

func (f *folder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *folder) Close() error               { return nil }
func (f *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.info.name, Err: fs.ErrInvalid}
}

// ReadDir returns the next n entries, or with n <= 0 all that are left.
func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	left := f.entries[f.next:]
	if n <= 0 {
		f.next = len(f.entries)
		return left, nil
	}
	if len(left) == 0 {
		return nil, io.EOF
	}
	left = left[:min(n, len(left))]
	f.next += len(left)
	return left, nil
}
