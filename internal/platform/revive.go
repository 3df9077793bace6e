package platform

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/workflow"
)

// Revive makes what services have again where the world was lost and the store
// brought back: each is healed, what held data too, which is then empty. Runs that
// were in flight and stopped since, for want of what was not there yet, are tried
// once more. It is called again until it is done; a service on which a run works has
// to wait.
func (p *Platform) Revive(ctx context.Context, since time.Time) (done bool, err error) {
	all, err := p.Services(ctx, false)
	if err != nil {
		return false, err
	}
	done = true
	var errs []error
	for _, svc := range all {
		active, err := p.activeRuns(ctx, svc.ID)
		if err != nil || len(active) > 0 {
			done, errs = false, append(errs, err)
			continue
		}
		// Once: what a heal leaves is what the run that stopped was about to make.
		healed, err := p.healedSince(ctx, svc, since)
		began := false
		if err == nil && !healed {
			began, err = p.healAlone(ctx, svc, nil)
		}
		if err == nil && !began {
			began, err = p.retryStopped(ctx, svc, since)
		}
		done = done && !began && err == nil
		errs = append(errs, err)
	}
	return done, errors.Join(errs...)
}

// healedSince reports whether a service was healed since a time.
func (p *Platform) healedSince(ctx context.Context, svc pave.Service, since time.Time) (bool, error) {
	runs, err := p.Engine.List(ctx, workflow.Filter{Service: svc.ID, Kind: pave.RunApply, Limit: 50})
	return slices.ContainsFunc(runs, func(r pave.Run) bool {
		return r.Title == healTitle(svc.Name) && r.State == pave.RunDone && r.Created.After(since)
	}), err
}

// retryStopped tries runs of a service again that stopped since a time and were never
// tried again; those of a parent are the parent's.
func (p *Platform) retryStopped(ctx context.Context, svc pave.Service, since time.Time) (began bool, err error) {
	stopped, err := p.Engine.List(ctx, workflow.Filter{Service: svc.ID, State: pave.RunStopped, Limit: 50})
	if err != nil {
		return false, err
	}
	for _, run := range stopped {
		if run.Parent != "" || run.Attempts > 1 || run.Ended.Before(since) || run.Title == healTitle(svc.Name) {
			continue
		}
		if err := p.Engine.Retry(ctx, run.ID, "pave"); err != nil {
			return began, err
		}
		began = true
	}
	return began, nil
}
