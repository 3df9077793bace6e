package terraform

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pave-platform/pave"
)

// A Sealer seals what is kept outside of working folders.
type Sealer interface {
	Seal(pave.Secret) ([]byte, error)
	Open([]byte) (pave.Secret, error)
}

// The state of each resource has a sealed copy beside the working folders: it is what a
// backup of pave holds, and what a folder that is lost is made anew from.
func (d *Driver) copyOf(id string) string { return filepath.Join(d.Dir, "states", id) }

// copyState brings the copy up to date with the state.
func (w *work) copyState() error {
	if w.d.Key == nil || w.root == nil {
		return nil
	}
	to := w.d.copyOf(w.r.ID)
	info, err := w.root.Stat(stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		if w.has(thingsFile) { // it is elsewhere now
			_ = os.Remove(to)
		}
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	if have, err := os.Stat(to); err == nil && have.ModTime().After(info.ModTime()) {
		return nil
	}
	data, err := w.read(stateFile)
	if err != nil || len(data) == 0 {
		return err
	}
	sealed, err := w.d.Key.Seal(pave.NewSecret(string(data)))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return diskError(err)
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return diskError(err)
	}
	defer os.Remove(f.Name()) // gone already once it has its name
	_, err = f.Write(sealed)
	return diskError(errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), to)))
}

// fromCopy makes the working folder of a resource that has lost it, as after a restore,
// and reports whether there was a copy.
func (d *Driver) fromCopy(id string) (bool, error) {
	if d.Key == nil {
		return false, nil
	}
	sealed, err := os.ReadFile(d.copyOf(id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, diskError(err)
	}
	state, err := d.Key.Open(sealed)
	if err != nil {
		return false, pave.Errorf(pave.Unavailable, "the copy %s of a state cannot be opened: %w", d.copyOf(id), err).WithHint("restore the backup with its keys")
	}
	if err := errors.Join(d.passable(), os.Mkdir(d.folder(id), 0o700)); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, diskError(err)
	}
	root, err := os.OpenRoot(d.folder(id))
	if err != nil {
		return false, diskError(err)
	}
	defer root.Close()
	w := &work{d: d, root: root}
	return true, errors.Join(w.own("."), w.write(stateFile, []byte(state.Reveal())))
}
