// Package storetest runs a test on both dialects of the store: SQLite in a
// temporary file, and a real PostgreSQL server that is started once per test
// binary, without privileges, and gives each test a schema of its own.
//
// A package that uses it hands its tests over:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave/internal/store"
)

// server is the PostgreSQL of this test binary. It is package state on purpose:
// Main owns it and tests share it.
var server struct {
	once    sync.Once
	owned   atomic.Bool // Main runs and will stop it
	pg      *Server
	err     error
	schemas atomic.Int64
}

// Main runs the tests, stops the PostgreSQL server and exits.
func Main(m *testing.M) {
	server.owned.Store(true)
	code := m.Run()
	if server.pg != nil {
		server.pg.stop()
	}
	os.Exit(code)
}

// Each runs the test on SQLite and on PostgreSQL, in parallel subtests. open
// opens the test's database; each call is a further handle to the same one, and
// all are closed at the end. Without PostgreSQL binaries that half is skipped;
// where CI=true it fails.
func Each(t *testing.T, test func(t *testing.T, open func() *store.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		test(t, func() *store.DB { return Open(t, url) })
	})
}

// EachURL is Each for tests that open the database in another process.
func EachURL(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("postgresql", func(t *testing.T) {
		t.Parallel()
		test(t, PostgreSQL(t))
	})
}

// Open opens the database until the end of the test.
func Open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), url)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// SQLite returns the URL of a new SQLite database.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "pave.db")
}

// PostgreSQL returns the URL of a new schema on the shared server.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	if !server.owned.Load() {
		t.Fatal("storetest: the package needs func TestMain(m *testing.M) { storetest.Main(m) }")
	}
	server.once.Do(func() { server.pg, server.err = startPostgres(quick...) })
	if server.err != nil {
		lacking(t, server.err)
	}
	schema := fmt.Sprintf("test_%d", server.schemas.Add(1))
	if err := server.pg.exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatalf("create schema: %v", err)
	}
	return server.pg.url() + "&search_path=" + schema
}
