package server

import (
	"os"

	"golang.org/x/sys/unix"
)

// noWriters reports whether nobody has the file open, or mapped, for writing: only
// then the kernel grants a lease on reading. A file system without leases says no.
func noWriters(f *os.File) bool {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err != nil {
		return false
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	return err == nil
}
