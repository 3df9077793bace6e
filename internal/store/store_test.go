package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func mustExec(t *testing.T, q store.Querier, query string, args ...any) {
	t.Helper()
	if _, err := q.Exec(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx, db := context.Background(), open()
		mustExec(t, db, `CREATE TABLE v (id TEXT PRIMARY KEY, b BIGINT, j TEXT, at BIGINT, twice TEXT)`)
		now := time.Date(2026, 11, 21, 10, 0, 0, 123456000, time.UTC)
		// Placeholders out of order, and one used twice.
		mustExec(t, db, `INSERT INTO v (at, b, id, j, twice) VALUES ($4, $2, $1, $3, $1)`,
			"x", true, json.RawMessage(`{"a":1}`), now)
		var id, twice string
		var b bool
		var raw json.RawMessage
		var at time.Time
		err := db.QueryRow(ctx, `SELECT id, twice, b, j, at FROM v WHERE id = $1 AND j LIKE $2`, "x", "{%").
			Scan(&id, &twice, store.Flag(&b), store.JSON(&raw), store.Stamp(&at))
		if err != nil || id != "x" || twice != "x" || !b || string(raw) != `{"a":1}` || !at.Equal(now) {
			t.Fatalf("got %q %q %v %s %v, %v", id, twice, b, raw, at, err)
		}
		err = db.QueryRow(ctx, `SELECT id FROM v WHERE id = $1`, "absent").Scan(&id)
		if !errors.Is(err, sql.ErrNoRows) {
			t.Fatalf("no row: got %v", err)
		}
	})
	if !store.Time(0).IsZero() || store.Micros(time.Time{}) != 0 {
		t.Fatal("the zero time must be stored as 0")
	}
}

func TestTx(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx, db := context.Background(), open()
		mustExec(t, db, `CREATE TABLE v (id BIGINT PRIMARY KEY)`)
		var order []string
		note := func(s string) { order = append(order, s) }
		failed := errors.New("no")
		insert := func(n int, err error) error {
			return db.Tx(ctx, func(tx *store.Tx) error {
				tx.AfterCommit(func() { note("after") })
				tx.BeforeCommit(func(ctx context.Context) error {
					note("before")
					_, err := tx.Exec(ctx, `INSERT INTO v (id) VALUES ($1)`, n)
					return err
				})
				note("fn")
				return err
			})
		}
		if err := insert(1, nil); err != nil {
			t.Fatal(err)
		}
		if err := insert(2, failed); !errors.Is(err, failed) {
			t.Fatalf("got %v", err)
		}
		err := insert(1, nil) // the hook fails: taken key
		if !errors.Is(err, store.ErrUnique) || pave.CodeOf(err) != pave.Conflict {
			t.Fatalf("taken key: got %v (%s)", err, pave.CodeOf(err))
		}
		if got := strings.Join(order, " "); got != "fn before after fn fn before" {
			t.Fatalf("order of hooks: %s", got)
		}
		var n int
		if err := db.QueryRow(ctx, `SELECT count(*) FROM v`).Scan(&n); err != nil || n != 1 {
			t.Fatalf("rows %d, %v", n, err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = db.Tx(ctx, func(*store.Tx) error { panic("x") })
		}()
		mustExec(t, db, `INSERT INTO v (id) VALUES (3)`) // the writer is free again
	})
}

// Transactions that take two rows in opposite order deadlock on PostgreSQL; the
// loser must be run again, and no update may be lost on either database.
func TestTxContention(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx, db := context.Background(), open()
		mustExec(t, db, `CREATE TABLE v (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)`)
		mustExec(t, db, `INSERT INTO v (id, n) VALUES (0, 0), (1, 0)`)
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				err := db.Tx(ctx, func(tx *store.Tx) error {
					for i := range 2 {
						if _, err := tx.Exec(ctx, `UPDATE v SET n = n + 1 WHERE id = $1`, (g+i)%2); err != nil {
							return err
						}
						time.Sleep(5 * time.Millisecond)
					}
					return nil
				})
				if err != nil {
					t.Errorf("transaction: %v", err)
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.QueryRow(ctx, `SELECT sum(n) FROM v`).Scan(&n); err != nil || n != 8 {
			t.Fatalf("sum %d, %v; want 8", n, err)
		}
	})
}

