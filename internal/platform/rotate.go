package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/workflow"
)

// resolveRotate: revision n -> n+1 with the next credentials. Both are good while the
// processes change over; a step of the rollout revokes the old ones.
func (p *Platform) resolveRotate(ctx context.Context, r pave.Rotate) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	if kinds := slices.Sorted(slices.Values(pave.BackingKinds)); !slices.Contains(kinds, r.Kind) {
		return tr, pave.BadField("kind", r.Kind, "has no credentials", didYouMean(r.Kind, kinds))
	}
	if tr.from.Engine(r.Kind) == "" {
		return tr, pave.Errorf(pave.NotFound, "%s has no %s", tr.service.Name, r.Kind).
			WithHint("pave add %s --service %s", r.Kind, tr.service.Name)
	}
	envs := tr.to.Environments
	if env != "" {
		envs = []pave.Name{env}
	}
	if err := p.rotatable(ctx, tr.service, r.Kind, envs); err != nil {
		return tr, err
	}
	tr.to.Resources = slices.Clone(tr.to.Resources)
	for i, b := range tr.to.Resources {
		if b.Kind != r.Kind {
			continue
		}
		numbers := maps.Clone(b.Credentials)
		if numbers == nil {
			numbers = map[pave.Name]int{}
		}
		for _, e := range envs {
			numbers[e]++
		}
		tr.to.Resources[i].Credentials = numbers
	}
	tr.notes = []string{"the old credentials are good until no process has them, and are revoked then",
		fmt.Sprintf("a rotation is not undone: another one makes credentials anew (pave rotate %s %s)", tr.service.Name, r.Kind)}
	return tr, nil
}

// rotatable refuses what makes no further credentials: it would be said and not done.
func (p *Platform) rotatable(ctx context.Context, svc pave.Service, kind string, envs []pave.Name) error {
	for _, env := range envs {
		rec, err := p.Resources.Live(ctx, p.DB, svc.ID, pave.Ref{Kind: kind, Env: env, Service: svc.Name, Name: string(svc.Name)})
		if pave.CodeOf(err) == pave.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		if _, _, ok := resource.Of[resource.Rotator](p.Resources, rec); !ok {
			return pave.Errorf(pave.Invalid, "the %s of %s in %s is made by %s, which pave cannot ask for other credentials", kind, svc.Name, env, rec.Provider).
				WithHint("change them there, for a module by an input of it; then pave heal %s", svc.Name)
		}
	}
	return nil
}

// rotated reports whether a run made new credentials.
func rotated(run pave.Run) bool {
	var in applyInput
	return json.Unmarshal(run.Input, &in) == nil && in.Verb == pave.Rotate{}.Verb()
}

func (p *Platform) rotatedBy(ctx context.Context, id string) bool {
	run, err := p.Engine.Get(ctx, id)
	return err == nil && rotated(run)
}

// keepCredentials puts the newest credentials into a wish from before: those that were
// revoked do not come back.
func keepCredentials(to, newest pave.Wanted) pave.Wanted {
	to.Resources = slices.Clone(to.Resources)
	for i, b := range to.Resources {
		for _, n := range newest.Resources {
			if n.Kind == b.Kind {
				to.Resources[i].Credentials = n.Credentials
			}
		}
	}
	return to
}

// hasRotated reports whether credentials of an environment were rotated once.
func hasRotated(w pave.Wanted, env pave.Name) bool {
	return slices.ContainsFunc(w.Resources, func(b pave.WantedBacking) bool { return b.Credentials[env] > 0 })
}

// credentialsStep revokes older credentials once no process has them any more.
func (p *Platform) credentialsStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	in, svc, w, err := p.ofRollout(ctx, t)
	if err != nil {
		return workflow.Result{}, err
	}
	var stale []pave.Ref
	for _, b := range w.Resources {
		ref := pave.Ref{Kind: b.Kind, Env: in.Env, Service: svc.Name, Name: string(b.Name)}
		if b.Credentials[in.Env] == 0 {
			continue
		}
		old, err := p.Resources.Stale(ctx, svc.ID, ref)
		if err != nil {
			return workflow.Result{}, err
		}
		if old {
			stale = append(stale, ref)
		}
	}
	if len(stale) == 0 {
		return workflow.Result{Summary: "no older ones are good"}, nil
	}
	rec, err := p.Resources.Live(ctx, p.DB, svc.ID, pave.Ref{Kind: pave.KindDeployment, Env: in.Env, Service: svc.Name, Name: string(svc.Name)})
	if err != nil {
		return workflow.Result{}, err
	}
	st, err := p.Node.Workload(ctx, rec.ID)
	if err != nil {
		return workflow.Result{}, err
	}
	if st.Retiring > 0 {
		return workflow.Result{}, workflow.Again{After: 100 * time.Millisecond, Reason: "the old processes end their last requests"}
	}
	for _, ref := range stale {
		if err := p.Resources.Revoke(ctx, t, svc.ID, ref); err != nil {
			return workflow.Result{}, err
		}
	}
	return workflow.Result{Summary: fmt.Sprintf("older ones of %s revoked", stale[0].Kind)}, nil
}
