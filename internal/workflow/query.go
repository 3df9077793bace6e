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

// Get returns a run with its steps, by its id or a unique prefix of it. The error
// is NotFound, or Conflict when the prefix fits several runs.
func (e *Engine) Get(ctx context.Context, idOrPrefix string) (pave.Run, error) {
	run, err := e.get(ctx, idOrPrefix)
	if !errors.Is(err, sql.ErrNoRows) {
		return run, err
	}
	prefix, rest, _ := strings.Cut(idOrPrefix, "_")
	if prefix = prefix + "_" + strings.ToUpper(rest); !pave.IsIDPrefix("run", prefix) {
		return pave.Run{}, notFound(idOrPrefix)
	}
	// A range over the fixed length of ids: the same in every collation.
	pad := max(0, len("run_")+26-len(prefix))
	rows, err := e.db.Query(ctx, `SELECT id FROM runs WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT 2`,
		prefix+strings.Repeat("0", pad), prefix+strings.Repeat("Z", pad))
	ids, err := store.Collect(rows, err, func(s store.Scanner) (id string, err error) { return id, s.Scan(&id) })
	switch {
	case err != nil:
		return pave.Run{}, err
	case len(ids) == 0:
		return pave.Run{}, notFound(idOrPrefix)
	case len(ids) > 1:
		return pave.Run{}, pave.Errorf(pave.Conflict, "several runs begin with %q, for example %s and %s", idOrPrefix, ids[0], ids[1]).
			WithHint("give more of the id")
	}
	return e.get(ctx, ids[0])
}

// get returns a run with its steps; sql.ErrNoRows when there is none.
func (e *Engine) get(ctx context.Context, id string) (pave.Run, error) {
	r, err := scanRun(e.db.QueryRow(ctx, selectRun+` WHERE id = $1`, id))
	if err != nil {
		return pave.Run{}, err
	}
	steps, err := querySteps(ctx, e.db, ` WHERE run = $1 ORDER BY position`, id)
	if err != nil {
		return pave.Run{}, err
	}
	if err := e.tellBelow(ctx, steps, maxBelow); err != nil {
		return pave.Run{}, err
	}
	if s := waiting(steps); s != nil && r.Reason == "" && !r.State.Ended() {
		r.Reason = line(s.Key + ": " + s.Reason)
	}
	for _, s := range steps {
		r.Steps = append(r.Steps, s.Step)
	}
	return r.Run, nil
}

// maxBelow bounds how far down a run says what it waits for.
const maxBelow = 5

// tellBelow adds to the reason of each step that waits for another run what that one waits
// for. It is read when somebody asks: a poll far below writes nothing up here.
func (e *Engine) tellBelow(ctx context.Context, steps []*stepRow, levels int) error {
	for _, s := range steps {
		if s.State != pave.StepWaiting || s.awaits != awaitsRun || levels == 0 {
			continue
		}
		below, err := querySteps(ctx, e.db, ` WHERE run = $1 AND ended = 0 AND reason <> '' ORDER BY position`, s.Child)
		if err != nil {
			return err
		}
		if err := e.tellBelow(ctx, below, levels-1); err != nil {
			return err
		}
		if b := waiting(below); b != nil {
			s.Reason = line(s.Reason + ": " + b.Reason)
		}
	}
	return nil
}

// waiting is the first step that says what it waits for: a signal, another run, a poll
// or the next try. nil where none does.
func waiting(steps []*stepRow) *stepRow {
	for _, s := range steps {
		if !s.State.Ended() && s.Reason != "" {
			return s
		}
	}
	return nil
}

// Inputs are those of the steps of a run that are done, and of those that are left, in
// their order.
func (e *Engine) Inputs(ctx context.Context, run string) (done, left []json.RawMessage, err error) {
	steps, err := querySteps(ctx, e.db, ` WHERE run = $1 ORDER BY position`, run)
	for _, s := range steps {
		if s.State == pave.StepDone {
			done = append(done, s.input)
		} else {
			left = append(left, s.input)
		}
	}
	return done, left, err
}

// Filter selects runs. Zero fields do not restrict.
type Filter struct {
	Service string
	Kind    pave.RunKind
	State   pave.RunState
	Limit   int    // default 50, at most 200
	Before  string // the cursor: runs older than the run of this id
	// Services are those whose runs are wanted, and runs of none; nil is all.
	Services []string
}

// List returns runs without their steps, the newest first. The id of the last is
// the cursor for the next call.
func (e *Engine) List(ctx context.Context, f Filter) ([]pave.Run, error) {
	var args []any
	var where []string
	add := func(condition string, value string) {
		if value != "" {
			args = append(args, value)
			where = append(where, fmt.Sprintf(condition, len(args)))
		}
	}
	add("service = $%d", f.Service)
	add("kind = $%d", string(f.Kind))
	add("state = $%d", string(f.State))
	add("(created, id) < (SELECT created, id FROM runs WHERE id = $%d)", f.Before)
	if f.Services != nil {
		where = append(where, anyOf("service", append([]string{""}, f.Services...), &args))
	}
	query := ""
	if len(where) > 0 {
		query = " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, limit(f.Limit, 50, 200))
	rows, err := queryRuns(ctx, e.db, query+fmt.Sprintf(" ORDER BY created DESC, id DESC LIMIT $%d", len(args)), args...)
	runs := make([]pave.Run, len(rows))
	for i, r := range rows {
		runs[i] = r.Run
	}
	return runs, err
}

// pruneBatch bounds how long Prune keeps others from writing.
const pruneBatch = 200

// Prune removes runs that ended before the time, with their steps, events and
// signals, and returns how many. A child goes after its parent.
func (e *Engine) Prune(ctx context.Context, before time.Time) (int, error) {
	for total := 0; ; {
		var n int
		err := e.db.Tx(ctx, func(tx *store.Tx) (err error) {
			n, err = pruneSome(ctx, tx, before)
			return err
		})
		if total += n; err != nil || n == 0 {
			return total, err
		}
	}
}

func pruneSome(ctx context.Context, tx *store.Tx, before time.Time) (int, error) {
	rows, err := tx.Query(ctx, `SELECT id FROM runs AS r WHERE ended <> 0 AND ended < $1
		AND NOT EXISTS (SELECT 1 FROM runs AS p WHERE p.id = r.parent) ORDER BY ended LIMIT $2`+tx.ForUpdate(), before, pruneBatch)
	ids, err := store.Collect(rows, err, func(s store.Scanner) (id string, err error) { return id, s.Scan(&id) })
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		for _, stmt := range []string{
			`DELETE FROM events WHERE run = $1`, `DELETE FROM signals WHERE run = $1`,
			`DELETE FROM steps WHERE run = $1`, `DELETE FROM runs WHERE id = $1`,
		} {
			if _, err := tx.Exec(ctx, stmt, id); err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}
