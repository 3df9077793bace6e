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
	"github.com/pave-platform/pave/internal/library"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/template"
)

// resolveCreate: nothing -> revision 1; or, for a service with the same team and
// template, a further environment; or nothing new, and the run that did it.
func (p *Platform) resolveCreate(ctx context.Context, r pave.CreateService) (transition, error) {
	name, want, t, err := p.wantedOf(ctx, r)
	if err != nil {
		return transition{}, err
	}
	svc, err := p.serviceCalled(ctx, string(name))
	if pave.CodeOf(err) == pave.NotFound {
		tr, err := p.createNew(ctx, r.Verb(), r.Team, name, want)
		if err == nil {
			tr.notes, err = p.preview(ctx, t.Template, name, want)
		}
		return tr, err
	}
	if err != nil {
		return transition{}, err
	}
	return p.createMore(ctx, r.Verb(), svc, want)
}

// wantedOf validates every input of the request and returns what it asks for.
func (p *Platform) wantedOf(ctx context.Context, r pave.CreateService) (pave.Name, pave.Wanted, library.Found, error) {
	var bad problems
	want := pave.Wanted{Settings: pave.Settings{Replicas: pave.DefaultReplicas}}
	name, err := pave.ParseName("name", r.Name)
	bad.add(err)
	want.Team, err = pave.ParseName("team", r.Team)
	bad.add(err)
	want.Environments, err = p.environmentsNamed(ctx, r.Environments)
	if err != nil && !bad.add(err) {
		return name, want, library.Found{}, err
	}
	t, err := p.Templates.Get(ctx, r.Template)
	if err != nil {
		if !bad.add(err) {
			return name, want, t, err
		}
		return name, want, t, bad.err()
	}
	want.Template, want.Version, want.Digest, want.Source = t.Name, t.Version, t.Digest(), t.Source
	if t.Commit != "" {
		want.Source += " at " + t.Commit[:7]
	}
	want.Hooks = r.AllowHooks && t.HasHooks()
	want.Variables = t.Variables
	if t.Run.Set() {
		want.Defaults = &t.Run
	}
	if r.Run != nil && r.Run.Set() {
		want.Run = r.Run
		bad.add(pipeline.CheckOverride(*r.Run))
	}
	asked := want
	asked.Inputs = r.Inputs
	want.Inputs, err = t.Validate(ctx, p.varsOf(name, asked))
	if err != nil && !bad.add(err) {
		return name, want, t, err
	}
	defaults, err := t.DefaultResources(ctx, template.Vars{Name: r.Name, Team: r.Team, Environments: r.Environments,
		Database: r.Database, Cache: r.Cache, Queue: r.Queue, Bucket: r.Bucket, Inputs: r.Inputs})
	if err != nil && len(bad) == 0 {
		return name, want, t, err
	}
	for _, kind := range pave.BackingKinds {
		engine, err := engineOf(defaults, kind, r.Engine(kind))
		if err == nil {
			err = p.takes(ctx, t.Template, name, kind, engine)
		}
		bad.add(err)
		if engine != "" {
			want.Resources = append(want.Resources, pave.WantedBacking{Kind: kind, Name: name, Engine: engine})
		}
	}
	return name, want, t, bad.err()
}

// engineOf is the engine of a backing that the template declares, with the
// request's choice over it; "" is none.
func engineOf(defaults []template.Resource, kind, choice string) (string, error) {
	if choice == "" {
		for _, r := range defaults {
			if r.Kind == kind {
				choice = r.Engine
			}
		}
	}
	if choice == "" || choice == "none" {
		return "", nil
	}
	e, err := pave.FindEngine(kind, choice)
	return e.Name, err
}

func (p *Platform) createNew(ctx context.Context, verb, asTeam string, name pave.Name, want pave.Wanted) (transition, error) {
	tr := transition{verb: verb, service: pave.Service{Name: name, Team: want.Team}, to: want,
		build: true, rollout: want.Environments}
	team, found, err := p.Access.TeamNamed(ctx, p.DB, want.Team)
	if err != nil {
		return tr, err
	}
	tr.to.Team, tr.service.Team = team.Name, team.Name // one that was renamed is meant by its old name too
	may := p.Access.May(ctx, access.Write, access.Team(want.Team).For(verb, ""))
	if found {
		may = p.Access.May(ctx, access.Write, access.Team(team.Name).For(verb, ""))
	}
	if found {
		return tr, may
	}
	teams, err := p.Access.Teams(ctx)
	if err != nil {
		return tr, err
	}
	var names []string
	for _, t := range teams {
		names = append(names, string(t.Name))
	}
	if near := pave.DidYouMean(asTeam, names); near != "" {
		return tr, pave.BadField("team", asTeam, "is not a team", "did you mean "+near+"?")
	}
	tr.newTeam = true
	return tr, may
}

