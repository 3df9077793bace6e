package platform

import (
	"context"

	"github.com/pave-platform/pave"
)

// resolveRollback: the same revision, the release before. It may reach protected
// environments: what it brings has served there.
func (p *Platform) resolveRollback(ctx context.Context, r pave.Rollback) (transition, error) {
	tr, err := p.sameRevision(ctx, r.Service, r.Verb())
	if err != nil {
		return tr, err
	}
	env, err := p.environmentOf(ctx, tr, r.Environment)
	if err != nil {
		return tr, err
	}
	live, ok := tr.releases[env]
	if !ok {
		return tr, pave.Errorf(pave.Conflict, "nothing of %s serves in %s yet", r.Service, env).
			WithHint("pave deploy %s --env %s", r.Service, env)
	}
	if r.To == "" {
		before, err := p.Releases.Before(ctx, tr.service.ID, env, live.Number)
		if pave.CodeOf(err) == pave.NotFound {
			return tr, pave.Errorf(pave.Conflict, "release %d is the first that serves in %s", live.Number, env).
				WithHint("pave list releases --service %s", r.Service)
		}
		if err != nil {
			return tr, err
		}
		return p.move(tr, env, before)
	}
	release, err := p.Releases.Find(ctx, tr.service.ID, r.To)
	if err != nil {
		return tr, err
	}
	if release.ID == live.ID {
		return tr, pave.Errorf(pave.Conflict, "release %d serves in %s already", live.Number, env).
			WithHint("pave restart %s --env %s starts its processes anew", r.Service, env)
	}
	served, err := p.Releases.Served(ctx, tr.service.ID, env, release.ID)
	if err == nil && !served {
		err = pave.Errorf(pave.Conflict, "release %d has never served in %s: that is no rollback", release.Number, env).
			WithHint("pave deploy %s --env %s --release %d", r.Service, env, release.Number)
	}
	if err != nil {
		return tr, err
	}
	return p.move(tr, env, release)
}
