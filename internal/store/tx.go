package store

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"

	"github.com/pave-platform/pave"
)

// txTries bounds how often a transaction is run again after PostgreSQL ended it
// to break a deadlock or a serialization conflict.
const txTries = 10

// A Tx is a running transaction. It is for one goroutine.
type Tx struct {
	db     *DB
	tx     *sql.Tx
	before []func(context.Context) error
	after  []func()
}

var (
	_ Querier = (*DB)(nil)
	_ Querier = (*Tx)(nil)
)

// Tx runs fn in a transaction and commits it when fn returns nil; otherwise, or
// when the context ends, nothing of it remains. fn may run more than once
// (PostgreSQL, deadlock): it must have no effect besides its SQL and its hooks.
//
// SQLite takes the write lock at once, so what fn reads cannot change under it.
// PostgreSQL reads committed rows; lock the row that guards an invariant first.
func (db *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := db.txOnce(ctx, fn)
		if err == nil || !isContention(err) {
			return err
		}
		if try == txTries {
			return pave.Errorf(pave.Unavailable, "the store is too busy: %d tries of a transaction collided: %w", try, err)
		}
		pause := time.Duration(rand.Int64N(int64(time.Millisecond) << min(try, 7)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (db *DB) txOnce(ctx context.Context, fn func(*Tx) error) error {
	raw, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return mapError(err)
	}
	defer raw.Rollback() //nolint:errcheck // a no-op after the commit; also runs when fn panics
	tx := &Tx{db: db, tx: raw}
	if err := fn(tx); err != nil {
		return err
	}
	for i := 0; i < len(tx.before); i++ { // a hook may add hooks
		if err := tx.before[i](ctx); err != nil {
			return err
		}
	}
	if g := guardOf(ctx); g != nil {
		if err := g(ctx, tx); err != nil {
			return err
		}
	}
	if err := raw.Commit(); err != nil {
		return mapError(err)
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

// A guard says, as the last word of a transaction, whether it may be committed.
type guard = func(context.Context, *Tx) error

type guardKey struct{}

// Guarded returns a context under which each transaction and each statement that
// changes something counts only if g, called last inside of it, returns nil. It is
// how a right that may be lost meanwhile covers everything done by it.
func Guarded(ctx context.Context, g func(context.Context, *Tx) error) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

func guardOf(ctx context.Context) guard {
	g, _ := ctx.Value(guardKey{}).(guard)
	return g
}

// BeforeCommit runs f inside the transaction when its function has returned nil:
// the place for writes that lock what everyone needs. An error undoes it all.
func (tx *Tx) BeforeCommit(f func(context.Context) error) { tx.before = append(tx.before, f) }

// AfterCommit runs f once the transaction is durable, in the order given, in the
// goroutine that called Tx. It does not run when the transaction fails.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// Dialect tells which database this is.
func (tx *Tx) Dialect() Dialect { return tx.db.dialect }

// ForUpdate is the suffix that makes a SELECT lock its rows: " FOR UPDATE" on
// PostgreSQL, nothing on SQLite, where the transaction has the only write lock.
func (tx *Tx) ForUpdate() string {
	if tx.db.dialect == PostgreSQL {
		return " FOR UPDATE"
	}
	return ""
}

// ForShare is the suffix that keeps rows from being changed until the commit, while
// others may do the same.
func (tx *Tx) ForShare() string {
	if tx.db.dialect == PostgreSQL {
		return " FOR SHARE"
	}
	return ""
}

// Exec implements Querier.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return exec(ctx, tx.tx, query, args)
}

// Query implements Querier.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := tx.tx.QueryContext(ctx, query, storable(args)...)
	return rows, mapError(err)
}

// QueryRow implements Querier.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *Row {
	return &Row{tx.tx.QueryRowContext(ctx, query, storable(args)...)}
}
