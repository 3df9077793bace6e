package platform

import (
	"context"
	"fmt"
	"slices"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// resolveDeploy: the same revision, another release in one environment.
func (p *Platform) resolveDeploy(ctx context.Context, r pave.Deploy) (transition, error) {
	tr, err := p.sameRevision(ctx, r.Name, r.Verb())
	if err != nil {
		return tr, err
	}
	env, err := p.environmentOf(ctx, tr, r.Environment)
	if err != nil {
		return tr, err
	}
	release, err := p.Releases.Find(ctx, tr.service.ID, r.Release)
	if err != nil {
		return tr, err
	}
	if err := p.mayReach(ctx, tr, env, release); err != nil {
		return tr, err
	}
	return p.move(tr, env, release)
}

// mayReach says whether a release may be deployed by hand: a protected
// environment with another before it is reached by promote, or by what has served
// there already.
func (p *Platform) mayReach(ctx context.Context, tr transition, env pave.Name, release pave.Release) error {
	lower, ok := below(tr.to.Environments, env)
	if !ok {
		return nil
	}
	protected, err := p.protected(ctx, env)
	if err != nil || !protected {
		return err
	}
	served, err := p.Releases.Served(ctx, tr.service.ID, env, release.ID)
	if err != nil || served {
		return err
	}
	return pave.Errorf(pave.Policy, "%s is protected and %s has %s before it", env, tr.service.Name, lower).
		WithHint("pave promote %s --to %s; a release that has served there may be deployed again", tr.service.Name, env)
}

// sameRevision starts a transition that changes releases only.
func (p *Platform) sameRevision(ctx context.Context, name, verb string) (transition, error) {
	tr, err := p.ofService(ctx, name, verb)
	tr.moves = true
	return tr, err
}

// ofService starts a transition of a service from and to its revision, with the
// releases that serve.
func (p *Platform) ofService(ctx context.Context, name, verb string) (transition, error) {
	svc, err := p.serviceNamed(ctx, name)
	if err != nil {
		return transition{}, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For(verb, "")); err != nil {
		return transition{}, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return transition{}, err
	}
	tr := transition{verb: verb, service: svc, from: rev.Wanted, to: rev.Wanted}
	if err := p.idle(ctx, svc); err != nil {
		return tr, err
	}
	if rev.Wanted.Nothing() {
		return tr, pave.Errorf(pave.Conflict, "service %q is being deleted", svc.Name).WithHint("pave watch %.16s", svc.LastRun)
	}
	tr.releases, err = p.Releases.Live(ctx, svc.ID)
	return tr, err
}

// move sets the release of one environment.
func (p *Platform) move(tr transition, env pave.Name, release pave.Release) (transition, error) {
	tr.releases[env] = release
	tr.rollout = []pave.Name{env}
	return tr, nil
}

// environmentOf is the environment of a service by name, or its lowest-ranked.
func (p *Platform) environmentOf(ctx context.Context, tr transition, name string) (pave.Name, error) {
	if name == "" {
		if len(tr.to.Environments) == 0 {
			return "", pave.Errorf(pave.Conflict, "service %q is in no environment", tr.service.Name)
		}
		return tr.to.Environments[0], nil
	}
	envs, err := p.environmentsNamed(ctx, []string{name})
	if err != nil {
		return "", err
	}
	if !slices.Contains(tr.to.Environments, envs[0]) {
		return "", pave.BadField("env", name, "is not an environment of "+string(tr.service.Name),
			fmt.Sprintf("pave add environment %s --service %s", name, tr.service.Name))
	}
	return envs[0], nil
}

// below is the environment of a service ranked next under env.
func below(envs []pave.Name, env pave.Name) (pave.Name, bool) {
	i := slices.Index(envs, env)
	if i <= 0 {
		return "", false
	}
	return envs[i-1], true
}

func (p *Platform) protected(ctx context.Context, name pave.Name) (bool, error) {
	all, err := p.Environments(ctx)
	for _, e := range all {
		if e.Name == name {
			return e.Protected, err
		}
	}
	return false, err
}
