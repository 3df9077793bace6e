package platform

import (
	"context"
	"fmt"

	"github.com/pave-platform/pave"
)

// maxReplicas is how many processes of a service may serve in one environment.
const maxReplicas = 50

// resolveScale: revision n -> n+1 with another number of processes.
func (p *Platform) resolveScale(ctx context.Context, r pave.Scale) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	if r.Replicas < 1 || r.Replicas > maxReplicas {
		return tr, pave.BadField("replicas", fmt.Sprint(r.Replicas), fmt.Sprintf("must be 1 to %d", maxReplicas),
			fmt.Sprintf("pave scale %s %d", r.Service, pave.DefaultReplicas))
	}
	if env == "" { // for all means for all: what an environment had of its own goes
		for in := range tr.to.In {
			tr = tr.settings(in, func(s *pave.Settings) { s.Replicas = 0 })
		}
	}
	return tr.settings(env, func(s *pave.Settings) { s.Replicas = r.Replicas }), nil
}
