package mysql

import (
	"context"
	"fmt"

	"github.com/pave-platform/pave/internal/resource"
)

// Diff says what a database holds: rows are counted, or estimated where counting takes
// longer than two seconds.
func (d *Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return resource.Difference{}, err
	}
	defer s.close()
	have, err := s.marks(ctx, "id = ?", r.ID)
	if err != nil || len(have) == 0 || !have[0].there {
		return resource.Difference{}, err
	}
	// Others need not wait for the count.
	if err := s.exec(ctx, "count rows", "DO RELEASE_ALL_LOCKS()", "SET SESSION max_statement_time = 2, lock_wait_timeout = 2"); err != nil {
		return resource.Difference{}, err
	}
	lost, err := s.count(ctx, have[0].database)
	return resource.Difference{Lost: lost}, err
}

// count counts the rows of all tables of a database.
func (s *session) count(ctx context.Context, database string) (string, error) {
	tables, err := s.texts(ctx, "list tables", `SELECT TABLE_NAME FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME LIMIT 1000`, database)
	if err != nil || len(tables) == 0 {
		return "", err
	}
	total, about := int64(0), ""
	for _, t := range tables {
		var n int64
		if s.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+quote(database)+"."+quote(t)).Scan(&n) != nil {
			about = "about "
			// TABLES opens a table to estimate its rows, which waits for who has locked it.
			_ = s.conn.QueryRowContext(ctx, `SELECT n_rows FROM mysql.innodb_table_stats WHERE database_name = ? AND table_name = ?`, database, t).Scan(&n)
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
