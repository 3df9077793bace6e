package platform

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// resolveLink: revision n -> n+1 with the address of another service and the right to
// call it.
func (p *Platform) resolveLink(ctx context.Context, r pave.LinkService) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	target, err := p.linkTarget(ctx, tr, r.To)
	if err != nil {
		return tr, err
	}
	if err := p.Access.May(ctx, access.Read, access.Service(target).For("link to", env)); err != nil {
		return tr, err
	}
	if tr.notes, err = p.reaches(tr, target, env); err != nil {
		return tr, err
	}
	if linked := linkedAs(tr.from, env, target.ID); r.Variable == "" && len(linked) > 0 {
		tr.finished = tr.service.LastRun
		return tr, nil
	}
	variable := cmp.Or(r.Variable, pave.LinkVariable(target.Name))
	if err := cmp.Or(checkLinkVariable(tr, variable, target), p.notRoles(ctx, tr.service.ID, "variable", variable)); err != nil {
		return tr, err
	}
	tr.notes = append([]string{fmt.Sprintf("the address of %s comes to the processes as %s", target.Name, variable)}, tr.notes...)
	return tr.settings(env, func(s *pave.Settings) {
		if s.Links == nil {
			s.Links = map[string]string{}
		}
		s.Links[variable] = target.ID
	}), nil
}

// linkTarget is the service that is to be called.
func (p *Platform) linkTarget(ctx context.Context, tr transition, name string) (pave.Service, error) {
	if name == "" {
		return pave.Service{}, pave.BadField("to", "", "is needed", fmt.Sprintf("pave link %s --to NAME", tr.service.Name))
	}
	target, err := p.Service(ctx, name)
	if err == nil && target.ID == tr.service.ID {
		return target, pave.BadField("to", name, "is the service itself", "a service may call itself as it is")
	}
	return target, err
}

// reaches notes in which environments of a link the other service does not run; it is
// a Conflict where it runs in none.
func (p *Platform) reaches(tr transition, target pave.Service, env pave.Name) ([]string, error) {
	wanted := tr.to.Environments
	if env != "" {
		wanted = []pave.Name{env}
	}
	var missing []pave.Name
	for _, e := range wanted {
		if !slices.Contains(target.Environments, e) {
			missing = append(missing, e)
		}
	}
	if len(missing) == len(wanted) {
		return nil, pave.Errorf(pave.Conflict, "%s does not run in %s", target.Name, joinNames(missing)).
			WithHint("pave add environment %s --service %s", missing[0], target.Name)
	}
	if len(missing) > 0 {
		return []string{fmt.Sprintf("%s does not run in %s: there is no link there until it does", target.Name, joinNames(missing))}, nil
	}
	return nil, nil
}

func joinNames(names []pave.Name) string {
	var out []string
	for _, n := range names {
		out = append(out, string(n))
	}
	return strings.Join(out, ", ")
}

func linksOf(s pave.Settings) map[string]string { return s.Links }

// linkedAs are the variables that hold the address of a service, as set for one
// environment, or "" for all.
func linkedAs(w pave.Wanted, env pave.Name, service string) []string {
	all := w.Settings.Links
	if env != "" {
		all = w.SettingsIn(env).Links
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] == service {
			out = append(out, name)
		}
	}
	return out
}

// notLinked is an error for a name that holds the address of a linked service: what was
// set under it would never be seen.
func notLinked(w pave.Wanted, field, name, service string) error {
	if !inAny(w, name, linksOf) {
		return nil
	}
	return pave.BadField(field, name, "holds the address of a linked service",
		"choose another name; pave describe service "+service+" shows the links")
}

// checkLinkVariable holds the variable of a link to its rules.
func checkLinkVariable(tr transition, name string, target pave.Service) error {
	other := fmt.Sprintf("pave link %s --to %s --as OTHER_URL", tr.service.Name, target.Name)
	if err := pave.CheckVariable(name); err != nil {
		return pave.BadField("variable", name, "cannot hold an address", other)
	}
	have := inAny(tr.from, name, linksOf) && !slices.Contains(linkedAs(tr.from, "", target.ID), name)
	if isVariable(tr.from, name) || isSecret(tr.from, name) || have {
		return pave.Errorf(pave.Conflict, "%s is set for %s already", name, tr.service.Name).WithHint("%s", other)
	}
	return nil
}

// resolveUnlink: revision n -> n+1 without address and right.
func (p *Platform) resolveUnlink(ctx context.Context, r pave.UnlinkService) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	target, err := p.linkTarget(ctx, tr, r.To)
	if err != nil {
		return tr, err
	}
	var names []string
	for _, e := range append(slices.Sorted(maps.Keys(tr.from.In)), "") {
		if env == "" || e == env {
			for name, id := range linksOf(settingsAt(tr.from, e)) {
				if id == target.ID {
					names = append(names, name)
				}
			}
		}
	}
	if len(names) == 0 && len(linkedAs(tr.from, env, target.ID)) > 0 {
		return tr, pave.BadField("env", r.Environment, fmt.Sprintf("has no link to %s of its own", target.Name), "leave --env out")
	}
	if len(names) == 0 {
		return tr, pave.Errorf(pave.NotFound, "%s has no link to %s", tr.service.Name, target.Name).
			WithHint("pave list calls --service %s", tr.service.Name)
	}
	tr.notes = []string{fmt.Sprintf("the processes get no %s any more", strings.Join(names, ", "))}
	return tr.unset(env, names, linksOf), nil
}

// settingsAt are the settings of one environment alone, or "" for those of all.
func settingsAt(w pave.Wanted, env pave.Name) pave.Settings {
	if env == "" {
		return w.Settings
	}
	return w.In[env]
}

// peers are the addresses, by environment, of the services that a wish links to.
func (p *Platform) peers(ctx context.Context, w pave.Wanted) (map[pave.Name]map[string]string, error) {
	out := map[pave.Name]map[string]string{}
	for _, env := range w.Environments {
		for _, id := range w.SettingsIn(env).Links {
			svc, err := p.serviceByID(ctx, p.DB, id)
			if err != nil || !svc.Deleted.IsZero() {
				continue // one that is gone has no address
			}
			rec, err := p.Resources.Live(ctx, p.DB, id, pave.Ref{Kind: pave.KindRoute, Env: env, Service: svc.Name, Name: string(svc.Name)})
			if pave.CodeOf(err) == pave.NotFound {
				continue
			}
			if err != nil {
				return nil, err
			}
			if address := rec.Outputs["address"]; address != "" {
				if out[env] == nil {
					out[env] = map[string]string{}
				}
				out[env][id] = address
			}
		}
	}
	return out, nil
}
