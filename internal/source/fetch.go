package source

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// The bounds of what is brought, in bytes as it travels, and of what a zip unpacks
// to.
const (
	MaxBytes    = 256 << 20
	maxUnpacked = 512 << 20
	maxEntries  = 50_000
)

// A Tree is what was brought. Close gives up what it needs.
type Tree struct {
	FS     fs.FS
	Commit string // of a repository
	close  func()
}

// Close gives up temporary files.
func (t *Tree) Close() {
	if t.close != nil {
		t.close()
	}
}

// A Fetcher brings trees. HTTP decides which hosts may be reached and who signs in
// there; it should bound what it reads by MaxBytes.
type Fetcher struct {
	HTTP *http.Client
	Temp string // where temporary folders are made; "" is the system's
}

// Fetch brings what lies at an address. Errors: Invalid for what is no tree,
// NotFound, Denied where a host or address is refused, Unavailable.
func (f Fetcher) Fetch(ctx context.Context, a Address) (*Tree, error) {
	var t *Tree
	var err error
	switch a.Form {
	case Folder:
		t, err = f.folder(a)
	case Zip:
		t, err = f.zip(ctx, a)
	default:
		t, err = f.git(ctx, a)
	}
	if err != nil || a.Folder == "" {
		return t, err
	}
	info, err := fs.Stat(t.FS, a.Folder)
	if err == nil && info.IsDir() {
		t.FS, err = fs.Sub(t.FS, a.Folder)
		return t, err
	}
	t.Close()
	return nil, pave.Errorf(pave.NotFound, "%s has no folder %q", a.URL, a.Folder)
}

func (f Fetcher) folder(a Address) (*Tree, error) {
	root, err := os.OpenRoot(a.URL)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, pave.Errorf(pave.NotFound, "there is no folder %s", a.URL).WithHint(examples)
	}
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "open the folder %s: %w", a.URL, err)
	}
	return &Tree{FS: root.FS(), close: func() { _ = root.Close() }}, nil
}

func (f Fetcher) git(ctx context.Context, a Address) (*Tree, error) {
	dir, err := os.MkdirTemp(f.Temp, "pave-source-")
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "make a temporary folder: %w", err)
	}
	t := &Tree{close: func() { _ = os.RemoveAll(dir) }}
	if t.Commit, err = git.Fetch(ctx, f.HTTP, a.URL, a.Rev, dir); err == nil {
		t.FS, err = git.FS(ctx, dir, t.Commit)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (f Fetcher) zip(ctx context.Context, a Address) (*Tree, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return nil, pave.BadField("source", a.URL, "is not an address", examples)
	}
	resp, err := f.HTTP.Do(req)
	if err != nil {
		return nil, callError(a.URL, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(a.URL, resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, MaxBytes+1))
	if err != nil {
		return nil, callError(a.URL, err)
	}
	if len(data) > MaxBytes {
		return nil, pave.Errorf(pave.Invalid, "%s has more than %d MiB", a.URL, MaxBytes>>20)
	}
	fsys, err := openZip(a.URL, data)
	if err != nil {
		return nil, err
	}
	return &Tree{FS: fsys}, nil
}

// openZip opens a zip as a tree. A single folder around all of it, as git hosts
// make them, is taken off.
func openZip(name string, data []byte) (fs.FS, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s is not a zip: %w", name, err).WithHint("is the address one of a page?")
	}
	total := uint64(0)
	tops := map[string]bool{}
	for i, e := range z.File {
		clean := strings.TrimSuffix(e.Name, "/")
		if !fs.ValidPath(clean) || strings.Contains(clean, "\\") {
			return nil, pave.Errorf(pave.Invalid, "%s holds %.200q, which leads outside of it", name, e.Name)
		}
		// A size near the end of its range would turn the sum around.
		if total += min(e.UncompressedSize64, maxUnpacked+1); total > maxUnpacked || i >= maxEntries {
			return nil, pave.Errorf(pave.Invalid, "%s unpacks to more than %d files or %d MiB", name, maxEntries, maxUnpacked>>20)
		}
		top, inside, _ := strings.Cut(e.Name, "/")
		tops[top] = tops[top] || inside == "" && !strings.HasSuffix(e.Name, "/") // a file at the top
	}
	if len(tops) == 1 {
		for top, file := range tops {
			if !file {
				return fs.Sub(z, path.Clean(top))
			}
		}
	}
	return z, nil
}

func callError(url string, err error) error {
	var known *pave.Error
	if errors.As(err, &known) {
		return known
	}
	return pave.Errorf(pave.Unavailable, "fetch %s: %w", url, err).WithHint("try again, or check the address")
}

func statusError(url string, status int) error {
	what := fmt.Sprintf("%s answers %d %s", url, status, http.StatusText(status))
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return pave.Errorf(pave.Denied, "%s", what).WithHint("put a line https://USER:TOKEN@HOST into the file of PAVE_CREDENTIALS")
	case status == http.StatusNotFound || status == http.StatusGone:
		return pave.Errorf(pave.NotFound, "%s", what).WithHint("check the address")
	case status == http.StatusTooManyRequests || status >= 500:
		return pave.Errorf(pave.Unavailable, "%s", what).WithHint("try again")
	}
	return pave.Errorf(pave.Invalid, "%s", what).WithHint("check the address")
}
