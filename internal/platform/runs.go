package platform

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// idle is a Conflict while a change of the service goes on.
func (p *Platform) idle(ctx context.Context, svc pave.Service) error {
	run, err := p.Engine.Get(ctx, svc.LastRun)
	if err != nil && pave.CodeOf(err) != pave.NotFound {
		return err
	}
	if err == nil && !run.State.Ended() {
		return pave.Errorf(pave.Conflict, "another change of %s is going on: %s", svc.Name, run.Title).
			WithHint("pave watch %.16s, or pave cancel %.16s", run.ID, run.ID)
	}
	return nil
}

// activeRuns returns the runs of a service that are not over.
func (p *Platform) activeRuns(ctx context.Context, service string) ([]pave.Run, error) {
	var out []pave.Run
	for _, state := range []pave.RunState{pave.RunQueued, pave.RunRunning} {
		runs, err := p.Engine.List(ctx, workflow.Filter{Service: service, State: state, Limit: 200})
		if err != nil {
			return nil, err
		}
		out = append(out, runs...)
	}
	return out, nil
}

// activeWithKey returns the run that brings a release to an environment now, or "".
func (p *Platform) activeWithKey(ctx context.Context, service string, kind pave.RunKind, env pave.Name) (string, error) {
	runs, err := p.activeRuns(ctx, service)
	for _, run := range runs {
		var in rolloutInput
		if run.Kind == kind && json.Unmarshal(run.Input, &in) == nil && in.Env == env {
			return run.ID, err
		}
	}
	return "", err
}

// Run returns a run with its steps, by id or unique prefix.
func (p *Platform) Run(ctx context.Context, id string) (pave.Run, error) {
	if !pave.IsIDPrefix("run", id) {
		return pave.Run{}, pave.BadField("run", id, "is no run id", "pave list runs shows them")
	}
	run, err := p.Engine.Get(ctx, id)
	sees := false
	if err == nil {
		sees, err = p.seesRun(ctx, run)
	}
	if pave.CodeOf(err) == pave.NotFound || err == nil && !sees {
		return pave.Run{}, pave.Errorf(pave.NotFound, "no run %q", id).WithHint("pave list runs")
	}
	return run, err
}

// ListRuns returns runs, newest first.
func (p *Platform) ListRuns(ctx context.Context, f pave.RunFilter) ([]pave.Run, error) {
	w := workflow.Filter{Kind: f.Kind, State: f.State, Limit: f.Limit, Before: f.Cursor}
	if f.Service != "" {
		svc, err := p.serviceEver(ctx, f.Service)
		if err != nil {
			return nil, err
		}
		w.Service = svc.ID
	}
	var err error
	if w.Services, err = p.visible(ctx); err != nil {
		return nil, err
	}
	return p.Engine.List(ctx, w)
}

// serviceEver is a service by name, a deleted one too.
func (p *Platform) serviceEver(ctx context.Context, name string) (pave.Service, error) {
	svc, err := p.serviceNamed(ctx, name)
	if pave.CodeOf(err) == pave.NotFound {
		if gone, gerr := p.serviceDeleted(ctx, name); gerr == nil {
			return gone, nil
		}
	}
	return svc, err
}

// Events returns what happened, in order.
func (p *Platform) Events(ctx context.Context, f pave.EventFilter) ([]pave.Event, error) {
	w := workflow.EventFilter{Run: f.Run, After: f.After, Limit: f.Limit}
	if f.Run != "" {
		run, err := p.Run(ctx, f.Run)
		if err != nil {
			return nil, err
		}
		w.Run = run.ID
	}
	if f.Service != "" {
		svc, err := p.serviceEver(ctx, f.Service)
		if err != nil {
			return nil, err
		}
		w.Service = svc.ID
	}
	if f.Run == "" && f.Service == "" { // else the caller was asked already
		var err error
		if w.Services, err = p.visible(ctx); err != nil {
			return nil, err
		}
	}
	return p.Engine.Events(ctx, w)
}

// WaitEvents returns when something may have happened, or ctx ends.
func (p *Platform) WaitEvents(ctx context.Context, after int64) error {
	changed := p.Engine.Changed()
	if newer, err := p.Events(ctx, pave.EventFilter{After: after, Limit: 1}); err != nil || len(newer) > 0 {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-time.After(5 * time.Second):
	}
	return nil
}

// RetryRun lets a run that stopped go on from where it stopped, with what its plan showed:
// a binding that is another one since is told of, and not taken.
func (p *Platform) RetryRun(ctx context.Context, id string) (pave.Run, error) {
	run, err := p.mayChange(ctx, id, "retry run")
	if err != nil {
		return run, err
	}
	who, _ := pave.PrincipalFrom(ctx)
	notes, err := p.rebound(ctx, run)
	if err != nil {
		return run, err
	}
	if err := p.Engine.Retry(ctx, run.ID, who.User.ID); err != nil {
		return run, err
	}
	if err := p.noteInRun(ctx, run, notes); err != nil {
		return run, err
	}
	return p.Engine.Get(ctx, run.ID)
}

// CancelRun ends a run: what it has made stays and can be undone or resumed.
func (p *Platform) CancelRun(ctx context.Context, id, reason string) (pave.Run, error) {
	run, err := p.mayChange(ctx, id, "cancel run")
	if err != nil {
		return run, err
	}
	who, _ := pave.PrincipalFrom(ctx)
	if reason == "" {
		reason = "cancelled by " + who.User.Name
	}
	if err := p.Engine.Cancel(ctx, run.ID, who.User.ID, reason); err != nil {
		return run, err
	}
	return p.Engine.Get(ctx, run.ID)
}

// mayChange loads a run, asks whether the caller may change it, and audits that.
func (p *Platform) mayChange(ctx context.Context, id, action string) (pave.Run, error) {
	run, err := p.Run(ctx, id)
	if err != nil {
		return run, err
	}
	owner, err := p.runOwner(ctx, run)
	if err != nil {
		return run, err
	}
	if err := p.Access.May(ctx, access.Write, owner.For(action, "")); err != nil {
		return run, err
	}
	return run, p.DB.Tx(ctx, func(tx *store.Tx) error {
		return p.Access.AuditTx(ctx, tx, action, "run:"+run.ID, "")
	})
}

// RunLog streams what the jobs of a run and of its child runs wrote, step after
// step.
func (p *Platform) RunLog(ctx context.Context, id string, q pave.LogQuery, each func(pave.LogLine) error) error {
	run, err := p.Run(ctx, id)
	if err != nil {
		return err
	}
	for _, s := range run.Steps {
		if s.Child != "" {
			if err := p.RunLog(ctx, s.Child, q, each); err != nil {
				return err
			}
		}
		if s.Started.IsZero() {
			continue
		}
		if run.Kind != pave.RunPipeline {
			if err := p.providerLog(ctx, run.ID, s, q.Follow, each); err != nil {
				return err
			}
			continue
		}
		if err := p.jobLog(ctx, pipeline.JobID(run, s.Key), s.Key, q.Follow && !s.State.Ended(), each); err != nil {
			return err
		}
	}
	return nil
}
