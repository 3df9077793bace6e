package store

import (
	"context"
	"database/sql/driver"
)

// maxStatements bounds the prepared statements a connection keeps. The program's
// SQL texts are few and fixed; whatever comes later is prepared each time.
const maxStatements = 300

// cachingConnector opens SQLite connections that keep their statements prepared:
// parsing is a third of the cost of a short transaction. (pgx does the same for
// PostgreSQL.)
type cachingConnector struct{ driver.Connector }

func (c cachingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if full, ok := conn.(sqliteConn); ok {
		return &cachingConn{sqliteConn: full, stmts: map[string]*cachedStmt{}}, nil
	}
	return conn, nil
}

// sqliteConn is what database/sql uses of a connection of the SQLite driver.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// cachingConn is used by one goroutine at a time: database/sql locks it.
type cachingConn struct {
	sqliteConn
	stmts map[string]*cachedStmt
}

type cachedStmt struct {
	exec  driver.StmtExecContext
	query driver.StmtQueryContext
	close func() error
	busy  bool // its rows are open: it cannot be run a second time
}

// statement returns the prepared statement of a text, or nil when it is busy or
// cannot be kept; the text then goes to the driver as it is.
func (c *cachingConn) statement(ctx context.Context, query string) (*cachedStmt, error) {
	if s := c.stmts[query]; s != nil {
		if s.busy {
			return nil, nil
		}
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		return nil, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	exec, ok1 := prepared.(driver.StmtExecContext)
	queryer, ok2 := prepared.(driver.StmtQueryContext)
	if !ok1 || !ok2 {
		return nil, prepared.Close()
	}
	s := &cachedStmt{exec: exec, query: queryer, close: prepared.Close}
	c.stmts[query] = s
	return s, nil
}

func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	return s.exec.ExecContext(ctx, args)
}

func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.query.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &cachedRows{Rows: rows, stmt: s}, nil
}

func (c *cachingConn) Close() error {
	for _, s := range c.stmts {
		_ = s.close() // the connection goes, and what it holds with it
	}
	clear(c.stmts)
	return c.sqliteConn.Close()
}

type cachedRows struct {
	driver.Rows
	stmt *cachedStmt
}

func (r *cachedRows) Close() error {
	err := r.Rows.Close()
	r.stmt.busy = false
	return err
}
