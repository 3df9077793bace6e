package workflow

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Retry runs a stopped or canceled run again from where it failed: steps that are
// done stay done, except clean-up after a step that runs again. A step that
// failed because its child run did goes on when that child, retried too, has
// ended. A child whose parent stopped over it is retried through the parent. The
// error is NotFound, or Conflict when the run has not ended, is done, or another
// run of its Key is under way.
func (e *Engine) Retry(ctx context.Context, runID, actor string) error {
	return e.tx(ctx, anyEpoch, func(w *work) error {
		top, err := w.retryTop(ctx, runID)
		if err != nil {
			return err
		}
		r, err := w.find(ctx, top)
		if err != nil {
			return err
		}
		switch {
		case !r.State.Ended():
			return pave.Errorf(pave.Conflict, "run %s is still %s", r.ID, r.State).
				WithHint("watch it with: pave watch %s", r.ID)
		case r.State == pave.RunDone:
			return pave.Errorf(pave.Conflict, "run %s is done: there is nothing to retry", r.ID)
		}
		if actor == "" {
			actor = r.Actor
		}
		err = w.retry(ctx, r, actor)
		if errors.Is(err, store.ErrUnique) {
			return pave.Errorf(pave.Conflict, "another run of %q is under way", r.key).
				WithHint("wait for it, or cancel it, then: pave retry %s", r.ID)
		}
		return err
	})
}

// retryTop climbs from a child to the run that must be retried for it to count:
// the highest parent that ended with the step that awaited it unfinished.
func (w *work) retryTop(ctx context.Context, id string) (string, error) {
	for {
		var parent string
		err := w.tx.QueryRow(ctx, `SELECT p.id FROM runs p JOIN steps s ON s.run = p.id
			WHERE s.child = $1 AND s.child <> '' AND s.state <> 'done' AND p.ended <> 0 LIMIT 1`, id).Scan(&parent)
		if errors.Is(err, sql.ErrNoRows) {
			return id, nil
		}
		if err != nil {
			return "", err
		}
		id = parent
	}
}

func (w *work) retry(ctx context.Context, r *runRow, actor string) error {
	r.State, r.Ended, r.canceledBy, r.Reason, r.Hint = pave.RunRunning, time.Time{}, "", "", ""
	r.Attempts++
	if r.Started.IsZero() {
		r.Started = w.now
	}
	if err := w.saveRun(ctx, r); err != nil {
		return err
	}
	data := eventData{Title: r.Title, Attempt: r.Attempts}
	if err := w.tell(r, "", "run.started", actor, data); err != nil {
		return err
	}
	steps, err := w.steps(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, s := range stepsToRetry(steps, w.lost(r, steps)) {
		s.State, s.failures, s.resumed, s.awaits = pave.StepPending, 0, false, ""
		s.Summary, s.Reason, s.Hint, s.Output = "", "", "", nil
		s.signal, s.payload, s.deadline = "", nil, time.Time{}
		s.RunAt, s.Started, s.Ended = time.Time{}, time.Time{}, time.Time{}
		if err := w.retryChild(ctx, s, actor); err != nil {
			return err
		}
		if err := w.saveStep(ctx, s); err != nil {
			return err
		}
	}
	return w.advance(ctx, r)
}

// lost asks whether what the done steps of a run had made is gone.
func (w *work) lost(r *runRow, steps []*stepRow) bool {
	if w.e.o.Lost == nil {
		return false
	}
	run := r.Run
	run.Steps = nil
	for _, s := range steps {
		run.Steps = append(run.Steps, s.Step)
	}
	return w.e.o.Lost(run)
}

// stepsToRetry returns the steps that did not get done, and the clean-up steps
// that come after one of them; with whole it is all steps.
func stepsToRetry(steps []*stepRow, whole bool) []*stepRow {
	if whole {
		return steps
	}
	again := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for _, s := range steps {
			after := s.always && slices.ContainsFunc(s.Needs, func(need string) bool { return again[need] })
			if !again[s.Key] && (s.State != pave.StepDone || after) {
				again[s.Key], grown = true, true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(steps), func(s *stepRow) bool { return !again[s.Key] })
}

// retryChild retries the run the step waited for, when that one did not end well:
// the step then waits for it again instead of meeting the same end.
func (w *work) retryChild(ctx context.Context, s *stepRow, actor string) error {
	if s.Child == "" {
		return nil
	}
	child, err := w.find(ctx, s.Child)
	if err != nil || child.State == pave.RunDone {
		return err
	}
	if child.State.Ended() {
		if err := w.retry(ctx, child, actor); err != nil {
			return err
		}
	}
	if child.canceledBy != "" {
		// Waiting for it now would only meet its end.
		return pave.Errorf(pave.Conflict, "run %.16s below it is still ending", child.ID).WithHint("try again in a moment")
	}
	if !child.State.Ended() {
		s.State, s.awaits, s.Reason, s.Started = pave.StepWaiting, awaitsRun, line(child.Title), w.now
	}
	return nil
}
