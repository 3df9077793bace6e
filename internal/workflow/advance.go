package workflow

import (
	"context"
	"fmt"

	"github.com/pave-platform/pave"
)

// advance is the whole state machine of a run. It is called, with the run locked,
// in the transaction that changed a step: steps whose needs are met become
// ready, those that can no longer run are skipped or canceled, and a run whose
// steps have all ended ends.
func (w *work) advance(ctx context.Context, r *runRow) error {
	steps, err := w.steps(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, s := range settlePending(steps, r.canceledBy != "") {
		if s.State == pave.StepReady {
			s.RunAt = w.now
		} else {
			s.Ended = w.now
		}
		if err := w.saveStep(ctx, s); err != nil {
			return err
		}
	}
	for _, s := range steps {
		if !s.State.Ended() {
			return nil
		}
	}
	return w.end(ctx, r, steps)
}

// settlePending moves pending steps on as far as the states around them allow and
// returns those it moved. It reads and writes nothing else.
func settlePending(steps []*stepRow, canceled bool) []*stepRow {
	byKey := make(map[string]*stepRow, len(steps))
	for _, s := range steps {
		byKey[s.Key] = s
	}
	var moved []*stepRow
	for again := true; again; { // a skipped step lets the next one be skipped
		again = false
		for _, s := range steps {
			if s.State != pave.StepPending {
				continue
			}
			if s.State, s.Reason = nextState(s, byKey, canceled); s.State != pave.StepPending {
				moved = append(moved, s)
				again = true
			}
		}
	}
	return moved
}

// nextState returns the state a pending step moves to, and why it will not run.
func nextState(s *stepRow, byKey map[string]*stepRow, canceled bool) (pave.StepState, string) {
	if canceled && !s.always {
		return pave.StepCanceled, "the run was canceled"
	}
	open := false
	for _, need := range s.Needs {
		n := byKey[need]
		if !n.State.Ended() {
			open = true
		} else if n.State != pave.StepDone && !s.always {
			return pave.StepSkipped, fmt.Sprintf("step %s was %s", n.Key, n.State)
		}
	}
	if open {
		return pave.StepPending, ""
	}
	return pave.StepReady, ""
}

// end ends a run whose steps have all ended, and wakes the steps that wait for it.
func (w *work) end(ctx context.Context, r *runRow, steps []*stepRow) error {
	if err := w.begin(r); err != nil { // a run without steps, or canceled before its first
		return err
	}
	actor, data := r.Actor, eventData{Title: r.Title, TookMS: w.now.Sub(r.Started).Milliseconds()}
	r.State, r.Ended = pave.RunDone, w.now
	if failed := firstFailed(steps); r.canceledBy != "" {
		r.State, actor = pave.RunCanceled, r.canceledBy
	} else if failed != nil {
		r.State = pave.RunStopped
		r.Reason = failed.Key + ": " + failed.Reason
		r.Hint = defaultHint(r.ID)
	}
	data.Reason, data.Hint = r.Reason, r.Hint
	if err := w.tell(r, "", "run."+string(r.State), actor, data); err != nil {
		return err
	}
	if err := w.saveRun(ctx, r); err != nil {
		return err
	}
	_, err := w.tx.Exec(ctx, `UPDATE steps SET state = 'ready', resumed = 1, run_at = $2, awaits = '', reason = ''
		WHERE child = $1 AND state = 'waiting' AND awaits = 'run'`, r.ID, w.now)
	return err
}

// begin makes a queued run a running one; the caller saves it.
func (w *work) begin(r *runRow) error {
	if r.State != pave.RunQueued {
		return nil
	}
	r.State, r.Started = pave.RunRunning, w.now
	return w.tell(r, "", "run.started", r.Actor, eventData{Title: r.Title, Attempt: r.Attempts})
}

func firstFailed(steps []*stepRow) *stepRow {
	var first *stepRow
	for _, s := range steps {
		if s.State == pave.StepFailed && (first == nil || s.Ended.Before(first.Ended)) {
			first = s
		}
	}
	return first
}

func defaultHint(run string) string {
	return fmt.Sprintf("pave retry %s, or pave undo %s", run, run)
}
