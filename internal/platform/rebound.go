package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// A run carries out what its plan showed, also when it is retried. Where a binding is
// another one since, that is said, with the way to a new plan.

// A changed binding is one that a run goes on without.
type changedBinding struct {
	ref  pave.Ref
	what []string // "connections 3 -> 20"
	made bool     // the run has made it already
}

func (c changedBinding) String() string {
	return fmt.Sprintf("%s in %s (%s)", c.ref.Kind, c.ref.Env, strings.Join(c.what, ", "))
}

// changedSince says what of the bindings that a run was planned with is another by now, for
// what it has yet to make and for what it has made.
func (p *Platform) changedSince(ctx context.Context, run pave.Run) ([]changedBinding, error) {
	done, left, err := p.Engine.Inputs(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		return nil, err
	}
	var out []changedBinding
	for n, input := range append(left, done...) {
		ref, spec, ok := resource.ChangeOf(input)
		if !ok || !mayBeBound(ref.Kind) {
			continue
		}
		rec, err := p.Resources.Live(ctx, p.DB, run.Service, ref)
		if pave.CodeOf(err) == pave.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		made := n >= len(left)
		if made {
			spec = rec.Spec // others may have changed it since
		}
		now, err := bindings.find(ref.Kind, ref.Env)
		if err != nil { // it is bound no more, and a new plan would say so
			now = pave.Binding{Kind: ref.Kind, Provider: "nobody"}
		}
		if what := bindingDiff(rec, spec, now); len(what) > 0 && (!made || takesAnew(ref.Kind)) {
			out = append(out, changedBinding{ref, what, made})
		}
	}
	return out, nil
}

// takesAnew reports whether what is there of a kind follows its binding: others are left
// as they were made.
func takesAnew(kind string) bool {
	return kind == pave.KindRole || slices.Contains(pave.BackingKinds, kind)
}

// bindingDiff says in what a binding differs from the one in a spec. What is there already
// stays with the provider that made it.
func bindingDiff(rec resource.Record, spec json.RawMessage, now pave.Binding) (out []string) {
	if rec.Provider != now.Provider {
		if rec.State == pave.ResourcePlanned {
			out = []string{"made by " + rec.Provider + " -> " + now.Provider}
		}
		return out
	}
	if was := resource.ModuleOf(spec); was != nil && now.Module != nil {
		return resource.ModuleDiff(*was, *now.Module)
	}
	if now.Told {
		out = resource.MapDiff("", resource.BindingOf(spec).Settings, now.Settings)
	}
	return out
}

// rebound are the notes of a run that is retried.
func (p *Platform) rebound(ctx context.Context, run pave.Run) ([]string, error) {
	changed, err := p.changedSince(ctx, run)
	if run.Parent != "" && err == nil { // a rollout stops for what the run above it has made
		var above []changedBinding
		above, err = p.changedSince(ctx, pave.Run{ID: run.Parent, Service: run.Service})
		changed = append(changed, above...)
	}
	var notes []string
	for _, c := range changed {
		if c.made {
			notes = append(notes, fmt.Sprintf("the binding of %s is another one since this was made: it stays as it is; to have the new one, %s", c, p.healFirst(ctx, run)))
			continue
		}
		notes = append(notes, fmt.Sprintf("the binding of %s is another one since this was planned: it goes on as its plan showed; to have the new one, %s", c, planAgain(run)))
	}
	return notes, err
}

// planAgain is how what a run was to do is planned anew.
func planAgain(run pave.Run) string {
	var in applyInput
	switch err := json.Unmarshal(run.Input, &in); {
	case err == nil && in.Verb == (pave.Heal{}).Verb():
		return "give the command again: pave " + run.Title
	case rotated(run): // which nothing takes back
		return "give the command again"
	}
	return fmt.Sprintf("pave undo %.16s, then give the command again", run.ID)
}

// healFirst is how what a run has made gets its new binding.
func (p *Platform) healFirst(ctx context.Context, run pave.Run) string {
	name := "SERVICE"
	if svc, err := p.serviceByID(ctx, p.DB, run.Service); err == nil {
		name = string(svc.Name)
	}
	if planAgain(run) == "give the command again: pave "+run.Title { // a heal itself
		return planAgain(run)
	}
	return fmt.Sprintf("pave heal %s, then pave retry %.16s", name, run.ID)
}

// noteInRun tells those who follow a run.
func (p *Platform) noteInRun(ctx context.Context, run pave.Run, notes []string) error {
	if len(notes) == 0 {
		return nil
	}
	who, _ := pave.PrincipalFrom(ctx)
	return p.DB.Tx(ctx, func(tx *store.Tx) error {
		for _, text := range notes {
			raw, err := json.Marshal(map[string]string{"text": text})
			if err != nil {
				return err
			}
			p.Engine.Tell(tx, pave.Event{Run: run.ID, Service: run.Service, Type: "step.note", Actor: who.User.ID, At: time.Now().UTC(), Data: raw})
		}
		return nil
	})
}

// plannedBefore are the runs that stopped and would go on without a binding of a kind that
// was just kept.
func (p *Platform) plannedBefore(ctx context.Context, at pave.Name, kind string) (notes []string) {
	runs, err := p.Engine.List(ctx, workflow.Filter{Kind: pave.RunApply, State: pave.RunStopped, Limit: 200})
	if err != nil {
		p.Log.Warn("runs that stopped are not told", "err", err)
	}
	for _, run := range runs {
		svc, err := p.serviceByID(ctx, p.DB, run.Service)
		if err != nil || svc.LastRun != run.ID {
			continue
		}
		changed, err := p.changedSince(ctx, run)
		if err != nil {
			continue
		}
		of := slices.DeleteFunc(changed, func(c changedBinding) bool { return c.ref.Kind != kind || at != "" && c.ref.Env != at })
		if slices.ContainsFunc(of, func(c changedBinding) bool { return !c.made }) {
			notes = append(notes, fmt.Sprintf("%s stopped and was planned before: pave retry goes on without this binding; to have it, %s", run.Title, planAgain(run)))
		} else if len(of) > 0 {
			notes = append(notes, fmt.Sprintf("%s stopped and has made %s %s before: pave retry leaves it as it is; to have this binding, %s",
				run.Title, of[0].ref.Kind, of[0].ref.Name, p.healFirst(ctx, run)))
		}
	}
	return notes
}
