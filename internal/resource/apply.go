package resource

import (
	"context"
	"fmt"
	"slices"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/workflow"
)

// apply is the step that makes one resource so. Intent, effect, record: a crash
// between any two of them leads to the same end, since the driver finds its
// marker again.
func (c *Controller) apply(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	in, rec, d, err := c.target(ctx, t.Input)
	if err != nil {
		return workflow.Result{}, err
	}
	done, err := c.intend(ctx, rec, t.Run.ID, effectKey(t), string(in.Action), t.Run.Actor)
	if err != nil {
		return workflow.Result{}, err
	}
	res, err := c.describe(ctx, rec, in.Spec, nil)
	if err != nil {
		return workflow.Result{}, err
	}
	res.Shown, res.Job = in.Shown, JobOf(t.Run.ID, t.Step)
	st, err := c.effect(ctx, d, rec, res, in.Needs, done)
	if err != nil {
		c.noteFailure(ctx, t, rec, st, err)
		return workflow.Result{}, err
	}
	if st.Waiting { // recorded as done, the effect would never happen
		return workflow.Result{}, workflow.Again{After: pollEvery(t), Reason: st.Reason}
	}
	workflow.Failpoint(ctx, "before-record")
	if err := c.record(ctx, rec, t.Run.ID, effectKey(t), string(in.Action), keptElsewhere(d, st), in.Spec); err != nil {
		return workflow.Result{}, err
	}
	if st.Failed {
		err := pave.Errorf(pave.Invalid, "%s", st.Reason)
		c.noteFailure(ctx, t, rec, st, err)
		return workflow.Result{}, err
	}
	if !st.Ready {
		return workflow.Result{}, workflow.Again{After: pollEvery(t), Reason: st.Reason}
	}
	if st.Summary == "" {
		st.Summary = rec.Ref.Name
	}
	return workflow.Result{Output: st.Outputs, Summary: st.Summary}, nil
}

// effectKey names the effect of a step. A run that a person retries means it
// again: what the first time led to, others may have taken back since.
func effectKey(t *workflow.Task) string {
	if t.Run.Attempts > 1 {
		return fmt.Sprintf("%s#%d", t.Step, t.Run.Attempts)
	}
	return t.Step
}

// effect applies, or only observes where the effect of this very step is already
// in the journal; what vanished meanwhile is applied again. What others give out is
// looked for where it is applied alone: that may be a call to a provider.
func (c *Controller) effect(ctx context.Context, d Driver, rec Record, res Resource, needs []pave.Ref, done bool) (State, error) {
	if done {
		st, err := d.Observe(ctx, res)
		if pave.CodeOf(err) != pave.NotFound {
			return st, err
		}
	}
	full, err := c.describe(ctx, rec, res.Spec, needs)
	if err != nil {
		return State{}, err
	}
	res.Inputs = full.Inputs
	return d.Apply(ctx, res)
}

// noteFailure keeps what was seen of a resource whose step fails, and shows the
// last lines of its program in the run.
func (c *Controller) noteFailure(ctx context.Context, t *workflow.Task, rec Record, st State, cause error) {
	if len(st.Notes) > 0 {
		if err := t.Emit(ctx, "step.output", map[string]any{"lines": st.Notes}); err != nil {
			c.log.Warn("last lines not told", "run", t.Run.ID, "step", t.Step, "err", err)
		}
	}
	if pave.CodeOf(cause) == pave.Internal {
		return
	}
	if err := c.Observed(ctx, rec.ID, false, cause.Error(), time.Now()); err != nil {
		c.log.Warn("observation not kept", "resource", rec.ID, "err", err)
	}
}

// pollEvery is how long to wait before the next look: 10 ms at first, so that
// quick things cost nothing, up to 500 ms after the first seconds.
func pollEvery(t *workflow.Task) time.Duration {
	return min(max(time.Since(t.Started)/10, 10*time.Millisecond), 500*time.Millisecond)
}

// retireStep deletes a resource, or sets it aside where it holds data and its
// driver can.
func (c *Controller) retireStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	in, rec, d, err := c.target(ctx, t.Input)
	if err != nil {
		return workflow.Result{}, err
	}
	if _, err := c.intend(ctx, rec, t.Run.ID, effectKey(t), string(in.Action), t.Run.Actor); err != nil {
		return workflow.Result{}, err
	}
	res := Resource{ID: rec.ID, Ref: rec.Ref, ExternalID: rec.ExternalID, Spec: rec.Spec, Shown: in.Shown, Job: JobOf(t.Run.ID, t.Step)}
	left := ""
	if l, ok := As[Leaver](d); ok {
		if left, err = l.Leaves(ctx, res); err != nil && pave.CodeOf(err) != pave.NotFound && pave.CodeOf(err) != pave.Conflict {
			return workflow.Result{}, err
		}
	}
	state, kept, summary := pave.ResourceGone, time.Time{}, rec.Ref.Name+" deleted"
	if k, ok := As[Keeper](d); ok && in.Action == pave.ActionAside {
		err = k.SetAside(ctx, res)
		state, kept = pave.ResourceAside, time.Now().Add(KeepFor)
		summary = rec.Ref.Name + " set aside, kept until " + kept.Format(time.DateOnly)
	} else {
		err = d.Delete(ctx, res)
		if rec.State == pave.ResourcePresent && slices.Contains(pave.BackingKinds, rec.Ref.Kind) {
			summary += pave.NotKept
		}
	}
	if err != nil {
		return workflow.Result{}, err
	}
	if left != "" {
		summary = rec.Ref.Name + " let go: " + left
		if !kept.IsZero() {
			summary += "; the copy here is kept until " + kept.Format(time.DateOnly)
		}
	}
	workflow.Failpoint(ctx, "before-record")
	if err := c.retire(ctx, rec, t.Run.ID, effectKey(t), string(in.Action), state, kept); err != nil {
		return workflow.Result{}, err
	}
	return workflow.Result{Summary: summary}, nil
}

// PutBack applies the last good spec of a resource again, outside of any step's
// own change: what a rollout does when its release did not become ready.
func (c *Controller) PutBack(ctx context.Context, service string, n Node) error {
	rec, err := c.Live(ctx, c.db, service, n.Ref)
	if err != nil {
		return err
	}
	d, err := c.Drivers.Get(rec.Ref.Kind, rec.Provider)
	if err != nil {
		return err
	}
	res, err := c.describe(ctx, rec, n.Spec, n.Needs)
	if err != nil {
		return err
	}
	if _, err := c.intend(ctx, rec, rec.Run, "put-back", string(pave.ActionUpdate), "pave"); err != nil {
		return err
	}
	st, err := d.Apply(ctx, res)
	if err != nil {
		return err
	}
	return c.record(ctx, rec, rec.Run, "put-back", string(pave.ActionUpdate), keptElsewhere(d, st), n.Spec)
}
