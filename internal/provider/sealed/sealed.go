// Package sealed keeps secrets of workloads on a laptop: sealed, in the
// platform's own store. Its driver knows no values but those passed through it.
package sealed

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Vault is where the values lie.
type Vault interface {
	Put(ctx context.Context, id string, value pave.Secret) error
	Get(ctx context.Context, id string) (pave.Secret, error)
	Delete(ctx context.Context, id string) error
	List(ctx context.Context) ([]string, error)
}

// Driver makes resources of kind secret, under the name of the variable that the
// workload sees: the secret output of one needed resource, or a value that was
// sealed before.
type Driver struct{ Vault Vault }

var (
	_ resource.Driver  = Driver{}
	_ resource.Lister  = Driver{}
	_ resource.Drifter = Driver{}
)

// Observe says whether the value is there.
func (d Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if r.ID == "" {
		return resource.State{}, pave.Errorf(pave.NotFound, "no secret %s", r.ExternalID)
	}
	value, err := d.Vault.Get(ctx, r.ID)
	if err != nil {
		return resource.State{}, err
	}
	return d.state(r, value)
}

// Apply keeps the value that the needed resource gave out.
func (d Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.SecretSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	value, err := d.valueOf(ctx, r, spec)
	if err != nil {
		return resource.State{}, err
	}
	if err := d.Vault.Put(ctx, r.ID, value); err != nil {
		return resource.State{}, err
	}
	return d.state(r, value)
}

// valueOf is what the secret should hold.
func (d Driver) valueOf(ctx context.Context, r resource.Resource, spec resource.SecretSpec) (pave.Secret, error) {
	if spec.Value != "" {
		v, err := d.Vault.Get(ctx, spec.Value)
		if pave.CodeOf(err) == pave.NotFound {
			return v, pave.Errorf(pave.Conflict, "secret %s: its sealed value is kept no longer", r.Ref).
				WithHint("pave set secret %s --service %s", spec.Key, r.Ref.Service)
		}
		return v, err
	}
	for _, in := range r.Inputs {
		if v, ok := in.Secrets[spec.From]; ok && (!v.IsZero() || spec.From == pave.OutputCA) { // a module may give out no authority
			return v, nil
		}
	}
	return pave.Secret{}, pave.Errorf(pave.Conflict, "secret %s: nothing it needs gave out %q", r.Ref, spec.From)
}

func (d Driver) state(r resource.Resource, value pave.Secret) (resource.State, error) {
	var spec resource.SecretSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	return resource.State{Ready: true, Outputs: map[string]string{"key": spec.Key},
		Secrets: map[string]pave.Secret{"value": value}, Summary: "1 value for the workload (" + spec.Key + ")"}, nil
}

// Drift says whether the workload's value is the one that was sealed for it.
func (d Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	var spec resource.SecretSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil || spec.Value == "" {
		return nil, err
	}
	want, err := d.Vault.Get(ctx, spec.Value)
	if pave.CodeOf(err) == pave.NotFound {
		return []string{"the value that was sealed is kept no longer"}, nil
	}
	if err != nil {
		return nil, err
	}
	have, err := d.Vault.Get(ctx, r.ID)
	if err == nil && have.Reveal() != want.Reveal() { // compared, never shown
		return []string{"it holds another value"}, nil
	}
	return nil, err
}

// Delete forgets the value.
func (d Driver) Delete(ctx context.Context, r resource.Resource) error {
	return d.Vault.Delete(ctx, r.ID)
}

// List returns all values by the id of their resource; those that wait for a
// request belong to none.
func (d Driver) List(ctx context.Context) ([]resource.Found, error) {
	ids, err := d.Vault.List(ctx)
	var out []resource.Found
	for _, id := range ids {
		if strings.HasPrefix(id, "sec_") {
			continue
		}
		out = append(out, resource.Found{ID: id, ExternalID: id})
	}
	return out, err
}