// createMore compares the request with the service that has its name.
func (p *Platform) createMore(ctx context.Context, verb string, svc pave.Service, want pave.Wanted) (transition, error) {
	tr := transition{verb: verb, service: svc}
	if sees, err := p.sees(ctx, svc); err != nil || !sees {
		return tr, cmp.Or(err, error(pave.Errorf(pave.Conflict, "the name %q is taken", svc.Name).WithHint("choose another name")))
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For(tr.verb, "")); err != nil {
		return tr, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return tr, err
	}
	have := rev.Wanted
	have.Team = svc.Team // as it is called now, and whose it is now
	if team, found, err := p.Access.TeamNamed(ctx, p.DB, want.Team); err != nil {
		return tr, err
	} else if found {
		want.Team = team.Name
	}
	if have.Nothing() {
		return tr, pave.Errorf(pave.Conflict, "service %q is being deleted", svc.Name).
			WithHint("pave watch %.16s", svc.LastRun)
	}
	if diff := wantedDiff(have, want); len(diff) > 0 {
		e := pave.Errorf(pave.Conflict, "service %q exists with other values: %s", svc.Name, strings.Join(diff, ", ")).
			WithHint("pave describe service %s; choose another name, or give the same values", svc.Name)
		if len(diff) == 1 && strings.HasPrefix(diff[0], "commit ") { // adopted again, after a change
			e = e.WithHint("%s", p.newerCommit(ctx, svc, want))
		}
		return tr, e
	}
	tr.from, tr.to = have, have
	for _, env := range want.Environments {
		if !slices.Contains(have.Environments, env) {
			tr.rollout = append(tr.rollout, env)
		}
	}
	if len(tr.rollout) == 0 {
		tr.finished = svc.LastRun
		return tr, nil
	}
	if err := p.idle(ctx, svc); err != nil {
		return tr, err
	}
	var names []string
	for _, env := range append(slices.Clone(have.Environments), tr.rollout...) {
		names = append(names, string(env))
	}
	if tr.to.Environments, err = p.environmentsNamed(ctx, names); err != nil {
		return tr, err
	}
	return tr, p.newestEverywhere(ctx, &tr)
}

// newestEverywhere sets the releases a transition wants: those that serve, and
// the newest one in environments that get their first.
func (p *Platform) newestEverywhere(ctx context.Context, tr *transition) error {
	live, err := p.Releases.Live(ctx, tr.service.ID)
	if err != nil {
		return err
	}
	tr.releases = live
	newest, err := p.Releases.Find(ctx, tr.service.ID, "")
	if pave.CodeOf(err) == pave.NotFound {
		tr.build = true
		return nil
	}
	for _, env := range tr.rollout {
		if _, ok := live[env]; !ok {
			tr.releases[env] = newest
		}
	}
	return err
}

// wantedDiff says in which values, environments apart, two wishes differ.
func wantedDiff(have, want pave.Wanted) []string {
	var out []string
	add := func(field string, a, b any) {
		if fmt.Sprint(a) != fmt.Sprint(b) {
			out = append(out, fmt.Sprintf("%s is %v, not %v", field, a, b))
		}
	}
	add("team", have.Team, want.Team)
	add("template", orAdopted(have), orAdopted(want))
	add("commit", commitOf(have), commitOf(want))
	for _, kind := range pave.BackingKinds {
		add(kind, cmp.Or(have.Engine(kind), "none"), cmp.Or(want.Engine(kind), "none"))
	}
	all := maps.Clone(have.Inputs)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, want.Inputs)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		add("input "+name, cmp.Or(have.Inputs[name], any("none")), cmp.Or(want.Inputs[name], any("none")))
	}
	return out
}
