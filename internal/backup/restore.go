package backup

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Inspect reads what a backup is of. It proves the file whole, made with this key
// and by no newer pave; nothing is changed.
func Inspect(file string, key Deriver) (m Manifest, err error) {
	m, err = ManifestOf(file)
	if err != nil {
		return m, err
	}
	if m.Format > Format {
		return m, pave.Errorf(pave.Conflict, "the backup was made by a newer pave (%s, format %d; this one reads %d)", m.Version, m.Format, Format).
			WithHint("restore it with pave %s or newer; nothing was changed", m.Version)
	}
	if err := store.CheckMigrations(m.Migrations); err != nil {
		return m, pave.Errorf(pave.Conflict, "the backup was made by a newer pave (%s): %w", m.Version, err).
			WithHint("restore it with pave %s or newer; nothing was changed", m.Version)
	}
	if m.Key != fingerprint(key, m.ID) {
		return m, pave.Errorf(pave.Denied, "the key is not the one that sealed what is in the backup").
			WithHint("name the file of keys with --keys FILE: pave admin backup --with-keys FILE wrote it; nothing was changed")
	}
	return m, read(file, key, m.ID, nil)
}

var errEnough = errors.New("enough was read")

// ManifestOf reads the first entry.
func ManifestOf(file string) (m Manifest, err error) {
	err = read(file, nil, "", func(h *tar.Header, r io.Reader) error {
		if h.Name != "manifest.json" {
			return pave.Errorf(pave.Invalid, "%s is no backup of pave", file).WithHint("name the file that pave admin backup wrote")
		}
		if err := json.NewDecoder(io.LimitReader(r, maxJSON)).Decode(&m); err != nil {
			return errCut(file, err)
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return m, err
}

// A Target is where a backup is restored to. Home is a new folder.
type Target struct {
	Home  string
	Hooks string // of repositories, in the home as it is called later
	Store string // URL of an empty store
	Key   Deriver
}

// Restore unpacks a backup that was inspected.
func Restore(ctx context.Context, file string, m Manifest, t Target) error {
	home, err := os.OpenRoot(t.Home)
	if err != nil {
		return err
	}
	defer home.Close()
	db, err := store.OpenAt(ctx, t.Store, m.Migrations)
	if err != nil {
		return err
	}
	defer db.Close()
	next, stop := tables(file, m, t)
	defer stop()
	if err := db.Load(ctx, next); err != nil {
		return err
	}
	return read(file, t.Key, m.ID, func(h *tar.Header, r io.Reader) error {
		kind, name, _ := strings.Cut(h.Name, "/")
		switch kind {
		case "git":
			folder := strings.TrimSuffix(name, ".pack")
			c, known := m.Repositories[folder]
			if !known || folder != path.Base(folder) {
				return errCut(file, errors.New("it has a repository that is not in its list"))
			}
			return c.Unpack(ctx, filepath.Join(t.Home, "git", folder), t.Hooks, r)
		case "home":
			return place(home, h, name, r)
		}
		return nil
	})
}

// tables gives the tables of a backup one after the other, and io.EOF.
func tables(file string, m Manifest, t Target) (next func() (string, io.Reader, error), stop func()) {
	type table struct {
		name string
		rows io.Reader
	}
	pull, stop := iter.Pull2(func(yield func(table, error) bool) {
		err := read(file, t.Key, m.ID, func(h *tar.Header, r io.Reader) error {
			kind, name, _ := strings.Cut(h.Name, "/")
			if kind == "store" && !yield(table{strings.TrimSuffix(name, ".jsonl"), r}, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(table{}, err)
		}
	})
	return func() (string, io.Reader, error) {
		found, err, ok := pull()
		if !ok {
			err = io.EOF
		}
		return found.name, found.rows, err
	}, stop
}

// place writes one entry of the home. Nothing leaves the home, whatever its links
// say.
func place(home *os.Root, h *tar.Header, name string, r io.Reader) error {
	mode := fs.FileMode(h.Mode).Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		if err := home.MkdirAll(name, 0o700); err != nil {
			return err
		}
		// A release is for the group of its service alone.
		if h.Gid != 0 && os.Geteuid() == 0 {
			if err := home.Lchown(name, 0, h.Gid); err != nil {
				return err
			}
		}
		return home.Chmod(name, mode|0o700)
	case tar.TypeSymlink:
		return home.Symlink(h.Linkname, name)
	}
	f, err := home.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Chmod(mode), f.Close())
}
