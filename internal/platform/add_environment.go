package platform

import (
	"context"

	"github.com/pave-platform/pave"
)

// resolveAddEnvironment: revision n -> n+1 in a further environment, with the release
// that serves in the one below, as promote would bring it.
func (p *Platform) resolveAddEnvironment(ctx context.Context, r pave.AddEnvironment) (transition, error) {
	tr, err := p.ofService(ctx, r.Service, r.Verb())
	if err != nil {
		return tr, err
	}
	if r.Environment == "" {
		return tr, pave.BadField("environment", "", "is needed", "pave add environment production --service "+r.Service)
	}
	names := []string{r.Environment}
	added, err := p.environmentsNamed(ctx, names)
	if err != nil {
		return tr, err
	}
	for _, env := range tr.from.Environments {
		if env == added[0] {
			tr.finished = tr.service.LastRun
			return tr, nil
		}
		names = append(names, string(env))
	}
	if tr.to.Environments, err = p.environmentsNamed(ctx, names); err != nil {
		return tr, err
	}
	tr.rollout = added
	if lower, ok := below(tr.to.Environments, added[0]); ok {
		if release, serves := tr.releases[lower]; serves {
			tr.releases[added[0]] = release
			return tr, nil
		}
	}
	return tr, p.newestEverywhere(ctx, &tr)
}
