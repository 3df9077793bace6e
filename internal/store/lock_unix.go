//go:build unix

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/pave-platform/pave"
)

// FileLock takes the lock of a SQLite store: only one process at a time has it,
// and the kernel frees it when that process ends, however it ends. The error is
// Conflict while another has it. On PostgreSQL there is no file and no lock: the
// release function does nothing.
func (db *DB) FileLock() (release func(), err error) {
	if db.dialect != SQLite {
		return func() {}, nil
	}
	f, err := os.OpenFile(db.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "cannot open the lock of the store: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, pave.Errorf(pave.Conflict, "another server has the store %s", db.path).
				WithHint("end it with: pave down")
		}
		return nil, pave.Errorf(pave.Unavailable, "cannot lock the store %s: %w", db.path, err)
	}
	return func() { f.Close() }, nil
}
