package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/pave-platform/pave"
)

// State is server.json: how to reach the server that runs. It holds a token, so
// only its owner may read it.
type State struct {
	PID     int    `json:"pid"`
	URL     string `json:"url"`
	Token   string `json:"token"`
	Version string `json:"version"`
	Router  string `json:"router"` // address of the router
	// Public is where other machines reach the server, "" for nowhere; Fingerprint
	// is that of its own CA.
	Public      string `json:"public,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
}

// readState returns the last server's state; ok is false where none was written.
func (c Config) readState() (s State, ok bool, err error) {
	data, err := os.ReadFile(c.serverFile())
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return s, false, pave.Errorf(pave.Denied, "%s belongs to somebody else", c.serverFile()).
			WithHint("run as that user, or set PAVE_HOME to a folder of your own")
	}
	if err != nil {
		return s, false, err
	}
	if json.Unmarshal(data, &s) != nil || s.URL == "" {
		return State{}, false, nil // cut off by a full disk: as if there were none
	}
	return s, true, nil
}

// writeState replaces server.json in one step.
func (c Config) writeState(s State) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(c.serverFile(), append(data, '\n'), 0o600)
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), fmt.Sprintf(".new-%d-*", os.Getpid()))
	if err != nil {
		return pave.Errorf(pave.Unavailable, "write %s: %w", path, err).WithHint("pave doctor")
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return pave.Errorf(pave.Unavailable, "write %s: %w", path, err).WithHint("pave doctor")
	}
	return nil
}

// clean removes what a kill left half written. The caller is the executor: nobody
// else makes or deletes repositories, but a command may be writing a file. It is out
// of the way at once, for an executor before this one that still works on it.
func (c Config) clean(log *slog.Logger) {
	var left []string
	for _, pattern := range []string{c.path("git", ".new-*"), c.path("git", "*.git.deleted")} {
		found, _ := filepath.Glob(pattern)
		left = append(left, found...)
	}
	for _, pattern := range []string{c.path(".new-*"), c.path("hooks", ".new-*")} {
		found, _ := filepath.Glob(pattern)
		left = append(left, slices.DeleteFunc(found, writerLives)...)
	}
	for _, path := range left {
		log.Info("removing what a kill left half made", "path", path)
		gone := filepath.Join(c.path("tmp"), "gone-"+filepath.Base(path))
		err := os.RemoveAll(gone)
		if err == nil {
			err = os.Rename(path, gone)
		}
		if err := errors.Join(err, os.RemoveAll(gone)); err != nil {
			log.Warn("not removed", "path", path, "err", err)
		}
	}
}

// writerLives reports whether the process that began a temporary file is still
// there.
func writerLives(path string) bool {
	pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), ".new-"), "-")
	n, err := strconv.Atoi(pid)
	return err == nil && syscall.Kill(n, 0) != syscall.ESRCH
}

// isDown reports whether "pave down" was the last word.
func (c Config) isDown() bool {
	_, err := os.Stat(c.downFile())
	return err == nil
}

func (c Config) setDown(down bool) error {
	if down {
		return writeFile(c.downFile(), []byte("pave down\n"), 0o600)
	}
	if err := os.Remove(c.downFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// lockFile takes an exclusive lock, released when the process ends. wait says
// whether to wait for it; without it a lock that is held is a Conflict.
func lockFile(path string, wait bool) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "open the lock %s: %w", path, err).WithHint("pave doctor")
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, pave.Errorf(pave.Conflict, "%s is locked by another process", path)
	}
	return f, nil
}
