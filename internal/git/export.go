package git

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/pave-platform/pave"
)

// Export writes the files of a commit into dest, which should be empty: a tree
// without .git, with modes and links kept, submodules as empty folders. Nothing
// outside of dest is written or read. The errors are those of Files, and Invalid
// for a symbolic link that leads out of the tree; what was written until then stays.
func Export(ctx context.Context, dir, commit string, dest *os.Root) error {
	x := &export{dest: dest, made: map[string]bool{".": true}}
	links := map[string]string{}
	for f, err := range Files(ctx, dir, commit) {
		if err != nil {
			return err
		}
		switch {
		case f.Mode.IsDir():
			err = x.mkdir(f.Path)
		case f.Mode&fs.ModeSymlink != 0:
			links[f.Path], err = readLink(f)
		default:
			err = x.writeFile(ctx, f)
		}
		if err != nil {
			return err
		}
	}
	// Last, so that no file is ever written through one.
	for p, target := range links {
		if err := x.mkdir(path.Dir(p)); err != nil {
			return err
		}
		if err := dest.Symlink(target, p); err != nil {
			return pave.Errorf(pave.Internal, "writing link %q: %w", p, err)
		}
	}
	return nil
}

// An export remembers the folders it made.
type export struct {
	dest *os.Root
	made map[string]bool
}

func (x *export) mkdir(p string) error {
	if x.made[p] {
		return nil
	}
	if err := x.dest.MkdirAll(p, 0o755); err != nil {
		return pave.Errorf(pave.Internal, "making folder %q: %w", p, err)
	}
	x.made[p] = true
	return nil
}

func readLink(f TreeFile) (string, error) {
	if f.Size > maxPath {
		return "", checkLink(f.Path, "")
	}
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	target, err := io.ReadAll(io.LimitReader(r, maxPath))
	if err != nil {
		return "", pave.Errorf(pave.Internal, "reading link %q: %w", f.Path, err)
	}
	return string(target), checkLink(f.Path, string(target))
}

func (x *export) writeFile(ctx context.Context, f TreeFile) error {
	if err := x.mkdir(path.Dir(f.Path)); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := x.dest.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode.Perm())
	if err != nil {
		return pave.Errorf(pave.Internal, "making file %q: %w", f.Path, err)
	}
	_, err = io.Copy(out, readerContext{ctx, io.LimitReader(in, f.Size)})
	if err := errors.Join(err, out.Chmod(f.Mode.Perm()), out.Close()); err != nil {
		return pave.Errorf(pave.Internal, "writing file %q: %w", f.Path, err)
	}
	return nil
}

// readerContext stops reading when its context ends.
type readerContext struct {
	ctx context.Context
	r   io.Reader
}

func (r readerContext) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// CheckTree says how many files a commit has. The errors are those of Export.
func CheckTree(ctx context.Context, dir, commit string) (files int, err error) {
	for f, err := range Files(ctx, dir, commit) {
		if err == nil && f.Mode&fs.ModeSymlink != 0 {
			_, err = readLink(f)
		}
		if err != nil {
			return files, err
		}
		files++
	}
	return files, nil
}
