package githost

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Pipelines makes resources of kind pipeline: what the pipelines of a repository's own
// host are given in one environment, as secrets of the environment of that name there.
// The marker is a variable beside them; what else people have there stays.
type Pipelines struct{ Repositories *Driver }

var (
	_ resource.Driver         = Pipelines{}
	_ resource.Drifter        = Pipelines{}
	_ resource.BindingChecker = Pipelines{}
)

// CheckBinding asks whether the binding of a repository may give its pipelines what they
// need, before there is a repository. A binding of pipelines has no settings of its own.
func (p Pipelines) CheckBinding(ctx context.Context, b resource.Opened) []pave.Check {
	if len(b.Settings) == 0 {
		return nil
	}
	_, host, err := p.Repositories.bound(b)
	if _, can := host.(Valuer); err == nil && !can {
		err = p.Repositories.lacks("secrets for pipelines")
	}
	if err != nil {
		return []pave.Check{{Name: p.Repositories.Vendor.Name(), Detail: err.Error(), Fix: pave.HintOf(err)}}
	}
	if c, ok := host.(PipelineChecker); ok {
		return c.CheckPipelines(ctx)
	}
	return host.Check(ctx)
}

// The variables of an environment that say whose it is and which secrets are pave's.
const (
	markVariable  = "PAVE_RESOURCE"
	namesVariable = "PAVE_SECRETS"
)

// values are the environment of one resource on its host.
type values struct {
	Valuer
	host       Host
	name       string // of the repository
	repository string // the id of its resource, where it is known
	env        string
	want       []string // names of secrets
}

// of opens the environment of a resource. Its name outside is REPOSITORY/ENVIRONMENT
// from its first Apply on; ok is false before.
func (p Pipelines) of(ctx context.Context, r resource.Resource) (v values, ok bool, err error) {
	var spec resource.PipelineSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return v, false, err
	}
	b, err := spec.Binding.Open(ctx, p.Repositories.Vault)
	if err != nil {
		return v, false, err
	}
	_, host, err := p.Repositories.bound(b)
	if err != nil {
		return v, false, err
	}
	valuer, can := host.(Valuer)
	if !can {
		return v, false, p.Repositories.lacks("secrets for pipelines")
	}
	v = values{Valuer: valuer, host: host, env: string(spec.Env), want: slices.Sorted(maps.Keys(spec.Values))}
	if in, there := r.Input(pave.KindRepository); there {
		v.name, v.repository = in.ExternalID, in.ID
		return v, true, nil
	}
	v.name, _, ok = strings.Cut(r.ExternalID, "/")
	return v, ok && r.ID != "", nil
}

// Observe finds what was given by the marker.
func (p Pipelines) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	v, ok, err := p.of(ctx, r)
	if err != nil {
		return resource.State{}, err
	}
	nothing := pave.Errorf(pave.NotFound, "nothing was given to pipelines of %s", r.Ref)
	if !ok {
		return resource.State{}, nothing
	}
	has, err := v.Variables(ctx, v.name, v.env)
	if pave.CodeOf(err) == pave.NotFound || err == nil && has[markVariable] == "" {
		return resource.State{}, nothing
	}
	if err == nil {
		err = v.mine(has, r.ID)
	}
	if err != nil {
		return resource.State{}, err
	}
	lacks, err := v.lacks(ctx)
	st := v.state()
	st.Ready, st.Reason = lacks == "", lacks
	return st, err
}

func (v values) mine(has map[string]string, id string) error {
	if other := has[markVariable]; other != "" && other != id {
		return pave.Errorf(pave.Conflict, "environment %s of %s has the secrets of another service", v.env, v.name).
			WithHint("delete its variable %s on the host if that service is gone", markVariable)
	}
	return nil
}

// mayGive is Conflict where the name is of another repository by now: its pipelines are
// somebody else's, and would read what they are given.
func (p Pipelines) mayGive(ctx context.Context, v values) error {
	repo, err := v.host.Get(ctx, v.name)
	if err != nil {
		return err
	}
	mine, err := p.Repositories.mine(repo, resource.Resource{ID: v.repository, ExternalID: v.name})
	if err == nil && !mine {
		err = pave.Errorf(pave.Conflict, "repository %s is not the one of this service: its pipelines are given nothing", v.name).
			WithHint("look at %s; rename it where somebody else made it", repo.Page)
	}
	return err
}

