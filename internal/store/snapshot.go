package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// A Snapshot reads the whole database as it was at one moment, while others go on
// writing. What it writes is the same text for both dialects, so that a store moves
// from one to the other.
type Snapshot struct {
	db *DB
	tx *sql.Tx
}

// Snapshot begins one. The caller closes it.
func (db *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	o := &sql.TxOptions{ReadOnly: db.dialect == PostgreSQL}
	if db.dialect == PostgreSQL {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.read.BeginTx(ctx, o)
	if err != nil {
		return nil, mapError(err)
	}
	s := &Snapshot{db, tx}
	if db.dialect == PostgreSQL { // it takes as long as its reader does
		_, err = tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	}
	var n int
	if err == nil { // the first read is the moment
		err = tx.QueryRowContext(ctx, `SELECT count(*) FROM migrations`).Scan(&n)
	}
	if err != nil {
		s.Close()
		return nil, mapError(err)
	}
	return s, nil
}

// Close ends the snapshot.
func (s *Snapshot) Close() { _ = s.tx.Rollback() }

// Tables are all tables but that of the migrations, in the order in which they were
// made: a table refers to earlier ones only.
func (s *Snapshot) Tables(ctx context.Context) ([]string, error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migrations' ORDER BY rowid`
	if s.db.dialect == PostgreSQL {
		query = `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname <> 'migrations' ORDER BY oid`
	}
	return s.strings(ctx, query)
}

// Migrations are the names of those that were applied.
func (s *Snapshot) Migrations(ctx context.Context) ([]string, error) {
	return s.strings(ctx, `SELECT name FROM migrations ORDER BY name`)
}

func (s *Snapshot) strings(ctx context.Context, query string) ([]string, error) {
	rows, err := s.tx.QueryContext(ctx, query)
	return Collect(rows, mapError(err), func(s Scanner) (name string, err error) { return name, s.Scan(&name) })
}

// Dump writes a table: a line with the names of its columns, then a line for each
// row. It returns the number of rows.
func (s *Snapshot) Dump(ctx context.Context, table string, w io.Writer) (n int, err error) {
	rows, err := s.tx.QueryContext(ctx, `SELECT * FROM `+quoteName(table))
	if err != nil {
		return 0, mapError(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, mapError(err)
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	if err := out.Encode(columns); err != nil {
		return 0, err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, mapError(err)
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				values[i] = map[string]string{"base64": base64.StdEncoding.EncodeToString(b)}
			}
		}
		if err := out.Encode(values); err != nil {
			return n, err
		}
	}
	return n, mapError(rows.Err())
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// maxRow bounds a row of a dump, in bytes.
const maxRow = 64 << 20

// Load fills an empty database with the tables that next returns, one after the
// other, until io.EOF; all of them or none. What the migrations have put there goes.
func (db *DB) Load(ctx context.Context, next func() (table string, rows io.Reader, err error)) error {
	return db.Tx(ctx, func(tx *Tx) error {
		s := &Snapshot{db, tx.tx}
		known, err := s.Tables(ctx)
		if err != nil {
			return err
		}
		for _, table := range slices.Backward(known) {
			if _, err := tx.Exec(ctx, `DELETE FROM `+quoteName(table)); err != nil {
				return err
			}
		}
		for {
			table, rows, err := next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if !slices.Contains(known, table) {
				return pave.Errorf(pave.Conflict, "the store has no table %q", table)
			}
			if err := load(ctx, tx, table, rows); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
		// Whoever was the executor is none here.
		_, err = tx.Exec(ctx, `UPDATE executor SET epoch = epoch + 1, holder = '', backend = '', expires = 0`)
		return err
	})
}

func load(ctx context.Context, tx *Tx, table string, from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxRow)
	var columns, marks []string
	insert := ""
	for lines.Scan() {
		if columns == nil {
			if err := json.Unmarshal(lines.Bytes(), &columns); err != nil || len(columns) == 0 {
				return pave.Errorf(pave.Invalid, "the first line does not name columns")
			}
			for i, c := range columns {
				columns[i], marks = quoteName(c), append(marks, fmt.Sprintf("$%d", i+1))
			}
			insert = `INSERT INTO ` + quoteName(table) + ` (` + strings.Join(columns, ", ") + `) VALUES (` + strings.Join(marks, ", ") + `)`
			continue
		}
		values, err := rowOf(lines.Bytes(), len(columns))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insert, values...); err != nil {
			return err
		}
	}
	return lines.Err()
}

// rowOf reads one line of a dump.
func rowOf(line []byte, columns int) ([]any, error) {
	d := json.NewDecoder(strings.NewReader(string(line)))
	d.UseNumber()
	var values []any
	if err := d.Decode(&values); err != nil || len(values) != columns {
		return nil, pave.Errorf(pave.Invalid, "a row has %d values, want %d", len(values), columns)
	}
	for i, v := range values {
		switch v := v.(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				f, ferr := v.Float64()
				if ferr != nil {
					return nil, ferr
				}
				values[i] = f
				continue
			}
			values[i] = n
		case map[string]any:
			text, _ := v["base64"].(string)
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, err
			}
			values[i] = data
		}
	}
	return values, nil
}
