package workflow

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// claimed is a step this executor runs.
type claimed struct {
	run  *runRow
	step *stepRow
	h    Handler
}

// claim makes up to n due steps running, those of teams with the fewest first. It
// is the only one that does, so that what it counts can only get less.
func (x *executor) claim(ctx context.Context, n int) ([]claimed, error) {
	if n <= 0 {
		return nil, nil
	}
	candidates, err := x.candidates(ctx, n)
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	for _, id := range candidates {
		failpointStep(ctx, x, "before-intent", id)
	}
	var got []claimed
	err = x.tx(ctx, x.epoch, func(w *work) error {
		got = got[:0]
		for _, id := range candidates {
			c, err := w.claimStep(ctx, id)
			if err != nil {
				return err
			}
			if c != nil && c.h != nil {
				got = append(got, *c)
			}
		}
		return nil
	})
	return got, err
}

// candidates reads which steps are due, within the caps.
func (x *executor) candidates(ctx context.Context, n int) ([]stepID, error) {
	rows, err := x.db.Query(ctx, `SELECT run, key FROM (
			SELECT run, key, team, run_at, position,
				row_number() OVER (PARTITION BY team ORDER BY run_at, run, position) AS n
			FROM steps WHERE state = 'ready' AND run_at <= $1) AS due
		WHERE team = '' OR n + (SELECT count(*) FROM steps AS r WHERE r.state = 'running' AND r.team = due.team) <= $2
		ORDER BY n, run_at, run, position LIMIT $3`, x.now(), x.o.TeamCap, n)
	return store.Collect(rows, err, func(s store.Scanner) (id stepID, err error) { return id, s.Scan(&id.run, &id.key) })
}

// claimStep makes one ready step running, or parks it when its handler is
// unknown. nil means that it is no longer ready.
func (w *work) claimStep(ctx context.Context, id stepID) (*claimed, error) {
	// The run first: others lock in this order.
	r, err := scanRun(w.tx.QueryRow(ctx, selectRun+` WHERE id = $1`, id.run))
	if err != nil {
		return nil, err
	}
	if r.State == pave.RunQueued {
		if r, err = w.lockRun(ctx, id.run); err != nil {
			return nil, err
		}
		if err := w.begin(r); err != nil {
			return nil, err
		}
		if err := w.saveRun(ctx, r); err != nil {
			return nil, err
		}
	}
	s, err := scanStep(w.tx.QueryRow(ctx, selectStep+` WHERE run = $1 AND key = $2 AND state = 'ready'`+w.tx.ForUpdate(), id.run, id.key))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &claimed{run: r, step: s, h: w.e.handlers[s.handler]}
	if c.h == nil {
		return c, w.park(ctx, r, s)
	}
	s.State = pave.StepRunning
	if !s.resumed {
		s.Attempt++
		s.Reason, s.Hint = "", ""
		data := eventData{Title: s.Title, Attempt: s.Attempt, Quiet: s.Quiet}
		if err := w.tell(r, s.Key, "step.started", r.Actor, data); err != nil {
			return nil, err
		}
	}
	s.resumed = false
	if s.Started.IsZero() {
		s.Started = w.now
	}
	return c, w.saveStep(ctx, s)
}

// park sets a step aside whose handler this pave lacks; its neighbours go on, and
// the next executor tries again.
func (w *work) park(ctx context.Context, r *runRow, s *stepRow) error {
	s.State, s.awaits = pave.StepWaiting, awaitsHandler
	s.Reason = "this pave has no handler " + s.handler
	data := eventData{Title: s.Title, Reason: s.Reason, Quiet: s.Quiet}
	if err := w.tell(r, s.Key, "step.waiting", r.Actor, data); err != nil {
		return err
	}
	return w.saveStep(ctx, s)
}

// lockStep returns a run and one of its steps, locked.
func (w *work) lockStep(ctx context.Context, run, key string) (*runRow, *stepRow, error) {
	r, err := w.lockRun(ctx, run)
	if err != nil {
		return nil, nil, err
	}
	s, err := scanStep(w.tx.QueryRow(ctx, selectStep+` WHERE run = $1 AND key = $2`+w.tx.ForUpdate(), run, key))
	return r, s, err
}
