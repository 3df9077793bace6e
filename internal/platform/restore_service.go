package platform

import (
	"context"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// resolveRestore: nothing -> the last revision that wanted something, with what
// was set aside brought back.
func (p *Platform) resolveRestore(ctx context.Context, r pave.RestoreService) (transition, error) {
	if live, err := p.serviceNamed(ctx, r.Name); err == nil && string(live.Name) == r.Name {
		return transition{}, pave.Errorf(pave.Conflict, "service %q exists: nothing is to be restored", live.Name).
			WithHint("pave status %s", live.Name)
	}
	svc, err := p.serviceDeleted(ctx, r.Name)
	if err != nil {
		return transition{}, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For(r.Verb(), "")); err != nil {
		return transition{}, err
	}
	return p.bringBack(ctx, svc, svc.Revision, r.Verb())
}

// bringBack leads a deleted service to its newest revision below a number that
// wants something.
func (p *Platform) bringBack(ctx context.Context, svc pave.Service, below int, verb string) (transition, error) {
	tr := transition{verb: verb, service: svc, restore: true}
	for n := below; n > 0 && tr.to.Nothing(); n-- {
		rev, err := p.revision(ctx, p.DB, svc.ID, n)
		if err != nil {
			return tr, err
		}
		tr.to = rev.Wanted
	}
	if tr.to.Nothing() {
		return tr, pave.Errorf(pave.Conflict, "service %q never wanted anything", svc.Name)
	}
	_, found, err := p.Access.TeamNamed(ctx, p.DB, svc.Team)
	if err != nil {
		return tr, err
	}
	tr.newTeam = !found
	tr.rollout = tr.to.Environments
	if tr.notes, err = p.linkedTo(ctx, svc.ID); err != nil {
		return tr, err
	}
	return tr, p.newestEverywhere(ctx, &tr)
}
