package platform

import (
	"context"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// resolveDelete: revision n -> nothing. What holds data is set aside.
func (p *Platform) resolveDelete(ctx context.Context, r pave.DeleteService) (transition, error) {
	svc, err := p.serviceNamed(ctx, r.Name)
	if err != nil {
		return transition{}, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For(r.Verb(), "")); err != nil {
		return transition{}, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return transition{}, err
	}
	tr := transition{verb: r.Verb(), service: svc, from: rev.Wanted}
	if rev.Wanted.Nothing() {
		tr.finished = svc.LastRun
		return tr, nil
	}
	if tr.notes, err = p.callersOf(ctx, svc.ID); err != nil {
		return tr, err
	}
	return tr, p.idle(ctx, svc)
}