func TestReadersCannotWrite(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	mustExec(t, db, `CREATE TABLE v (id BIGINT PRIMARY KEY)`)
	var id int
	err := db.QueryRow(context.Background(), `INSERT INTO v (id) VALUES (1) RETURNING id`).Scan(&id)
	if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "read-only") {
		t.Fatalf("a write on a reader: got %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.SQLite(t))
	ctx := context.Background()
	mustExec(t, db, `CREATE TABLE v (b TEXT)`)
	err := db.Tx(ctx, func(tx *store.Tx) error {
		// The same answer as from a full disk, without one.
		if _, err := tx.Query(ctx, `PRAGMA max_page_count = 1`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO v (b) VALUES (randomblob(1000000))`)
		return err
	})
	if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "disk full") || pave.HintOf(err) == "" {
		t.Fatalf("got %v (%s), hint %q", err, pave.CodeOf(err), pave.HintOf(err))
	}
}

func TestConnectionLost(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := storetest.Open(t, storetest.PostgreSQL(t))
	err := db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "connection lost") {
		t.Fatalf("got %v (%s)", err, pave.CodeOf(err))
	}
	if err := db.Ping(ctx); err != nil {
		t.Fatalf("the handle must recover: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url  string
		code pave.Code
	}{
		"unknown scheme":    {"mysql://secret@host/db", pave.Invalid},
		"relative path":     {"sqlite:pave.db", pave.Invalid},
		"no such folder":    {"sqlite:" + filepath.Join(t.TempDir(), "no", "pave.db"), pave.Unavailable},
		"bad url":           {"postgres://secret@host:port/db", pave.Invalid},
		"nobody listening":  {"postgres://secret@127.0.0.1:1/db", pave.Unavailable},
		"not a database":    {"sqlite:/dev/null/x", pave.Unavailable},
		"empty environment": {"", pave.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(context.Background(), c.url)
			if pave.CodeOf(err) != c.code || strings.Contains(err.Error(), "secret@") {
				t.Fatalf("got %v (%s), want %s", err, pave.CodeOf(err), c.code)
			}
		})
	}
}

func TestFileLock(t *testing.T) {
	t.Parallel()
	url := storetest.SQLite(t)
	a, b := storetest.Open(t, url), storetest.Open(t, url)
	release, err := a.FileLock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.FileLock(); pave.CodeOf(err) != pave.Conflict {
		t.Fatalf("second lock: got %v", err)
	}
	release()
	release, err = b.FileLock()
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	release()
}

// A statement is kept prepared; while its rows are open, the same text runs too.
func TestStatementReuse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx, db := context.Background(), open()
		mustExec(t, db, `CREATE TABLE v (id BIGINT PRIMARY KEY)`)
		for i := range 5 {
			mustExec(t, db, `INSERT INTO v (id) VALUES ($1)`, i)
		}
		const query = `SELECT id FROM v WHERE id >= $1 ORDER BY id`
		scan := func(s store.Scanner) (id int, err error) { return id, s.Scan(&id) }
		err := db.Tx(ctx, func(tx *store.Tx) error {
			if tx.Dialect() == store.PostgreSQL {
				return nil // its protocol allows one open result on a connection
			}
			rows, err := tx.Query(ctx, query, 0)
			got, err := store.Collect(rows, err, func(s store.Scanner) (int, error) {
				id, err := scan(s)
				if err != nil {
					return 0, err
				}
				inner, err := tx.Query(ctx, query, id)
				list, err := store.Collect(inner, err, scan)
				return len(list), err
			})
			if len(got) != 5 || got[0] != 5 || got[4] != 1 {
				t.Errorf("nested queries gave %v", got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, `ALTER TABLE v ADD COLUMN more TEXT`) // kept statements see the new table
		rows, err := db.Query(ctx, query, 3)
		if got, err := store.Collect(rows, err, scan); err != nil || len(got) != 2 {
			t.Errorf("after ALTER: %v, %v", got, err)
		}
		mustExec(t, db, `INSERT INTO v (id) VALUES ($1)`, 9)
	})
}