func (v values) state() resource.State {
	return resource.State{ExternalID: v.name + "/" + v.env, Ready: true, Outputs: map[string]string{"names": strings.Join(v.want, ",")},
		Summary: strings.Join(v.want, ", ") + " in " + v.env}
}

// lacks says which secrets are not there.
func (v values) lacks(ctx context.Context) (string, error) {
	has, err := v.SecretNames(ctx, v.name, v.env)
	return missing("secret", slices.DeleteFunc(slices.Clone(v.want), func(key string) bool { return slices.Contains(has, key) })), err
}

// Apply gives the values of the secrets that the resource needs. A host shows none of
// them, so each is set again; those that are not wanted any more are taken back.
func (p Pipelines) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	v, ok, err := p.of(ctx, r)
	if err == nil && !ok {
		err = pave.Errorf(pave.Conflict, "%s: there is no repository to give anything to", r.Ref)
	}
	if err != nil {
		return resource.State{}, err
	}
	if err := p.mayGive(ctx, v); err != nil {
		return resource.State{}, err
	}
	if e, ok := v.host.(Environer); ok {
		if err := e.AddEnvironment(ctx, v.name, v.env); err != nil {
			return resource.State{}, err
		}
	}
	has, err := v.Variables(ctx, v.name, v.env)
	if err == nil {
		err = v.mine(has, r.ID)
	}
	if err != nil {
		return resource.State{}, err
	}
	before := list(has[namesVariable])
	all := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(v.want), before...))))
	for _, set := range [][2]string{{markVariable, r.ID}, {namesVariable, strings.Join(all, ",")}} {
		if has[set[0]] == set[1] {
			continue
		}
		if err := v.SetVariable(ctx, v.name, v.env, set[0], set[1]); err != nil {
			return resource.State{}, err
		}
	}
	for _, in := range r.Inputs {
		if key := in.Outputs["key"]; in.Ref.Kind == pave.KindSecret && slices.Contains(v.want, key) {
			if in.Secrets["value"].IsZero() {
				return resource.State{}, pave.Errorf(pave.Conflict, "%s: the secret %s has no value", r.Ref, key)
			}
			if err := v.SetSecret(ctx, v.name, v.env, key, in.Secrets["value"]); err != nil {
				return resource.State{}, err
			}
		}
	}
	if err := v.drop(ctx, slices.DeleteFunc(before, func(key string) bool { return slices.Contains(v.want, key) })); err != nil {
		return resource.State{}, err
	}
	if now := strings.Join(v.want, ","); now != strings.Join(all, ",") {
		if err := v.SetVariable(ctx, v.name, v.env, namesVariable, now); err != nil {
			return resource.State{}, err
		}
	}
	return v.state(), nil
}

func (v values) drop(ctx context.Context, keys []string) error {
	d, ok := v.host.(Dropper)
	for _, key := range keys {
		if !ok {
			break
		}
		if err := d.DropSecret(ctx, v.name, v.env, key); err != nil {
			return err
		}
	}
	return nil
}

// Drift says which secrets somebody took away.
func (p Pipelines) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	v, ok, err := p.of(ctx, r)
	if err != nil || !ok {
		return nil, err
	}
	lacks, err := v.lacks(ctx)
	if lacks == "" || err != nil {
		return nil, err
	}
	return []string{lacks}, nil
}

// Delete takes back what was given. What is not pave's stays.
func (p Pipelines) Delete(ctx context.Context, r resource.Resource) error {
	v, ok, err := p.of(ctx, r)
	if err != nil || !ok {
		return err
	}
	has, err := v.Variables(ctx, v.name, v.env)
	if pave.CodeOf(err) == pave.NotFound || err == nil && has[markVariable] != r.ID {
		return nil
	}
	if err != nil {
		return err
	}
	if err := v.drop(ctx, list(has[namesVariable])); err != nil {
		return err
	}
	d, ok := v.host.(Dropper)
	if !ok {
		return nil
	}
	if err := d.DropVariable(ctx, v.name, v.env, namesVariable); err != nil {
		return err
	}
	return d.DropVariable(ctx, v.name, v.env, markVariable)
}
