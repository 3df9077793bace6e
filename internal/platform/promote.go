package platform

import (
	"context"

	"github.com/pave-platform/pave"
)

// resolvePromote: the release that serves in the next lower environment, in the
// one named.
func (p *Platform) resolvePromote(ctx context.Context, r pave.Promote) (transition, error) {
	tr, err := p.sameRevision(ctx, r.Name, r.Verb())
	if err != nil {
		return tr, err
	}
	if r.To == "" {
		return tr, pave.BadField("to", "", "is needed", "for example: --to production")
	}
	env, err := p.environmentOf(ctx, tr, r.To)
	if err != nil {
		return tr, err
	}
	lower, ok := below(tr.to.Environments, env)
	if !ok {
		return tr, pave.Errorf(pave.Conflict, "%s has no environment below %s to promote from", r.Name, env).
			WithHint("pave deploy %s --env %s", r.Name, env)
	}
	release, ok := tr.releases[lower]
	if !ok {
		return tr, pave.Errorf(pave.Conflict, "nothing serves in %s yet", lower).
			WithHint("pave deploy %s --env %s", r.Name, lower)
	}
	return p.move(tr, env, release)
}
