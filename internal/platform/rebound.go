package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
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
}

func (c changedBinding) String() string {
	return fmt.Sprintf("%s in %s (%s)", c.ref.Kind, c.ref.Env, strings.Join(c.what, ", "))
}

// changedSince says what of the bindings that a run was planned with is another by now, for what
// it has yet to make.
func (p *Platform) changedSince(ctx context.Context, run pave.Run) ([]changedBinding, error) {
	inputs, err := p.Engine.Unfinished(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	bindings, err := p.bindings(ctx)
	if err != nil {
		return nil, err
	}
	var out []changedBinding
	for _, input := range inputs {
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
		now, err := bindings.find(ref.Kind, ref.Env)
		if err != nil { // it is bound no more, and a new plan would say so
			now = pave.Binding{Kind: ref.Kind, Provider: "nobody"}
		}
		if what := bindingDiff(rec, spec, now); len(what) > 0 {
			out = append(out, changedBinding{ref, what})
		}
	}
	return out, nil
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
		return moduleDiff(*was, *now.Module)
	}
	if now.Told {
		out = mapDiff("", resource.BindingOf(spec).Settings, now.Settings)
	}
	return out
}

// moduleDiff tells what is no secret, and of secrets that they were given again.
func moduleDiff(was, now pave.Module) (out []string) {
	if was.Digest != now.Digest {
		out = append(out, fmt.Sprintf("module %.19s -> %.19s", was.Digest, now.Digest))
	}
	out = append(out, mapDiff("", was.Set, now.Set)...)
	out = append(out, mapDiff("fill ", was.Fill, now.Fill)...)
	out = append(out, mapDiff("output for ", was.Outputs, now.Outputs)...)
	out = append(out, mapDiff("import of ", was.Import, now.Import)...)
	for _, name := range keysOf(was.Secrets, now.Secrets) {
		if was.Secrets[name] != now.Secrets[name] {
			out = append(out, "secret "+name+" is another")
		}
	}
	if was.Mirror != now.Mirror {
		out = append(out, "mirror")
	}
	if !reflect.DeepEqual(was.Backend, now.Backend) {
		out = append(out, "backend")
	}
	return out
}

// mapDiff lists the entries in which two maps differ, "connections 3 -> 20".
func mapDiff[V any](what string, was, now map[string]V) (out []string) {
	told := func(m map[string]V, key string) string {
		value, ok := m[key]
		if !ok {
			return "nothing"
		}
		text := fmt.Sprint(value)
		if _, plain := any(value).(string); !plain {
			data, _ := json.Marshal(value) // it was JSON before
			text = string(data)
		}
		if len(text) > 60 {
			text = strings.ToValidUTF8(text[:57], "") + "..."
		}
		return text
	}
	for _, key := range keysOf(was, now) {
		if !reflect.DeepEqual(was[key], now[key]) {
			out = append(out, fmt.Sprintf("%s%s %s -> %s", what, key, told(was, key), told(now, key)))
		}
	}
	return out
}

func keysOf[V any](a, b map[string]V) []string {
	all := map[string]V{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// rebound are the notes of a run that is retried.
func (p *Platform) rebound(ctx context.Context, run pave.Run) ([]string, error) {
	changed, err := p.changedSince(ctx, run)
	var notes []string
	for _, c := range changed {
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
		if err == nil && slices.ContainsFunc(changed, func(c changedBinding) bool { return c.ref.Kind == kind && (at == "" || c.ref.Env == at) }) {
			notes = append(notes, fmt.Sprintf("%s stopped and was planned before: pave retry goes on without this binding; to have it, %s", run.Title, planAgain(run)))
		}
	}
	return notes
}
