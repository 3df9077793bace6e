package git

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
)

// A note is a word about a repository that lies in its folder, beside what git keeps: it
// goes where the folder goes, and is in no clone and no backup.
func notePath(dir, name string) string { return filepath.Join(dir, "pave-"+name) }

// Note reads a note; "" where there is none.
func Note(dir, name string) (string, error) {
	text, err := os.ReadFile(notePath(dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", pave.Errorf(pave.Unavailable, "read note %s of repository %s: %w", name, filepath.Base(dir), err)
	}
	return strings.TrimSpace(string(text)), nil
}

// SetNote writes a note, whole or not at all; "" takes it away.
func SetNote(dir, name, text string) error {
	path := notePath(dir, name)
	if text == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return pave.Errorf(pave.Unavailable, "take away note %s of repository %s: %w", name, filepath.Base(dir), err)
		}
		return nil
	}
	temp, err := os.CreateTemp(dir, "pave-")
	if err != nil {
		return pave.Errorf(pave.Unavailable, "write note %s of repository %s: %w", name, filepath.Base(dir), err)
	}
	_, err = temp.WriteString(text + "\n")
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return pave.Errorf(pave.Unavailable, "write note %s of repository %s: %w", name, filepath.Base(dir), err)
	}
	return nil
}
