package workflow

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// maxSignals bounds the signals of a run that nobody has waited for yet.
const maxSignals = 100

// Signal wakes the step of the run that waits for the name, or is kept until one
// does. The error is NotFound for an unknown run, Conflict for one that has
// ended or has too many signals waiting, and Invalid for a payload beyond 1 MiB.
func (e *Engine) Signal(ctx context.Context, runID, name string, payload any) error {
	raw, err := encode("payload of signal "+name, payload, maxOutput)
	if err != nil {
		return err
	}
	if name == "" {
		return pave.Errorf(pave.Invalid, "a signal to %s needs a name", runID)
	}
	return e.tx(ctx, anyEpoch, func(w *work) error {
		r, err := w.find(ctx, runID)
		if err != nil {
			return err
		}
		if r.State.Ended() {
			return pave.Errorf(pave.Conflict, "run %s has ended (%s)", r.ID, r.State)
		}
		steps, err := w.steps(ctx, r.ID)
		if err != nil {
			return err
		}
		for _, s := range steps {
			if s.State == pave.StepWaiting && s.awaits == awaitsSignal && s.signal == name {
				s.payload = raw
				return w.resume(ctx, s)
			}
		}
		var n int
		if err := w.tx.QueryRow(ctx, `SELECT count(*) FROM signals WHERE run = $1`, r.ID).Scan(&n); err != nil {
			return err
		}
		if n >= maxSignals {
			return pave.Errorf(pave.Conflict, "run %s has %d signals nobody waits for", r.ID, n)
		}
		_, err = w.tx.Exec(ctx, `INSERT INTO signals (id, run, name, payload, at) VALUES ($1, $2, $3, $4, $5)`,
			pave.NewID("sig"), r.ID, name, raw, w.now)
		return err
	})
}

// find returns the run, locked.
func (w *work) find(ctx context.Context, id string) (*runRow, error) {
	r, err := w.lockRun(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound(id)
	}
	return r, err
}

func notFound(id string) error {
	return pave.Errorf(pave.NotFound, "there is no run %q", id).WithHint("list them with: pave get runs")
}

// Cancel ends a run and the runs below it: steps that have not begun do not,
// handlers that run see their context end, and clean-up steps (Always) still
// run. The run is canceled once all that has ended. The error is NotFound, or
// Conflict when the run has ended; canceling twice changes nothing.
func (e *Engine) Cancel(ctx context.Context, runID, actor, reason string) error {
	if actor == "" {
		actor = "system"
	}
	return e.tx(ctx, anyEpoch, func(w *work) error {
		tree, err := w.lockTree(ctx, runID)
		if err != nil {
			return err
		}
		for i, r := range tree { // the deepest first: a child locks itself, then its parent's step
			switch {
			case i == len(tree)-1 && r.State.Ended():
				return pave.Errorf(pave.Conflict, "run %s has ended (%s)", r.ID, r.State)
			case r.State.Ended(), r.canceledBy != "":
				continue
			}
			if err := w.cancel(ctx, r, actor, line(reason)); err != nil {
				return err
			}
		}
		return nil
	})
}

// lockTree locks a run and all below it, the deepest first, and returns them in
// that order.
func (w *work) lockTree(ctx context.Context, runID string) ([]*runRow, error) {
	for {
		ids, err := w.treeIDs(ctx, runID)
		if err != nil {
			return nil, err
		}
		tree := make([]*runRow, len(ids))
		for i, id := range ids {
			if tree[i], err = w.find(ctx, id); err != nil {
				return nil, err
			}
		}
		again, err := w.treeIDs(ctx, runID)
		if err != nil || len(again) == len(ids) {
			return tree, err
		} // a step has started a child before its run was locked
	}
}

func (w *work) treeIDs(ctx context.Context, runID string) ([]string, error) {
	rows, err := w.tx.Query(ctx, `WITH RECURSIVE tree (id, depth) AS (SELECT CAST($1 AS TEXT), 0
		UNION SELECT r.id, t.depth + 1 FROM runs r JOIN tree t ON r.parent = t.id)
		SELECT id FROM tree ORDER BY depth DESC, id`, runID)
	return store.Collect(rows, err, func(s store.Scanner) (id string, err error) { return id, s.Scan(&id) })
}

func (w *work) cancel(ctx context.Context, r *runRow, actor, reason string) error {
	r.canceledBy, r.Reason = actor, reason
	if err := w.saveRun(ctx, r); err != nil {
		return err
	}
	steps, err := w.steps(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.always || (s.State != pave.StepReady && s.State != pave.StepWaiting) {
			continue
		}
		s.State, s.awaits, s.Reason, s.Ended = pave.StepCanceled, "", errCanceled.Error(), w.now
		s.RunAt, s.deadline = time.Time{}, time.Time{}
		if err := w.saveStep(ctx, s); err != nil {
			return err
		}
	}
	w.halted = append(w.halted, r.ID)
	return w.advance(ctx, r)
}
