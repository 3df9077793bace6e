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

// FS returns the tree of a commit as a read-only file system; symbolic links are
// not followed and read as what they point to. The error is NotFound if the
// commit is not there. It is for one goroutine.
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

var _ fs.ReadDirFS = treeFS{}

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
	return &openFile{r, info{path.Base(name), 0o644, f.Size}}, nil
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
