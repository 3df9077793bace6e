package backup

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/store"
)

// A Source is what is written into a backup.
type Source struct {
	DB           *store.DB
	Key          Deriver
	Version      string
	Repositories string   // folder of NAME.git
	Folders      []string // further folders of the home, whole
	Home         string
}

// Report says what is in a backup.
type Report struct {
	Manifest
	Rows int
	Size int64
}

// Write writes a backup to a file that is not there yet. The platform may go on
// working. A file that is not whole is removed.
func Write(ctx context.Context, s Source, path string) (r Report, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return r, pave.Errorf(pave.Conflict, "%s is there already", path).WithHint("name a new file, or a folder")
	}
	if err != nil {
		return r, pave.Errorf(pave.Unavailable, "write the backup: %w", err).WithHint("name a file in a folder that is writable")
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(path)
		}
	}()
	snapshot, repositories, err := mark(ctx, s)
	if err != nil {
		return r, err
	}
	defer snapshot.Close()
	r.Manifest = Manifest{Format: Format, ID: pave.NewID("bak"), Version: s.Version, Mark: time.Now().UTC(), Repositories: repositories}
	r.Key = fingerprint(s.Key, r.ID)
	if r.Migrations, err = snapshot.Migrations(ctx); err != nil {
		return r, err
	}
	w := newWriter(f)
	if err := w.addJSON("manifest.json", r.Manifest); err != nil {
		return r, err
	}
	if r.Rows, err = writeStore(ctx, w, snapshot); err != nil {
		return r, err
	}
	for name, c := range repositories {
		dir := filepath.Join(s.Repositories, name)
		if err := w.spooled("git/"+name+".pack", func(out io.Writer) error { return c.Pack(ctx, findCopy(s, dir, c), out) }); err != nil {
			return r, err
		}
	}
	for _, folder := range s.Folders {
		if err := w.folder(ctx, s.Home, folder); err != nil {
			return r, err
		}
	}
	if err := w.close(s.Key, r.ID); err != nil {
		return r, pave.Errorf(pave.Unavailable, "write the backup: %w", err).WithHint("free disk space")
	}
	info, err := f.Stat()
	if err == nil {
		r.Size = info.Size()
	}
	return r, err
}

// markTries bounds how often the moment is looked for.
const markTries = 100

// mark begins a snapshot at a moment of which the refs of all repositories are
// known: they were the same before and after.
func mark(ctx context.Context, s Source) (*store.Snapshot, map[string]git.Copy, error) {
	before, err := copies(s.Repositories)
	for range markTries {
		if err != nil {
			return nil, nil, err
		}
		snapshot, err := s.DB.Snapshot(ctx)
		if err != nil {
			return nil, nil, err
		}
		after, err := copies(s.Repositories)
		if err == nil && reflect.DeepEqual(before, after) {
			return snapshot, after, nil
		}
		snapshot.Close()
		if err != nil {
			return nil, nil, err
		}
		before = after
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil, nil, pave.Errorf(pave.Unavailable, "repositories change faster than they can be listed").WithHint("try again when less is pushed")
}

// copies lists the repositories of a folder with their refs. One that vanishes
// meanwhile is not there.
func copies(dir string) (map[string]git.Copy, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.git"))
	if err != nil {
		return nil, err
	}
	out := map[string]git.Copy{}
	for _, path := range found {
		c, err := git.CopyOf(path)
		if _, gone := os.Stat(path); gone != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[filepath.Base(path)] = c
	}
	return out, nil
}

// findCopy is the folder of a repository now: it may have been renamed or set aside
// since the mark.
func findCopy(s Source, dir string, c git.Copy) string {
	if marker, err := git.Marker(dir); err == nil && marker == c.Resource {
		return dir
	}
	found, _ := filepath.Glob(filepath.Join(s.Repositories, "*.git"))
	for _, other := range found {
		if marker, err := git.Marker(other); err == nil && marker == c.Resource {
			return other
		}
	}
	return dir
}

func writeStore(ctx context.Context, w *writer, s *store.Snapshot) (rows int, err error) {
	tables, err := s.Tables(ctx)
	if err != nil {
		return 0, err
	}
	for _, table := range tables {
		err := w.spooled("store/"+table+".jsonl", func(out io.Writer) error {
			n, err := s.Dump(ctx, table, out)
			rows += n
			return err
		})
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// folder adds a folder of the home. What vanishes while it is read is old and gone.
func (w *writer) folder(ctx context.Context, home, folder string) error {
	return filepath.WalkDir(filepath.Join(home, folder), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		rel, err := filepath.Rel(home, path)
		if err != nil || strings.HasPrefix(d.Name(), ".new-") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(path); err != nil {
				return ignoreGone(err)
			}
		}
		if !info.Mode().IsRegular() && !info.IsDir() && link == "" {
			return nil
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		*h = tar.Header{Typeflag: h.Typeflag, Name: "home/" + filepath.ToSlash(rel), Mode: h.Mode, Gid: h.Gid, Size: h.Size, Linkname: h.Linkname}
		if !info.Mode().IsRegular() {
			return w.add(h, nil)
		}
		f, err := os.Open(path)
		if err != nil {
			return ignoreGone(err)
		}
		defer f.Close()
		return w.add(h, f)
	})
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
