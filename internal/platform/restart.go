package platform

import (
	"context"

	"github.com/pave-platform/pave"
)

// resolveRestart: the same revision, the same release, new processes.
func (p *Platform) resolveRestart(ctx context.Context, r pave.Restart) (transition, error) {
	tr, err := p.sameRevision(ctx, r.Service, r.Verb())
	if err != nil {
		return tr, err
	}
	env, err := p.environmentOf(ctx, tr, r.Environment)
	if err != nil {
		return tr, err
	}
	release, ok := tr.releases[env]
	if !ok {
		return tr, pave.Errorf(pave.Conflict, "nothing of %s serves in %s yet", r.Service, env).
			WithHint("pave deploy %s --env %s", r.Service, env)
	}
	tr.restart = true
	tr.notes = []string{"nothing is to be undone of a restart"}
	return p.move(tr, env, release)
}
