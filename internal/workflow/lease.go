package workflow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pave-platform/pave/internal/store"
)

// A lease is the right to be the executor. On SQLite it is the store's file lock,
// which the kernel frees when the process ends. On PostgreSQL it is a row that
// expires by the database's clock, since a stopped process keeps its locks; when
// the connection that renews it is gone, its holder is too, and nobody waits for
// the expiry.
type lease struct {
	e      *Engine
	epoch  int64
	unlock func()    // SQLite
	conn   *sql.Conn // PostgreSQL: renews; its backend is in the row
}

var (
	errHeld = errors.New("another executor holds the store")
	errLost = errors.New("the lease ran out before the store answered")
)

// acquire waits until the lease is free and takes it with a new epoch. It fails
// when ctx ends, and with errFenced when this engine was the executor of the
// epoch last (0: never) and another has been since.
func (e *Engine) acquire(ctx context.Context, last int64) (*lease, error) {
	const pause = 100 * time.Millisecond
	for told := ""; ; {
		l, err := e.tryAcquire(ctx)
		if err == nil {
			e.log.Info("executor", "epoch", l.epoch, "store", e.db.Dialect())
			return l, nil
		}
		if last != 0 && e.epochAbove(ctx, last) {
			return nil, errFenced
		}
		if err.Error() != told { // once per cause, not ten times a second
			told = err.Error()
			e.log.Warn("waiting to become the executor", "cause", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (e *Engine) epochAbove(ctx context.Context, last int64) bool {
	var epoch int64
	err := e.db.QueryRow(ctx, `SELECT epoch FROM executor WHERE id = 1`).Scan(&epoch)
	return err == nil && epoch > last
}

func (e *Engine) tryAcquire(ctx context.Context) (*lease, error) {
	if e.db.Dialect() == store.PostgreSQL {
		return e.acquirePostgreSQL(ctx)
	}
	unlock, err := e.db.FileLock()
	if err != nil {
		return nil, err
	}
	l := &lease{e: e, unlock: unlock}
	err = e.db.Tx(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `UPDATE executor SET epoch = epoch + 1, holder = $1, expires = 0 WHERE id = 1 RETURNING epoch`,
			holder()).Scan(&l.epoch)
	})
	if err != nil {
		unlock()
		return nil, err
	}
	return l, nil
}

// The SQL of the PostgreSQL lease. A backend is named by its process and its
// start, since process numbers come again.
const (
	pgNow     = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`
	pgBackend = `(pid || '@' || extract(epoch FROM backend_start))`
	pgSelf    = `(SELECT ` + pgBackend + ` FROM pg_stat_activity WHERE pid = pg_backend_pid())`

	pgTake = `UPDATE executor SET epoch = executor.epoch + 1, holder = $1, backend = ` + pgSelf + `, expires = ` + pgNow + ` + $2
		FROM (SELECT epoch, backend, expires FROM executor WHERE id = 1) old
		WHERE id = 1 AND executor.epoch = old.epoch AND (old.expires < ` + pgNow + `
			OR NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE ` + pgBackend + ` = old.backend))
		RETURNING executor.epoch, old.backend`
	pgRenew = `UPDATE executor SET expires = ` + pgNow + ` + $2, backend = ` + pgSelf + ` WHERE id = 1 AND epoch = $1`
	pgFree  = `UPDATE executor SET expires = 0 WHERE id = 1 AND epoch = $1`
	// The old executor may hang inside a transaction whose locks would hold up the
	// new one.
	pgEnd = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ` + pgBackend + ` = $1`
)

func (e *Engine) acquirePostgreSQL(ctx context.Context) (*lease, error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	l := &lease{e: e, conn: conn}
	var old string
	err = conn.QueryRowContext(ctx, pgTake, holder(), e.o.Lease.Microseconds()).Scan(&l.epoch, &old)
	if err != nil {
		conn.Close()
		if errors.Is(err, sql.ErrNoRows) {
			return nil, errHeld
		}
		return nil, fmt.Errorf("take the lease: %w", err)
	}
	if _, err := conn.ExecContext(ctx, pgEnd, old); err != nil {
		e.log.Warn("cannot end the old executor's connection", "error", err) // the epoch fences it anyway
	}
	return l, nil
}

// keep renews the lease until ctx ends. It returns errFenced when another has it,
// and errLost when the store has not answered for as long as the lease lasts.
func (l *lease) keep(ctx context.Context) error {
	if l.e.db.Dialect() == store.SQLite {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(l.e.o.Lease / 3)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		asked := time.Now()
		err := l.renew(ctx)
		switch {
		case err == nil:
			renewed = asked
		case errors.Is(err, errFenced):
			return err
		case ctx.Err() != nil:
			return nil
		case time.Since(renewed) > l.e.o.Lease:
			return fmt.Errorf("%w: %w", errLost, err)
		default:
			l.e.log.Warn("cannot renew the lease", "epoch", l.epoch, "error", err)
		}
	}
}

func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.e.o.Lease/3)
	defer cancel()
	if l.conn == nil {
		conn, err := l.e.db.Conn(ctx)
		if err != nil {
			return err
		}
		l.conn = conn
	}
	res, err := l.conn.ExecContext(ctx, pgRenew, l.epoch, l.e.o.Lease.Microseconds())
	if err != nil {
		l.conn.Close()
		l.conn = nil // the next renewal dials anew
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return errFenced
	}
	return nil
}

// release gives the lease up, so that the next executor need not wait.
func (l *lease) release() {
	if l.unlock != nil {
		l.unlock()
	}
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := l.conn.ExecContext(ctx, pgFree, l.epoch); err != nil {
		l.e.log.Warn("cannot release the lease", "epoch", l.epoch, "error", err)
	}
	l.conn.Close()
}

// holder names this process to people who look into the store.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
