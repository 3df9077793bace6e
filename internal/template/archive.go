package template

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

const (
	// maxLinks is how many symbolic links may lead from one to the next.
	maxLinks = 10
	// maxFolders and maxNested bound a tree of folders: a repository of a few objects
	// can hold the same folder within itself a million times, without a file.
	maxFolders = 20_000
	maxNested  = 100
)

// Pack reads a folder into an archive, a zip whose bytes depend on names, contents
// and executable bits alone. A symbolic link to a file inside becomes that file, one
// to a folder is left out, and what belongs to git is left out. The error is Invalid
// for a link that leads outside or nowhere, for what is no file, beyond MaxFiles and
// MaxBytes, and for too many folders.
func Pack(fsys fs.FS) ([]byte, error) {
	var out bytes.Buffer
	p := packer{fsys: fsys, zip: zip.NewWriter(&out)}
	err := fs.WalkDir(fsys, ".", p.add)
	var known *pave.Error
	switch {
	case errors.As(err, &known):
		return nil, known
	case err != nil:
		return nil, pave.Errorf(pave.Unavailable, "reading the template: %w", err)
	}
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type packer struct {
	fsys    fs.FS
	zip     *zip.Writer
	files   int
	folders int
	bytes   int64
}

func (p *packer) add(name string, d fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case path.Base(name) == ".git" && d.IsDir():
		return fs.SkipDir
	case d.IsDir():
		if p.folders++; p.folders > maxFolders || strings.Count(name, "/") >= maxNested {
			return tooManyFolders()
		}
		return nil
	case path.Base(name) == ".git":
		return nil
	}
	from := name
	if d.Type()&fs.ModeSymlink != 0 {
		if from, err = p.follow(name); err != nil || from == "" {
			return err
		}
	}
	info, err := fs.Stat(p.fsys, from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return pave.Errorf(pave.Invalid, "%q is neither file nor folder", name).WithHint("leave it out of the template")
	}
	if p.files++; p.files > MaxFiles || p.bytes+info.Size() > MaxBytes {
		return tooLarge()
	}
	return p.copy(name, from, info.Mode())
}

func tooLarge() error {
	return pave.Errorf(pave.Invalid, "the template has more than %d files or %d MiB", MaxFiles, MaxBytes>>20).
		WithHint("name the folder that holds the template: ADDRESS//FOLDER")
}

func tooManyFolders() error {
	return pave.Errorf(pave.Invalid, "the template has more than %d folders, or %d within each other", maxFolders, maxNested).
		WithHint("name the folder that holds the template: ADDRESS//FOLDER")
}

// follow returns the file that a link leads to, or "" for a folder.
func (p *packer) follow(name string) (string, error) {
	at := name
	for range maxLinks {
		to, err := fs.ReadLink(p.fsys, at)
		if err != nil {
			return "", err
		}
		next := path.Join(path.Dir(at), to)
		if path.IsAbs(to) || !fs.ValidPath(next) {
			return "", pave.Errorf(pave.Invalid, "%q is a link that leads out of the template: %q", name, to).
				WithHint("put the file itself there")
		}
		info, err := fs.Lstat(p.fsys, next)
		switch {
		case err != nil:
			return "", pave.Errorf(pave.Invalid, "%q is a link that leads to nothing: %q", name, to).WithHint("remove the link")
		case info.IsDir():
			return "", nil
		case info.Mode()&fs.ModeSymlink == 0:
			return next, nil
		}
		at = next
	}
	return "", pave.Errorf(pave.Invalid, "%q is a link that leads to more than %d others", name, maxLinks).WithHint("put the file itself there")
}

func (p *packer) copy(name, from string, mode fs.FileMode) error {
	f, err := p.fsys.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(plainMode(mode))
	w, err := p.zip.CreateHeader(h)
	if err != nil {
		return err
	}
	n, err := io.Copy(w, io.LimitReader(f, MaxBytes-p.bytes+1))
	if p.bytes += n; err == nil && p.bytes > MaxBytes {
		return tooLarge()
	}
	return err
}

// plainMode keeps of a mode whether the file is executable.
func plainMode(mode fs.FileMode) fs.FileMode {
	if mode&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

// Unpack opens an archive, which may come from anywhere, as a file system in
// memory. The error is Invalid for what is no zip, for paths that lead outside or
// stand twice, for links and devices, and beyond MaxFiles and MaxBytes, which also
// bound what a bomb unpacks to.
func Unpack(data []byte) (fs.FS, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "the archive is not a zip: %w", err)
	}
	bad := func(name, rule string) error {
		return pave.Errorf(pave.Invalid, "the archive holds %.200q, which %s", name, rule)
	}
	total, seen := uint64(0), map[string]bool{} // true for a folder
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		mode := f.Mode()
		switch {
		case !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00"):
			return nil, bad(f.Name, "leads outside of it")
		case known(seen, name):
			return nil, bad(f.Name, "stands there twice")
		case !mode.IsDir() && !mode.IsRegular():
			return nil, bad(f.Name, "is neither file nor folder")
		}
		seen[name] = mode.IsDir()
		// A size near the end of its range would turn the sum around.
		if total += min(f.UncompressedSize64, MaxBytes+1); total > MaxBytes || len(seen) > MaxFiles {
			return nil, tooLarge()
		}
	}
	for name := range seen {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if known(seen, dir) && !seen[dir] {
				return nil, bad(dir, "is a file and a folder")
			}
		}
	}
	return z, nil
}

func known(m map[string]bool, key string) bool {
	_, ok := m[key]
	return ok
}

// digestOf names the contents of a template: two folders with the same files have
// the same digest, whatever packed them.
func digestOf(fsys fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		fmt.Fprintf(h, "%d %s %v %d\n", len(name), name, plainMode(info.Mode()), len(data))
		h.Write(data)
		return err
	})
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

// Golden returns the tree that lies in golden/NAME beside template.yaml; the error
// is fs.ErrNotExist where there is none.
func (t *Template) Golden(name string) ([]File, error) {
	all, err := Unpack(t.archive)
	if err != nil {
		return nil, err
	}
	dir, err := fs.Sub(all, path.Join("golden", name))
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(dir, "."); err != nil {
		return nil, fs.ErrNotExist
	}
	return filesOf(dir)
}

// filesOf reads all files, by path.
func filesOf(dir fs.FS) ([]File, error) {
	var out []File
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(dir, name)
		out = append(out, File{Path: name, Mode: plainMode(info.Mode()), Data: data})
		return err
	})
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out, err
}
