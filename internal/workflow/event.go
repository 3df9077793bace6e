package workflow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// anyEpoch is the epoch of work that is not the executor's: starts, signals,
// cancels and retries, which any process may write.
const anyEpoch = 0

// errFenced says that another executor has taken over: nothing of the
// transaction remains, and this one must stop.
var errFenced = &pave.Error{Code: pave.Conflict, Message: "another executor has taken over the store"}

// work is a transaction of the engine: it collects events, numbers and writes
// them just before the commit, and wakes who waits for them after it.
type work struct {
	e      *Engine
	tx     *store.Tx
	epoch  int64
	now    time.Time
	events []pave.Event
	halted []string // runs whose running handlers must end
}

// join makes the caller's transaction one of the engine. Epochs other than
// anyEpoch fail it at its commit when a newer executor is there.
func (e *Engine) join(tx *store.Tx, epoch int64) *work {
	w := &work{e: e, tx: tx, epoch: epoch, now: e.now()}
	tx.BeforeCommit(w.flush)
	tx.AfterCommit(w.committed)
	return w
}

// tx runs fn in a transaction of the engine.
func (e *Engine) tx(ctx context.Context, epoch int64, fn func(*work) error) error {
	return e.db.Tx(ctx, func(tx *store.Tx) error { return fn(e.join(tx, epoch)) })
}

// eventData is the data of the engine's own events.
type eventData struct {
	Title   string          `json:"title,omitempty"`
	Summary string          `json:"summary,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Hint    string          `json:"hint,omitempty"`
	TookMS  int64           `json:"took_ms,omitempty"`
	Attempt int             `json:"attempt,omitempty"`
	AfterMS int64           `json:"after_ms,omitempty"`
	Child   string          `json:"child,omitempty"`
	Quiet   bool            `json:"quiet,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// tell adds an event of the run, or of its step when step is not "".
func (w *work) tell(r *runRow, step, typ, actor string, data any) error {
	raw, err := encode("data of event "+typ, data, maxEventData)
	if err != nil {
		return err
	}
	w.events = append(w.events, pave.Event{
		Run: r.ID, Service: r.Service, Step: step, Type: typ, Actor: actor, At: w.now, Data: raw,
	})
	return nil
}

// flush draws the numbers of the events. The row it draws from stays locked until
// the commit, so that numbers become visible in their order and a cursor never
// passes one that comes later; being last keeps that lock short. The same
// statement is the fence: it finds no row when the epoch is not this executor's.
func (w *work) flush(ctx context.Context) error {
	n := int64(len(w.events))
	if n == 0 && w.epoch == anyEpoch {
		return nil
	}
	var last int64
	err := w.tx.QueryRow(ctx, `UPDATE executor SET seq = seq + $1
		WHERE id = 1 AND (CAST($2 AS BIGINT) = 0 OR epoch = $2) RETURNING seq`, n, w.epoch).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return errFenced
	}
	if err != nil {
		return err
	}
	for i, ev := range w.events {
		_, err := w.tx.Exec(ctx, `INSERT INTO events (seq, run, service, step, type, actor, at, data)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			last-n+int64(i)+1, ev.Run, ev.Service, ev.Step, ev.Type, ev.Actor, ev.At, ev.Data)
		if err != nil {
			return fmt.Errorf("write event %s of %s: %w", ev.Type, ev.Run, err)
		}
	}
	return nil
}

func (w *work) committed() {
	for _, run := range w.halted {
		w.e.halt(run)
	}
	if len(w.events) > 0 {
		w.e.announce()
	}
	w.e.wake()
}

// Changed returns a channel that is closed when this process has committed a
// further event. Take it before reading Events, or one between is missed.
func (e *Engine) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

func (e *Engine) announce() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.changed)
	e.changed = make(chan struct{})
}

// EventFilter selects events. Zero fields do not restrict.
type EventFilter struct {
	Run     string // of this run (whole id) and the runs below it
	Service string
	After   int64 // the cursor: events with greater numbers
	Limit   int   // default 200, at most 1000
	// Services are those whose events are wanted, and events of none; nil is all.
	Services []string
}

// anyOf is the condition that a column has one of the values.
func anyOf(column string, values []string, args *[]any) string {
	marks := make([]string, len(values))
	for i, v := range values {
		*args = append(*args, v)
		marks[i] = fmt.Sprintf("$%d", len(*args))
	}
	return column + " IN (" + strings.Join(marks, ", ") + ")"
}

// Events returns events in the order of their numbers. The number of the last is
// the cursor for the next call; no event appears behind it later.
func (e *Engine) Events(ctx context.Context, f EventFilter) ([]pave.Event, error) {
	args, where := []any{f.After}, []string{"seq > $1"}
	with := ""
	if f.Run != "" {
		args = append(args, f.Run)
		with = fmt.Sprintf(`WITH RECURSIVE tree (id) AS (SELECT CAST($%d AS TEXT)
			UNION SELECT r.id FROM runs r JOIN tree t ON r.parent = t.id) `, len(args))
		where = append(where, "run IN (SELECT id FROM tree)")
	}
	if f.Service != "" {
		args = append(args, f.Service)
		where = append(where, fmt.Sprintf("service = $%d", len(args)))
	}
	if f.Services != nil {
		where = append(where, anyOf("service", append([]string{""}, f.Services...), &args))
	}
	args = append(args, limit(f.Limit, 200, 1000))
	query := fmt.Sprintf(`%sSELECT seq, run, service, step, type, actor, at, data FROM events WHERE %s ORDER BY seq LIMIT $%d`,
		with, strings.Join(where, " AND "), len(args))
	rows, err := e.db.Query(ctx, query, args...)
	return store.Collect(rows, err, func(s store.Scanner) (ev pave.Event, err error) {
		return ev, s.Scan(&ev.Seq, &ev.Run, &ev.Service, &ev.Step, &ev.Type, &ev.Actor,
			store.Stamp(&ev.At), store.JSON(&ev.Data))
	})
}

func limit(n, standard, most int) int {
	if n <= 0 {
		return standard
	}
	return min(n, most)
}
