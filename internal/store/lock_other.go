//go:build !unix

package store

import "github.com/pave-platform/pave"

// FileLock refuses: without flock a SQLite store cannot be guarded against a
// second server.
func (db *DB) FileLock() (release func(), err error) {
	if db.dialect != SQLite {
		return func() {}, nil
	}
	return nil, pave.Errorf(pave.Unavailable, "a SQLite store needs file locks, which this system lacks").
		WithHint("use a PostgreSQL store: PAVE_STORE_URL=postgres://...")
}
