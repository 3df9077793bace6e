// Package store holds the handle of the database: SQLite on one machine or
// PostgreSQL, transactions with hooks, forward-only migrations, and the driver
// errors turned into pave's.
//
// One SQL text serves both dialects. Placeholders are $1, $2 and so on. Times
// are BIGINT microseconds since 1970 (Micros, Time), booleans BIGINT 0 or 1, ids
// and JSON are TEXT; ids come from the program. Each package owns its tables and
// its SQL; none is in here except the list of applied migrations.
package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/pave-platform/pave"
)

// Dialect is the kind of database behind a DB.
type Dialect string

const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgresql"
)

const (
	sqliteReaders    = 8
	walKept          = 16 << 20 // bytes of the WAL file that stay once all of it is written back
	busyTimeout      = 10 * time.Second
	postgresConns    = 20
	postgresIdle     = 10
	postgresDialTime = 10 * time.Second
	// postgresPause ends the transaction of a client that says nothing more: a server
	// that was stopped must not hold its locks for longer than its lease.
	postgresPause = 2500 * time.Millisecond
)

// A DB is an open database. It is safe for concurrent use.
//
// On SQLite one connection writes and a pool of others reads: Exec and Tx use
// the writer, Query and QueryRow read what is committed and cannot write. A call
// of Exec or Tx on the DB from inside a Tx function therefore waits for itself;
// use the Tx there.
type DB struct {
	dialect Dialect
	path    string // SQLite: the file
	write   *sql.DB
	read    *sql.DB // PostgreSQL: the same as write
}

// Querier runs SQL; DB and Tx both do. Arguments may be bool, time.Time and
// json.RawMessage besides what database/sql takes; they are stored as the package
// comment says. Errors are mapped (see ErrUnique); those met while reading rows
// are mapped by Collect and Row.Scan.
type Querier interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Query runs a query; the caller closes the rows (Collect does it).
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	// QueryRow runs a query of at most one row; Scan tells sql.ErrNoRows.
	QueryRow(ctx context.Context, query string, args ...any) *Row
}

// Open opens the database at the URL, "sqlite:/path/pave.db" or "postgres://...",
// and applies the migrations it lacks. The error is Invalid for a bad URL,
// Unavailable when the database does not answer, and Conflict when its tables
// were made by a newer pave.
func Open(ctx context.Context, rawURL string) (*DB, error) {
	return open(ctx, rawURL, migrations)
}

func open(ctx context.Context, rawURL string, from fs.FS) (*DB, error) {
	db, err := connect(rawURL)
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx, from); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// connect makes the handle of the database at the URL.
func connect(rawURL string) (*DB, error) {
	switch scheme, rest, _ := strings.Cut(rawURL, ":"); scheme {
	case "sqlite":
		return openSQLite(rest)
	case "postgres", "postgresql":
		return openPostgreSQL(rawURL)
	default:
		// The URL may hold a password: only its scheme is shown.
		return nil, pave.BadField("store", scheme+":...", "is neither sqlite:PATH nor postgres://HOST/NAME",
			"for example: PAVE_STORE_URL=sqlite:/var/lib/pave/pave.db")
	}
}

func openSQLite(path string) (*DB, error) {
	path = strings.TrimPrefix(path, "//")
	if !filepath.IsAbs(path) {
		return nil, pave.BadField("store", "sqlite:"+path, "must name an absolute path",
			"for example: PAVE_STORE_URL=sqlite:/var/lib/pave/pave.db")
	}
	// SQLite would create it readable by everyone; the WAL takes over its mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "cannot open the store %s: %w", path, err).
			WithHint("check that the folder exists and is writable")
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	write, err := sqlitePool(path, 1, url.Values{"_txlock": {"immediate"}})
	if err != nil {
		return nil, err
	}
	read, err := sqlitePool(path, sqliteReaders, url.Values{"_pragma": {"query_only(1)"}})
	if err != nil {
		write.Close()
		return nil, err
	}
	return &DB{dialect: SQLite, path: path, write: write, read: read}, nil
}

func sqlitePool(path string, conns int, params url.Values) (*sql.DB, error) {
	params["_pragma"] = append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), // first: the next one takes a lock
		"journal_mode(WAL)",
		"synchronous(FULL)",
		fmt.Sprintf("journal_size_limit(%d)", walKept), // after a long reader it may be larger
		"foreign_keys(1)",
	}, params["_pragma"]...)
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + params.Encode()
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	db := sql.OpenDB(cachingConnector{c})
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func openPostgreSQL(rawURL string) (*DB, error) {
	cfg, err := pgx.ParseConfig(rawURL)
	if err != nil {
		// pgx's error repeats the URL, password and all (it hides most, not all).
		return nil, pave.BadField("store", "postgres:...", "is not a valid PostgreSQL URL",
			"for example: PAVE_STORE_URL=postgres://pave@127.0.0.1:5432/pave")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = postgresDialTime
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "pave"
	}
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(postgresPause.Milliseconds(), 10)
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresIdle)
	return &DB{dialect: PostgreSQL, write: db, read: db}, nil
}

// Dialect tells which database this is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Close ends all connections. It may be called again.
func (db *DB) Close() error {
	err := db.write.Close()
	if db.read != db.write {
		if e := db.read.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Ping reports whether the database answers; the error is Unavailable.
func (db *DB) Ping(ctx context.Context) error { return mapError(db.read.PingContext(ctx)) }

// Conn returns one connection of its own, for a session that must outlive
// statements. The caller closes it.
func (db *DB) Conn(ctx context.Context) (*sql.Conn, error) {
	c, err := db.read.Conn(ctx)
	return c, mapError(err)
}

// Exec implements Querier.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	if guardOf(ctx) == nil {
		return exec(ctx, db.write, query, args)
	}
	err = db.Tx(ctx, func(tx *Tx) (err error) {
		n, err = tx.Exec(ctx, query, args...)
		return err
	})
	return n, err
}

// Query implements Querier.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := db.read.QueryContext(ctx, query, storable(args)...)
	return rows, mapError(err)
}

// QueryRow implements Querier.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{db.read.QueryRowContext(ctx, query, storable(args)...)}
}

type execer interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func exec(ctx context.Context, e execer, query string, args []any) (int64, error) {
	res, err := e.ExecContext(ctx, query, storable(args)...)
	if err != nil {
		return 0, mapError(err)
	}
	n, err := res.RowsAffected()
	return n, mapError(err)
}
