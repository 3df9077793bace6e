package cookiecutter

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/pave-platform/pave"
)

// The bounds of a template and of what is made from it.
const (
	MaxFiles   = 20_000
	MaxBytes   = 64 << 20 // of all files together, read or made
	maxEntries = 4 * MaxFiles
	maxConfig  = 1 << 20
	maxDepth   = 60 // of folders
	maxHops    = 40 // links on the way to a file
)

// A source is the file system a template lies in. It follows links itself, so
// that none leads outside, whatever the file system would allow.
type source struct{ fsys fs.FS }

// follow returns the path behind p, and what is there. The error is Invalid for a
// link that leads outside or nowhere.
func (s source) follow(p string) (string, fs.FileInfo, error) {
	hops := 0
	done, rest := ".", strings.Split(p, "/")
	for len(rest) > 0 {
		next := path.Join(done, rest[0])
		rest = rest[1:]
		info, err := fs.Lstat(s.fsys, next)
		if err != nil {
			return "", nil, s.broken(p, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if done = next; len(rest) == 0 {
				return done, info, nil
			}
			continue
		}
		target, err := fs.ReadLink(s.fsys, next)
		if err != nil {
			return "", nil, pave.Errorf(pave.Invalid, "%s is a link, which cannot be followed: %w", next, err).
				WithHint("replace the link by the file it means")
		}
		if hops++; hops > maxHops {
			return "", nil, pave.Errorf(pave.Invalid, "%s is a link that leads to itself", p)
		}
		if target, err = inside(next, target); err != nil {
			return "", nil, err
		}
		done, rest = ".", append(strings.Split(target, "/"), rest...)
	}
	info, err := fs.Stat(s.fsys, done)
	return done, info, err
}

// inside returns where the link at p leads.
func inside(p, target string) (string, error) {
	to := path.Join(path.Dir(p), target)
	if path.IsAbs(target) || !fs.ValidPath(to) {
		return "", pave.Errorf(pave.Invalid, "%s is a link to %q, which is outside of the template", p, target).
			WithHint("replace the link by the file it means")
	}
	return to, nil
}

func (s source) broken(p string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return pave.Errorf(pave.Invalid, "%s is missing, or a link to what does not exist: %w", p, fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrInvalid) {
		return pave.Errorf(pave.Invalid, "the name %q is not UTF-8", p)
	}
	return pave.Errorf(pave.Unavailable, "cannot read %s: %w", p, err)
}

// list returns what is in the folder at p, links on the way to it followed.
func (s source) list(p string) ([]fs.DirEntry, error) {
	at, _, err := s.follow(p)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(s.fsys, at)
	if err != nil {
		return nil, s.broken(p, err)
	}
	return entries, nil
}

// read returns the file at p, without following links.
func (s source) read(p string, limit int64) ([]byte, error) {
	f, err := s.fsys.Open(p)
	if errors.Is(err, fs.ErrInvalid) {
		return nil, pave.Errorf(pave.Invalid, "the name %q is not UTF-8", p)
	}
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "cannot read %s: %w", p, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "cannot read %s: %w", p, err)
	}
	if int64(len(data)) > limit {
		return nil, pave.Errorf(pave.Invalid, "%s is larger than the %d bytes that are left for it", p, limit).
			WithHint("a template and what it makes have at most %d MiB", MaxBytes>>20)
	}
	return data, nil
}
