package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/workflow"
)

// rotateAgain is how long after a rotation that stopped the next try comes.
const rotateAgain = 10 * time.Minute

// rotateEnding rotates what is due of all services, each by itself: a plan may wait for a
// system of one service, and credentials of others do not.
func (p *Platform) rotateEnding(ctx context.Context) error {
	records, err := p.Resources.List(ctx, p.DB, "")
	if err != nil {
		return err
	}
	ending := map[string][]pave.Resource{} // by service
	for _, rec := range records {
		if rec.State == pave.ResourcePresent && rec.Outputs[resource.OutputCredentialsEnd] != "" {
			ending[rec.Service] = append(ending[rec.Service], rec.View())
		}
	}
	for id, has := range ending {
		p.lanes.begin("rotate "+id, func() {
			p.attempt(ctx, "rotate credentials", func(ctx context.Context) error {
				svc, err := p.serviceByID(ctx, p.DB, id)
				if err != nil || !svc.Deleted.IsZero() {
					return err
				}
				return p.rotateDue(ctx, svc, has)
			})
		})
	}
	return nil
}

// rotateDue rotates credentials of a service whose end is near, of those that have one. The
// journal has new ones as soon as they are made: a rotation that stopped after that is tried
// again, for processes have the old ones still; where the new ones are due too, others are
// made.
func (p *Platform) rotateDue(ctx context.Context, svc pave.Service, ending []pave.Resource) error {
	last, err := p.Engine.List(ctx, workflow.Filter{Service: svc.ID, Kind: pave.RunApply, Limit: 1})
	if err != nil {
		return err
	}
	stopped := len(last) > 0 && last[0].State == pave.RunStopped && rotated(last[0])
	r, due := dueOf(ending, time.Now())
	if !due && !stopped || stopped && time.Since(last[0].Ended) < rotateAgain {
		return nil
	}
	if busy, err := p.inTheWay(ctx, svc, r); err != nil || busy {
		return err
	}
	if !due {
		return p.Engine.Retry(ctx, last[0].ID, "pave")
	}
	p.Log.Info("credentials end", "service", svc.Name, "resource", r.Ref.String(), "end", r.Outputs[resource.OutputCredentialsEnd])
	_, err = p.alone(ctx, pave.Rotate{Service: string(svc.Name), Kind: r.Ref.Kind, Environment: string(r.Ref.Env)})
	return err
}

// inTheWay reports whether runs of a service keep its credentials from being rotated. Who
// has to approve a rollout may take longer than they last: when half of the time is over
// that a rotation has, one that waits for that makes way, and says so.
func (p *Platform) inTheWay(ctx context.Context, svc pave.Service, r pave.Resource) (busy bool, err error) {
	active, err := p.activeRuns(ctx, svc.ID)
	if err != nil {
		return true, err
	}
	applied := slices.ContainsFunc(active, func(run pave.Run) bool { return run.Kind == pave.RunApply })
	for _, run := range active {
		var in rolloutInput
		if run.Kind != pave.RunRollout || json.Unmarshal(run.Input, &in) != nil || !applied && in.Env != r.Ref.Env {
			continue
		}
		busy = true
		if run, err = p.Engine.Get(ctx, run.ID); err != nil {
			return true, err
		}
		waits := slices.ContainsFunc(run.Steps, func(s pave.Step) bool { return s.Key == approvalKey && s.State == pave.StepWaiting })
		if !waits || !late(r, time.Now()) {
			continue
		}
		reason := fmt.Sprintf("nobody approved it, and the %s needs other credentials before %s: pave deploy %s --env %s asks again",
			r.Ref.Kind, r.Outputs[resource.OutputCredentialsEnd], svc.Name, in.Env)
		if err := p.Engine.Cancel(ctx, run.ID, "pave", reason); err != nil {
			return true, err
		}
	}
	return busy || applied, nil
}

// late reports whether half of the time is over between the moment in which other
// credentials are due and the end of those there are.
func late(r pave.Resource, now time.Time) bool {
	due, err := time.Parse(time.RFC3339, r.Outputs[resource.OutputCredentialsDue])
	if err != nil {
		return false
	}
	end, err := time.Parse(time.RFC3339, r.Outputs[resource.OutputCredentialsEnd])
	return err == nil && now.After(due.Add(end.Sub(due)/2))
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
