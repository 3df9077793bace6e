package platform

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pave-platform/pave"
)

// addBacking: revision n -> n+1 with a database or a cache in each environment.
func (p *Platform) addBacking(ctx context.Context, verb, service, kind, engine string) (transition, error) {
	tr, _, err := p.ofSettings(ctx, service, verb, "")
	if err != nil {
		return tr, err
	}
	if engine, err = engineOf(nil, kind, cmp.Or(engine, engines[kind][0])); err != nil {
		return tr, err
	}
	if engine == "" {
		return tr, pave.BadField(kind, "none", "is not an engine", didYouMean("none", engines[kind]))
	}
	if have := tr.from.Engine(kind); have != "" {
		return tr, pave.Errorf(pave.Conflict, "%s has a %s already: %s", service, kind, have).
			WithHint("pave describe service %s", service)
	}
	backing := pave.WantedBacking{Kind: kind, Name: tr.service.Name, Engine: engine}
	if isSecret(tr.from, backing.URLKey()) || isVariable(tr.from, backing.URLKey()) {
		return tr, pave.Errorf(pave.Conflict, "%s is set for %s already", backing.URLKey(), service)
	}
	to := tr.to
	to.Resources = append(slices.Clone(to.Resources), backing)
	tr.notes = []string{fmt.Sprintf("its address comes to the processes as %s", backing.URLKey())}
	return tr.towards(to), nil
}

// removeBacking: revision n -> n+1 without its databases or caches, which are set
// aside.
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
	tr.notes = referring(tr.from, kind)
	return tr.towards(to), nil
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
