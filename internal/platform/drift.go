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

// observed looks at the resources of a service, for drift too where no run works on it. A
// system that does not answer is asked once: nobody waits for it at each resource.
func (p *Platform) observed(ctx context.Context, service string) ([]pave.Resource, error) {
	active, err := p.activeRuns(ctx, service)
	if err != nil {
		return nil, err
	}
	records, err := p.Resources.List(ctx, p.DB, service)
	if err != nil {
		return nil, err
	}
	out, away := []pave.Resource{}, map[string]error{}
	for _, rec := range records {
		in, view := systemOf(rec), rec.View()
		switch {
		case !rec.Live():
		case away[in] != nil:
			view.Ready, view.Reason = false, "not looked at: "+away[in].Error()
		default:
			view, err = p.Resources.Look(ctx, rec, len(active) == 0)
			// That it answers ends a silence; that somebody had no answer begins none: they may
			// have hung up.
			if pave.CodeOf(err) != pave.Unavailable {
				p.systems.named(in).saw(nil)
			} else if in != thisMachine {
				away[in] = err
			}
		}
		out = append(out, view)
	}
	return out, nil
}

// lookForDrift looks at what services have in a system, from where the look before ended.
func (p *Platform) lookForDrift(ctx context.Context, s *system, services []pave.Service) {
	s.drifted = time.Now()
	for _, svc := range services { // by name
		if svc.Name <= s.after {
			continue
		}
		if time.Since(s.drifted) > driftTime || s.silent() || ctx.Err() != nil {
			return
		}
		s.after = svc.Name
		if err := p.driftOf(ctx, s, svc); err != nil {
			p.Log.Warn("look for drift", "service", svc.Name, "err", err)
		}
	}
	s.after = ""
}

// driftOf looks at what one service has in a system, and heals what its bindings say is to
// be healed.
func (p *Platform) driftOf(ctx context.Context, s *system, svc pave.Service) error {
	active, err := p.activeRuns(ctx, svc.ID)
	if err != nil {
		return err
	}
	records, err := p.Resources.List(ctx, p.DB, svc.ID)
	if err != nil {
		return err
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		return err
	}
	var heal []string
	for _, rec := range records {
		if rec.State != pave.ResourcePresent || systemOf(rec) != s.name || s.silent() {
			continue
		}
		r, err := p.Resources.Look(ctx, rec, len(active) == 0)
		if s.saw(err); len(r.Drift) == 0 {
			continue
		}
		p.Log.Info("drift", "service", svc.Name, "resource", r.Ref.String(), "drift", r.Drift, "since", r.DriftSince)
		b, err := bindings.find(r.Ref.Kind, r.Ref.Env)
		if err == nil && b.Settings["drift"] == "heal" && !emptied(r) && !credentialsDue(r) {
			heal = append(heal, r.Ref.String())
		}
	}
	if len(heal) == 0 {
		return nil
	}
	// A plan may ask other systems too, for which this look does not wait.
	p.lanes.begin("heal "+svc.ID, func() {
		p.attempt(ctx, "heal "+string(svc.Name), func(ctx context.Context) error {
			_, err := p.healAlone(ctx, svc, heal)
			return err
		})
	})
	return nil
}

// credentialsDue reports whether a resource needs other credentials: those that are over differ, and
// healing makes none.
func credentialsDue(r pave.Resource) bool {
	_, due := dueOf([]pave.Resource{r}, time.Now())
	return due
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
