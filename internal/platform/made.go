package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

// What was made stays with the binding that it was made by. The wanted state of a service is
// computed from that, in plans and in rollouts alike, and never from the binding of now.

// asMade says who makes a kind for a service: for what is there already the provider that
// made it, with the module it has, whatever is bound by now; and a role goes on coming to
// processes by the variable that it came by at first.
func (p *Platform) asMade(ctx context.Context, q store.Querier, service string, t bindingTable) (func(string, pave.Name) (pave.Binding, error), error) {
	if service == "" {
		return t.find, nil
	}
	records, err := p.Resources.List(ctx, q, service)
	if err != nil {
		return nil, err
	}
	return func(kind string, env pave.Name) (pave.Binding, error) {
		b, err := t.find(kind, env)
		if r, there := latest(records, kind, env); there && mayBeBound(kind) && (err != nil || r.Provider != b.Provider) {
			b, err = p.madeBy(r), nil
		}
		if key := resource.RoleVariables(records)[env]; kind == pave.KindRole && key != "" {
			b.Settings = with(b.Settings, resource.SettingVariable, key)
		}
		return b, err
	}, nil
}

// latest is what there is of a kind in an environment: the live one, else what was set aside
// last.
func latest(records []resource.Record, kind string, env pave.Name) (r resource.Record, there bool) {
	for _, one := range records {
		if one.Ref.Kind == kind && one.Ref.Env == env && (one.Live() || !r.Live()) {
			r, there = one, true
		}
	}
	return r, there
}

// madeBy is the binding that a resource was made by, as its spec tells of it.
func (p *Platform) madeBy(r resource.Record) pave.Binding {
	b := pave.Binding{Kind: r.Ref.Kind, Provider: r.Provider, Module: resource.ModuleOf(r.Spec)}
	if b.Told = p.isTold(r.Ref.Kind, r.Provider); b.Told {
		was := resource.BindingOf(r.Spec)
		b.Settings, b.Secrets = was.Settings, was.Secrets
		return b
	}
	var was struct {
		MemoryMB int  `json:"memory_mb"`
		Public   bool `json:"public"`
	}
	if json.Unmarshal(r.Spec, &was) == nil {
		if was.MemoryMB > 0 {
			b.Settings = with(b.Settings, "memory_mb", fmt.Sprint(was.MemoryMB))
		}
		if was.Public {
			b.Settings = with(b.Settings, "public", "true")
		}
	}
	return b
}

// with is a copy of settings with one more, or another one.
func with(settings map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	for k, v := range settings {
		if k != name {
			out[k] = v
		}
	}
	return out
}

// ofMove is what a plan that moves a release looks at: what is there already, and what its
// rollout brings, with the values that there are. Nothing else is made by it.
func ofMove(graph resource.Graph, records []resource.Record) (out resource.Graph) {
	for _, n := range graph.Given(records) {
		if rolledOut(n.Ref) || slices.ContainsFunc(records, func(r resource.Record) bool { return r.Live() && r.Ref == n.Ref }) {
			out = append(out, n)
		}
	}
	return out
}

// moved keeps of the changes of such a plan those that its rollout makes.
func (t transition) moved(changes []resource.Change) (out []resource.Change) {
	for _, ch := range changes {
		switch {
		case rolledOut(ch.Ref) && slices.Contains(t.rollout, ch.Ref.Env):
		case ch.Action == pave.ActionDelete || ch.Action == pave.ActionAside:
			continue
		default:
			ch.Action, ch.Detail, ch.After = pave.ActionKeep, nil, ""
		}
		out = append(out, ch)
	}
	return out
}

// roleVariables are the variables by which a service's processes see its roles, by
// environment.
func (p *Platform) roleVariables(ctx context.Context, service string) (map[pave.Name]string, error) {
	records, err := p.Resources.List(ctx, p.DB, service)
	return resource.RoleVariables(records), err
}

// notRoles is Invalid for the name of a variable that a role brings.
func (p *Platform) notRoles(ctx context.Context, service, field, name string) error {
	vars, err := p.roleVariables(ctx, service)
	if err == nil && slices.Contains(slices.Collect(maps.Values(vars)), name) {
		err = pave.BadField(field, name, "is brought by the role", "choose another name")
	}
	return err
}

// keepTheirs notes the services whose processes go on seeing a role by another variable than
// a binding names.
func (p *Platform) keepTheirs(ctx context.Context, at pave.Name, b pave.Binding) []string {
	if b.Kind != pave.KindRole {
		return nil
	}
	records, err := p.Resources.List(ctx, p.DB, "")
	if err != nil {
		p.Log.Warn("who keeps another variable is not told", "err", err)
	}
	now := cmp.Or(b.Settings[resource.SettingVariable], resource.DefaultRoleVariable)
	var theirs []string
	for _, r := range records {
		key := resource.RoleVariables([]resource.Record{r})[r.Ref.Env]
		if key != "" && key != now && (at == "" || at == r.Ref.Env) {
			theirs = append(theirs, fmt.Sprintf("%s of %s in %s", key, r.Ref.Service, r.Ref.Env))
		}
	}
	if len(theirs) == 0 {
		return nil
	}
	if n := len(theirs) - 3; n > 0 {
		theirs = append(theirs[:3], fmt.Sprintf("%d more", n))
	}
	return []string{"services that have a role keep their variable: " + strings.Join(theirs, ", ")}
}
