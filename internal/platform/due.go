package platform

import (
	"context"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/workflow"
)

// rotateAgain is how long after a rotation that stopped the next try comes.
const rotateAgain = 10 * time.Minute

// rotateDue rotates credentials of a service that have an end which is near. The journal has
// new ones as soon as they are made: a rotation that stopped after that is tried again, for
// processes have the old ones still; where the new ones are due too, others are made.
func (p *Platform) rotateDue(ctx context.Context, svc pave.Service, resources []pave.Resource) error {
	if !slices.ContainsFunc(resources, func(r pave.Resource) bool { return r.Outputs[resource.OutputCredentialsEnd] != "" }) {
		return nil
	}
	active, err := p.activeRuns(ctx, svc.ID)
	if err != nil || len(active) > 0 {
		return err
	}
	last, err := p.Engine.List(ctx, workflow.Filter{Service: svc.ID, Kind: pave.RunApply, Limit: 1})
	if err != nil {
		return err
	}
	stopped := len(last) > 0 && last[0].State == pave.RunStopped && rotated(last[0])
	if stopped && time.Since(last[0].Ended) < rotateAgain {
		return nil
	}
	r, due := dueOf(resources, time.Now())
	switch {
	case due:
		p.Log.Info("credentials end", "service", svc.Name, "resource", r.Ref.String(), "end", r.Outputs[resource.OutputCredentialsEnd])
		_, err = p.alone(ctx, pave.Rotate{Service: string(svc.Name), Kind: r.Ref.Kind, Environment: string(r.Ref.Env)})
	case stopped:
		err = p.Engine.Retry(ctx, last[0].ID, "pave")
	}
	return err
}

// dueOf finds the resource whose credentials are due for the longest time.
func dueOf(resources []pave.Resource, now time.Time) (first pave.Resource, found bool) {
	var when time.Time
	for _, r := range resources {
		at, err := time.Parse(time.RFC3339, r.Outputs[resource.OutputCredentialsDue])
		if err == nil && r.State == pave.ResourcePresent && !at.After(now) && (!found || at.Before(when)) {
			first, when, found = r, at, true
		}
	}
	return first, found
}
