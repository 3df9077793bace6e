package platform

import (
	"context"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/workflow"
)

// driftTime is how long one round may look for drift; the next goes on from there.
const driftTime = 20 * time.Second

// observed looks at the resources of a service, for drift too where no run works on
// it.
func (p *Platform) observed(ctx context.Context, service string) ([]pave.Resource, error) {
	active, err := p.activeRuns(ctx, service)
	if err != nil {
		return nil, err
	}
	return p.Resources.Observe(ctx, service, len(active) == 0)
}

// lookForDrift looks at the services after a name and returns the last it came to,
// or "" once it has seen all.
func (p *Platform) lookForDrift(ctx context.Context, after string) (string, error) {
	all, err := p.Services(ctx, false)
	if err != nil {
		return after, err
	}
	began := time.Now()
	for _, svc := range all { // by name
		if string(svc.Name) <= after {
			continue
		}
		if time.Since(began) > driftTime {
			return after, nil
		}
		after = string(svc.Name)
		if err := p.driftOf(ctx, svc); err != nil {
			p.Log.Warn("look for drift", "service", svc.Name, "err", err)
		}
	}
	return "", nil
}

// driftOf observes one service and heals what its bindings say is to be healed.
func (p *Platform) driftOf(ctx context.Context, svc pave.Service) error {
	resources, err := p.observed(ctx, svc.ID)
	if err != nil {
		return err
	}
	// Before what differs is healed: credentials that are over differ, and healing makes none.
	if began, err := p.rotateDue(ctx, svc, resources); err != nil || began {
		return err
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		return err
	}
	var heal []string
	for _, r := range resources {
		if len(r.Drift) == 0 {
			continue
		}
		p.Log.Info("drift", "service", svc.Name, "resource", r.Ref.String(), "drift", r.Drift, "since", r.DriftSince)
		b, err := bindings.find(r.Ref.Kind, r.Ref.Env)
		if err == nil && b.Settings["drift"] == "heal" && !emptied(r) {
			heal = append(heal, r.Ref.String())
		}
	}
	if len(heal) == 0 {
		return nil
	}
	_, err = p.healAlone(ctx, svc, heal)
	return err
}

// emptied reports whether healing would put something empty in the place of what
// held data: that a person decides.
func emptied(r pave.Resource) bool {
	holds := append([]string{pave.KindRepository}, pave.BackingKinds...)
	return slices.Contains(holds, r.Ref.Kind) && slices.Contains(r.Drift, "it is gone")
}

// healAlone heals without being asked, all of a service where no refs are given. If
// the last try stopped it is for a person.
func (p *Platform) healAlone(ctx context.Context, svc pave.Service, refs []string) (began bool, err error) {
	last, err := p.Engine.List(ctx, workflow.Filter{Service: svc.ID, Kind: pave.RunApply, Limit: 1})
	if err != nil {
		return false, err
	}
	if len(last) > 0 && last[0].Title == healTitle(svc.Name) && last[0].State != pave.RunDone {
		return false, nil
	}
	return p.alone(ctx, pave.Heal{Service: string(svc.Name), Resources: refs})
}

// alone does what nobody asked for, and reports whether there was anything to do.
func (p *Platform) alone(ctx context.Context, r pave.Request) (began bool, err error) {
	ctx = pave.WithPrincipal(ctx, pave.Principal{User: pave.User{ID: "pave", Name: "pave", Admin: true}})
	plan, err := p.Plan(ctx, r)
	if err != nil || plan.Empty() {
		return false, err
	}
	_, err = p.Apply(ctx, plan.ID)
	return err == nil, err
}

func healTitle(service pave.Name) string { return pave.Heal{}.Verb() + " " + string(service) }
