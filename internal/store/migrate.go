package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// migrations are applied in the order of their names and never changed once
// released. Both dialects run the same text; statements end in ';' at the end
// of a line.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the key of PostgreSQL's advisory lock that lets one server at
// a time change tables ("pave" in ASCII).
const migrationLock = 0x70617665

// migrate applies every migration the database lacks, each in a transaction with
// its row in the table migrations.
func (db *DB) migrate(ctx context.Context, from fs.FS) error {
	names, err := migrationNames(from)
	if err != nil {
		return err
	}
	if err := db.Tx(ctx, func(tx *Tx) error { return db.prepareMigrations(ctx, tx, names) }); err != nil {
		return migrationError("read the list of migrations", err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		if err := db.Tx(ctx, func(tx *Tx) error { return applyMigration(ctx, tx, name, string(text)) }); err != nil {
			return migrationError("apply "+name, err)
		}
	}
	return nil
}

// migrationNames lists the files of migrations in their order.
func migrationNames(from fs.FS) ([]string, error) {
	names, err := fs.Glob(from, "migrations/*.sql")
	slices.Sort(names)
	return names, err
}

// migrationError adds the step to a defect; errors with a code speak for
// themselves.
func migrationError(step string, err error) error {
	var known *pave.Error
	if errors.As(err, &known) {
		return err
	}
	return fmt.Errorf("%s: %w", step, err)
}

// prepareMigrations makes the table and refuses a database that a newer pave has
// changed: its rows may mean something this one does not know.
func (db *DB) prepareMigrations(ctx context.Context, tx *Tx, names []string) error {
	if err := lockMigrations(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied BIGINT NOT NULL)`); err != nil {
		return err
	}
	return knownMigrations(ctx, tx, names)
}

// knownMigrations is Conflict when one was applied that is not among the names.
func knownMigrations(ctx context.Context, q Querier, names []string) error {
	rows, err := q.Query(ctx, `SELECT name FROM migrations ORDER BY name`)
	applied, err := Collect(rows, err, func(s Scanner) (name string, err error) { return name, s.Scan(&name) })
	if err != nil {
		return err
	}
	for _, name := range applied {
		if !slices.Contains(names, "migrations/"+name) {
			return newerPave(name)
		}
	}
	return nil
}

func lockMigrations(ctx context.Context, tx *Tx) error {
	if tx.Dialect() == SQLite {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock))
	return err
}

func applyMigration(ctx context.Context, tx *Tx, path, text string) error {
	if err := lockMigrations(ctx, tx); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `INSERT INTO migrations (name, applied) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
		strings.TrimPrefix(path, "migrations/"), time.Now())
	if err != nil || n == 0 {
		return err
	}
	for _, s := range statements(text) {
		if _, err := tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("statement %q: %w", firstLine(s), err)
		}
	}
	return nil
}

// statements splits a migration at the lines that end in ';'. Comment lines and
// empty ones are dropped.
func statements(text string) []string {
	var list []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		b.WriteString(strings.TrimRight(line, " \t\r\n"))
		b.WriteByte('\n')
		if strings.HasSuffix(trimmed, ";") {
			list = append(list, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		list = append(list, rest)
	}
	return list
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
