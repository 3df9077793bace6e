package workflow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// errCanceledMeanwhile undoes a settle that has started a child for a run that was
// canceled at the same time.
var errCanceledMeanwhile = errors.New("the run was canceled while its step started another")

// settle records the outcome of a step this executor runs, and tries until the
// store takes it.
func (x *executor) settle(base context.Context, c claimed, out outcome) error {
	return x.persist(base, func(ctx context.Context) error {
		err := x.tx(ctx, x.epoch, func(w *work) error { return w.settle(ctx, c, out) })
		switch code := pave.CodeOf(err); {
		case err == nil, errors.Is(err, errFenced), code == pave.Unavailable:
			return err
		case errors.Is(err, errCanceledMeanwhile):
			out = outcome{state: pave.StepCanceled, reason: errCanceled.Error()}
		default: // a child that cannot start, or a defect: the step must not hang
			out = x.failed(c, err)
		}
		return x.tx(ctx, x.epoch, func(w *work) error { return w.settle(ctx, c, out) })
	})
}

func (w *work) settle(ctx context.Context, c claimed, out outcome) error {
	var child *runRow
	if out.child != nil {
		// Before the run's own lock: a child that ends locks itself, then this step.
		var err error
		if child, err = w.start(ctx, *out.child); err != nil {
			return err
		}
	}
	r, s, err := w.lockStep(ctx, c.step.run, c.step.Key)
	if err != nil {
		return err
	}
	if s.State != pave.StepRunning {
		w.e.log.Warn("a settled step was settled again", "run", r.ID, "step", s.Key, "state", s.State)
		return nil
	}
	if r.canceledBy != "" && !s.always && out.state != pave.StepDone {
		if child != nil {
			return errCanceledMeanwhile
		}
		out = outcome{state: pave.StepCanceled, reason: out.reason}
	}
	switch {
	case child != nil:
		return w.awaitRun(ctx, r, s, child, out)
	case out.signal != nil:
		return w.awaitSignal(ctx, r, s, out)
	case out.state == pave.StepReady:
		return w.again(ctx, r, s, out)
	}
	return w.finish(ctx, r, s, out)
}

// again makes the step ready for later: to be polled, or retried after an error.
func (w *work) again(ctx context.Context, r *runRow, s *stepRow, out outcome) error {
	typ, told := "step.waiting", s.Reason
	s.State, s.Reason, s.Hint, s.RunAt = pave.StepReady, out.reason, out.hint, w.now.Add(out.after)
	if out.failure {
		typ = "step.retry"
		s.failures++
	} else {
		s.failures, s.resumed = 0, true
		if told == out.reason { // a poll that found no news
			return w.saveStep(ctx, s)
		}
	}
	data := eventData{Title: s.Title, Reason: out.reason, Hint: out.hint, Attempt: s.Attempt, AfterMS: out.after.Milliseconds(), Quiet: s.Quiet}
	if err := w.tell(r, s.Key, typ, r.Actor, data); err != nil {
		return err
	}
	return w.saveStep(ctx, s)
}

func (w *work) awaitRun(ctx context.Context, r *runRow, s *stepRow, child *runRow, out outcome) error {
	s.Child, s.failures = child.ID, 0
	if child.State.Ended() {
		return w.resume(ctx, s)
	}
	s.State, s.awaits, s.Reason, s.RunAt = pave.StepWaiting, awaitsRun, out.reason, time.Time{}
	data := eventData{Title: s.Title, Reason: s.Reason, Child: child.ID, Quiet: s.Quiet}
	if err := w.tell(r, s.Key, "step.waiting", r.Actor, data); err != nil {
		return err
	}
	return w.saveStep(ctx, s)
}

func (w *work) awaitSignal(ctx context.Context, r *runRow, s *stepRow, out outcome) error {
	s.signal, s.payload, s.failures = out.signal.Name, nil, 0
	early, payload, err := w.takeSignal(ctx, r.ID, s.signal)
	if err != nil {
		return err
	}
	if early {
		s.payload = payload
		return w.resume(ctx, s)
	}
	s.State, s.awaits, s.Reason, s.RunAt = pave.StepWaiting, awaitsSignal, out.reason, time.Time{}
	if out.signal.Timeout > 0 {
		s.deadline = w.now.Add(out.signal.Timeout)
	}
	data := eventData{Title: s.Title, Reason: s.Reason, Quiet: s.Quiet}
	if err := w.tell(r, s.Key, "step.waiting", r.Actor, data); err != nil {
		return err
	}
	return w.saveStep(ctx, s)
}

// takeSignal removes the oldest signal of the name that came before its step
// waited.
func (w *work) takeSignal(ctx context.Context, run, name string) (found bool, payload json.RawMessage, err error) {
	var id string
	err = w.tx.QueryRow(ctx, `SELECT id, payload FROM signals WHERE run = $1 AND name = $2 ORDER BY at, id LIMIT 1`, run, name).Scan(&id, store.JSON(&payload))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	_, err = w.tx.Exec(ctx, `DELETE FROM signals WHERE id = $1`, id)
	return true, payload, err
}

// resume makes a step whose wait is over ready at once.
func (w *work) resume(ctx context.Context, s *stepRow) error {
	s.State, s.awaits, s.Reason, s.RunAt = pave.StepReady, "", "", w.now
	s.deadline, s.resumed = time.Time{}, true
	return w.saveStep(ctx, s)
}

// finish ends a step as done, failed or canceled and advances its run.
func (w *work) finish(ctx context.Context, r *runRow, s *stepRow, out outcome) error {
	s.State, s.Ended, s.RunAt = out.state, w.now, time.Time{}
	s.Output, s.Summary, s.Reason, s.Hint = out.output, out.summary, out.reason, out.hint
	if err := w.saveStep(ctx, s); err != nil {
		return err
	}
	if s.State != pave.StepCanceled {
		data := eventData{
			Title: s.Title, Summary: s.Summary, Reason: s.Reason, Hint: s.Hint, Attempt: s.Attempt,
			TookMS: s.Ended.Sub(s.Started).Milliseconds(), Quiet: s.Quiet, Data: out.data,
		}
		if err := w.tell(r, s.Key, "step."+string(s.State), r.Actor, data); err != nil {
			return err
		}
	}
	return w.advance(ctx, r)
}
