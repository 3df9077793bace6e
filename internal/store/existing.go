package store

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// OpenExisting opens a database as it is: nothing is made or migrated. The error is
// Conflict where its tables are not exactly those of this pave, and NotFound where
// there are none.
func OpenExisting(ctx context.Context, rawURL string) (*DB, error) {
	if path, ok := strings.CutPrefix(rawURL, "sqlite:"); ok {
		if _, err := os.Stat(strings.TrimPrefix(path, "//")); errors.Is(err, fs.ErrNotExist) {
			return nil, pave.Errorf(pave.NotFound, "there is no store %s", path).WithHint("pave up makes it")
		}
	}
	db, err := connect(rawURL)
	if err != nil {
		return nil, err
	}
	if err := db.sameMigrations(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) sameMigrations(ctx context.Context) error {
	if made, err := db.made(ctx); err != nil {
		return err
	} else if !made {
		return pave.Errorf(pave.NotFound, "the store is empty").WithHint("pave up makes it")
	}
	s, err := db.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	applied, err := s.Migrations(ctx)
	if err != nil {
		return err
	}
	if missing, unknown := compareMigrations(applied); unknown != "" {
		return newerPave(unknown)
	} else if missing != "" {
		return pave.Errorf(pave.Conflict, "the store is that of an older pave (migration %q is not applied)", missing).
			WithHint("bring it to this version: pave up")
	}
	return nil
}

// compareMigrations names one that this pave has and the list has not, and one that
// this pave does not know.
func compareMigrations(applied []string) (missing, unknown string) {
	own, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range own {
		if name = strings.TrimPrefix(name, "migrations/"); !slices.Contains(applied, name) {
			missing = name
		}
	}
	for _, name := range applied {
		if !slices.Contains(own, "migrations/"+name) {
			unknown = name
		}
	}
	return missing, unknown
}

// CheckMigrations is a Conflict where a list names a migration that this pave does
// not know: a newer one has made what it is about.
func CheckMigrations(applied []string) error {
	if _, unknown := compareMigrations(applied); unknown != "" {
		return newerPave(unknown)
	}
	return nil
}

func newerPave(migration string) error {
	return pave.Errorf(pave.Conflict, "the store was changed by a newer pave (migration %q is unknown here)", migration).
		WithHint("run the newer pave again, or restore a backup from before the upgrade")
}

// OpenAt makes a new database with some of the migrations only, as an older pave did.
// The error is Conflict where it is not empty.
func OpenAt(ctx context.Context, rawURL string, names []string) (*DB, error) {
	db, err := connect(rawURL)
	if err != nil {
		return nil, err
	}
	made, err := db.made(ctx)
	if err == nil && made {
		err = pave.Errorf(pave.Conflict, "the store is not empty")
	}
	if err == nil {
		err = db.migrate(ctx, someFiles{migrations, names})
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// someFiles are some of the migrations.
type someFiles struct {
	embed.FS
	names []string
}

// Glob implements fs.GlobFS.
func (f someFiles) Glob(pattern string) (out []string, err error) {
	all, err := fs.Glob(f.FS, pattern)
	for _, path := range all {
		if slices.Contains(f.names, strings.TrimPrefix(path, "migrations/")) {
			out = append(out, path)
		}
	}
	return out, err
}

// made reports whether there are tables of pave.
func (db *DB) made(ctx context.Context) (bool, error) {
	query := `SELECT count(*) FROM sqlite_master WHERE name = 'migrations'`
	if db.dialect == PostgreSQL {
		query = `SELECT count(*) FROM pg_class WHERE relname = 'migrations' AND relnamespace = current_schema()::regnamespace`
	}
	var n int
	err := db.QueryRow(ctx, query).Scan(&n)
	return n > 0, err
}

// Empty reports whether the database at the URL has no tables of pave.
func Empty(ctx context.Context, rawURL string) (bool, error) {
	if path, ok := strings.CutPrefix(rawURL, "sqlite:"); ok {
		_, err := os.Stat(strings.TrimPrefix(path, "//"))
		return errors.Is(err, fs.ErrNotExist), nil
	}
	db, err := connect(rawURL)
	if err != nil {
		return false, err
	}
	defer db.Close()
	made, err := db.made(ctx)
	return !made, err
}

// SetAside moves all tables of a PostgreSQL store into a schema of the name; a file
// of SQLite is renamed to end in it.
func SetAside(ctx context.Context, rawURL, name string) error {
	if path, ok := strings.CutPrefix(rawURL, "sqlite:"); ok {
		path = strings.TrimPrefix(path, "//")
		for _, end := range []string{"-wal", "-shm", ""} { // the file last: without it there is no store
			if err := os.Rename(path+end, path+"."+name+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return pave.Errorf(pave.Unavailable, "set the store %s aside: %w", path, err)
			}
		}
		return nil
	}
	db, err := connect(rawURL)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Tx(ctx, func(tx *Tx) error {
		tables, err := (&Snapshot{db, tx.tx}).Tables(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `CREATE SCHEMA `+quoteName(name)); err != nil {
			return err
		}
		for _, table := range append(tables, "migrations") {
			if _, err := tx.Exec(ctx, `ALTER TABLE `+quoteName(table)+` SET SCHEMA `+quoteName(name)); err != nil {
				return err
			}
		}
		return nil
	})
}
