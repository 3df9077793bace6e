package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
)

// Probe says whether the database at the URL can be opened by this pave, and changes
// nothing: a SQLite file that is not there yet is fine. Its errors are those of Open.
func Probe(ctx context.Context, rawURL string) error {
	scheme, path, _ := strings.Cut(rawURL, ":")
	if scheme == "sqlite" {
		_, err := os.Stat(strings.TrimPrefix(path, "//"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	db, err := connect(rawURL)
	if err != nil {
		return err
	}
	defer db.Close()
	names, err := migrationNames(migrations)
	if err != nil {
		return err
	}
	there := `SELECT count(*) FROM sqlite_master WHERE name = 'migrations'`
	if db.dialect == PostgreSQL {
		there = `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'migrations'`
	}
	n := 0
	if err := db.QueryRow(ctx, there).Scan(&n); err != nil || n == 0 {
		return err
	}
	return knownMigrations(ctx, db, names)
}
