package platform

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
)

// addBacking: revision n -> n+1 with a backing in each environment.
func (p *Platform) addBacking(ctx context.Context, verb, service, kind, engine string) (transition, error) {
	tr, _, err := p.ofSettings(ctx, service, verb, "")
	if err != nil {
		return tr, err
	}
	if engine, err = engineOf(nil, kind, cmp.Or(engine, firstOf(kind))); err != nil {
		return tr, err
	}
	if engine == "" {
		return tr, pave.BadField(kind, "none", "is not an engine", didYouMean("none", pave.EnginesOf(kind)))
	}
	if have := tr.from.Engine(kind); have != "" {
		return tr, pave.Errorf(pave.Conflict, "%s has a %s already: %s", service, kind, have).
			WithHint("pave describe service %s", service)
	}
	backing := pave.WantedBacking{Kind: kind, Name: tr.service.Name, Engine: engine}
	var names []string
	for _, v := range backing.Variables() {
		if isSecret(tr.from, v.Name) || isVariable(tr.from, v.Name) {
			return tr, pave.Errorf(pave.Conflict, "%s is set for %s already, and a %s brings its own", v.Name, service, engine).
				WithHint("pave list variables %s; pave list secrets %s", service, service)
		}
		names = append(names, v.Name)
	}
	to := tr.to
	to.Resources = append(slices.Clone(to.Resources), backing)
	tr.notes = []string{fmt.Sprintf("its address comes to the processes as %s", strings.Join(names, ", "))}
	return tr.towards(to), nil
}

// firstOf is the engine of a kind without a choice.
func firstOf(kind string) string {
	for _, e := range pave.Backings {
		if e.Kind == kind {
			return e.Name
		}
	}
	return ""
}

// notBackings is Invalid for the name of a variable that a backing of the service brings.
func notBackings(w pave.Wanted, field, name string) error {
	for _, b := range w.Resources {
		if isBackings(pave.Wanted{Resources: []pave.WantedBacking{b}}, name) {
			return pave.BadField(field, name, "is brought by the "+b.Kind, "choose another name")
		}
	}
	return nil
}

// isBackings reports whether a backing of a service brings a variable.
func isBackings(w pave.Wanted, name string) bool {
	return slices.ContainsFunc(w.Resources, func(b pave.WantedBacking) bool {
		return slices.ContainsFunc(b.Variables(), func(v pave.BackingVariable) bool { return v.Name == name })
	})
}

// removeBacking: revision n -> n+1 without its backings of a kind, which are set aside.
func (p *Platform) removeBacking(ctx context.Context, verb, service, kind string) (transition, error) {
	tr, _, err := p.ofSettings(ctx, service, verb, "")
	if err != nil {
		return tr, err
	}
	if tr.from.Engine(kind) == "" {
		return tr, pave.Errorf(pave.NotFound, "%s has no %s", service, kind).WithHint("pave describe service %s", service)
	}
	to := tr.to
	to.Resources = slices.DeleteFunc(slices.Clone(to.Resources), func(b pave.WantedBacking) bool { return b.Kind == kind })
	tr.notes = append(p.readers(ctx, tr.service, tr.from, kind), referring(tr.from, kind)...)
	return tr.towards(to), nil
}

// readers notes the variables of a service's backing that the newest commit reads. A
// repository that cannot be looked at keeps nobody from taking the backing away.
func (p *Platform) readers(ctx context.Context, svc pave.Service, w pave.Wanted, kind string) []string {
	commit, tree, err := p.headOf(ctx, svc)
	var pipe pipeline.Pipeline
	if err == nil {
		pipe, err = p.seen.detect(svc.ID, commit, tree, w)
	}
	if err != nil && pave.CodeOf(err) != pave.Invalid {
		p.Log.Warn("the plan does not say what the code reads", "service", svc.Name, "err", err)
	}
	return readsOf(pipe.Vars, w, kind)
}

// readsOf notes the variables that come with a kind and that code reads.
func readsOf(vars []pipeline.Var, w pave.Wanted, kind string) []string {
	of := pave.Wanted{Resources: slices.DeleteFunc(slices.Clone(w.Resources), func(b pave.WantedBacking) bool { return b.Kind != kind })}
	var out []string
	for _, v := range vars {
		if isBackings(of, v.Name) {
			out = append(out, fmt.Sprintf("the code reads %s (%s:%d): the processes get it no longer", v.Name, v.File, v.Line))
		}
	}
	return out
}

// referring notes the variables that hold outputs of a kind: without it the
// processes do not get them.
func referring(w pave.Wanted, kind string) []string {
	var out []string
	seen := map[string]bool{}
	for _, env := range append([]pave.Name{""}, w.Environments...) {
		all := w.In[env].Variables
		if env == "" {
			all = w.Variables
		}
		for name, value := range all {
			if ref, ok := pave.ParseReference(value); ok && ref.Kind == kind && !seen[name] {
				seen[name] = true
				out = append(out, fmt.Sprintf("%s refers to the %s: the processes get it no longer", name, kind))
			}
		}
	}
	slices.Sort(out)
	return out
}
