package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Diff says what a database holds: rows are counted, or estimated where counting
// takes longer than two seconds.
func (d *Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return resource.Difference{}, err
	}
	defer s.close(ctx)
	have, err := s.find(ctx, r)
	if err != nil || have.database == "" {
		return resource.Difference{}, err
	}
	inside, err := s.inside(ctx, have.database)
	if err != nil {
		return resource.Difference{}, err
	}
	defer inside.close(ctx)
	lost, err := count(ctx, inside.conn)
	return resource.Difference{Lost: lost}, err
}

// count counts the rows of all tables of people.
func count(ctx context.Context, conn *pgx.Conn) (string, error) {
	rows, err := conn.Query(ctx, `SELECT n.nspname, c.relname, GREATEST(c.reltuples, 0)::bigint FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
		AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1, 2 LIMIT 1000`)
	if err != nil {
		return "", unavailable("list tables", err)
	}
	type table struct {
		schema, name string
		estimate     int64
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (table, error) {
		var t table
		return t, row.Scan(&t.schema, &t.name, &t.estimate)
	})
	if err != nil || len(tables) == 0 {
		return "", unavailable("list tables", err)
	}
	if _, err := conn.Exec(ctx, `SET statement_timeout = '2s'`); err != nil {
		return "", unavailable("limit the count", err)
	}
	total, about := int64(0), ""
	for _, t := range tables {
		var n int64
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM `+pgx.Identifier{t.schema, t.name}.Sanitize()).Scan(&n); err != nil {
			n, about = t.estimate, "about "
		}
		total += n
	}
	return fmt.Sprintf("%s%d %s in %d %s", about, total, plural(total, "row"), len(tables), plural(int64(len(tables)), "table")), nil
}

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// Make makes the throw-away database of a pipeline run, or finds it, and returns
// its address.
func (d *Driver) Make(ctx context.Context, id string) (pave.Secret, error) {
	s, err := d.open(ctx, true)
	if err != nil {
		return pave.Secret{}, err
	}
	defer s.close(ctx)
	name := scratchName(id)
	password := d.password("scratch", id)
	have, err := s.marked(ctx, scratchMarker(id))
	if err != nil {
		return pave.Secret{}, err
	}
	if have.role == "" {
		if err := s.createRole(ctx, name, scratchMarker(id), password); err != nil {
			return pave.Secret{}, err
		}
	}
	if have.database == "" {
		if err := s.createDatabase(ctx, name); err != nil {
			return pave.Secret{}, err
		}
	}
	// A crash between the statements above leaves the door of the database shut.
	err = s.exec(ctx, "open "+name, "REVOKE ALL ON DATABASE "+quote(name)+" FROM PUBLIC",
		"ALTER DATABASE "+quote(name)+" ALLOW_CONNECTIONS true")
	return s.url(name, password), err
}

// Drop removes the throw-away database of a run; absence is success.
func (d *Driver) Drop(ctx context.Context, id string) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close(ctx)
	return s.drop(ctx, scratchMarker(id))
}

func scratchName(run string) string { return "scratch_" + run[max(0, len(run)-26):] }

// scratchMarker differs from marker: the sweep of resources does not see it.
func scratchMarker(run string) string { return "pave scratch:" + run }
