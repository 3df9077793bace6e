// Package vault keeps secrets of workloads in HashiCorp Vault or OpenBao, in a KV store of
// version 2: one entry for a service in an environment, teams/TEAM/SERVICE/ENV, with a key
// for each variable.
//
// Others may keep keys of their own in the same entry: whatever pave writes is a patch of
// its one key against the version that it has seen (check-and-set). Which keys are pave's
// the custom metadata of the entry says, "pave.KEY" with the id of the resource; a key
// without such a mark is refused and not touched.
package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Values has what was sealed: values of people, and what a binding signs in with.
type Values interface {
	Get(ctx context.Context, id string) (pave.Secret, error)
}

// Driver makes resources of kind secret.
type Driver struct {
	Values Values
	// Derive gives a key that only this platform has, to tell values apart by.
	Derive func(purpose, id string) pave.Secret
	// Bounds are the bindings that resources were made by, for List.
	Bounds func(ctx context.Context) ([]resource.Bound, error)
	// Timeout is how long a call may take; 0: 20 s.
	Timeout time.Duration

	sessions sessions
	locks    locks
}

var (
	_ resource.Driver   = (*Driver)(nil)
	_ resource.Drifter  = (*Driver)(nil)
	_ resource.Lister   = (*Driver)(nil)
	_ resource.Keeper   = (*Driver)(nil)
	_ resource.Looker   = (*Driver)(nil)
	_ resource.Source   = (*Driver)(nil)
	_ resource.Bindable = (*Driver)(nil)
)

// tries is how often a change begins again since somebody else wrote in between.
const tries = 12

// Observe says whether the value is there, and whose it is.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	p, err := d.place(r)
	if err != nil {
		return resource.State{}, err
	}
	e, err := p.read(ctx, 0)
	if err != nil {
		return resource.State{}, err
	}
	value, has := e.data[p.key]
	owner := e.marks[mark(p.key)]
	switch {
	case r.ID != "" && e.marks[asideMark(p.key, r.ID)] == r.ID:
		return resource.State{Reason: "it is set aside: version history of " + p.name()}, nil
	case owner == r.ID && r.ID != "" && has:
		return d.state(p, value), nil
	case owner == r.ID && r.ID != "" || owner == "" && (!has || d.known(ctx, p, value)):
		return resource.State{}, pave.Errorf(pave.NotFound, "nothing at %s", p.name())
	}
	return resource.State{}, p.taken(owner)
}

// Apply writes what the value should be, unless it is that.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	p, err := d.place(r)
	if err != nil {
		return resource.State{}, err
	}
	value, err := d.wanted(ctx, r, p.spec)
	if err != nil {
		return resource.State{}, err
	}
	err = p.change(ctx, func(e entry) (done bool, err error) {
		has, there := e.data[p.key]
		owner, aside := e.marks[mark(p.key)], e.marks[asideMark(p.key, r.ID)] != ""
		switch {
		case owner != "" && owner != r.ID, owner == "" && there && !d.known(ctx, p, has):
			return false, p.taken(owner)
		case e.version == 0:
			return false, p.write(ctx, e, nil) // so that there is something to mark
		case owner == "" || aside:
			return false, p.mark(ctx, map[string]any{mark(p.key): r.ID, asideMark(p.key, r.ID): nil})
		case there && has == value.Reveal():
			return true, nil
		case e.gone:
			return true, p.write(ctx, e, map[string]any{p.key: value.Reveal()})
		}
		return true, p.patch(ctx, e, value.Reveal())
	})
	if err != nil {
		return resource.State{}, err
	}
	return d.state(p, value.Reveal()), nil
}

// known reports whether a person gave the very value that somebody else's key has: so it
// is taken over, and nothing is overwritten.
func (d *Driver) known(ctx context.Context, p place, has any) bool {
	if p.spec.Value == "" {
		return false
	}
	value, err := d.Values.Get(ctx, p.spec.Value)
	return err == nil && has == value.Reveal()
}

// wanted is what the secret should hold: a value that was sealed before, or an output of
// what it needs.
func (d *Driver) wanted(ctx context.Context, r resource.Resource, spec spec) (pave.Secret, error) {
	if spec.Value != "" {
		v, err := d.Values.Get(ctx, spec.Value)
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

func (d *Driver) state(p place, value any) resource.State {
	text := textOf(value)
	return resource.State{ExternalID: p.name(), Version: "kv 2", Ready: true,
		Outputs: map[string]string{"key": p.key, "path": p.entryName(), "fingerprint": d.fingerprint(p, text)},
		Secrets: map[string]pave.Secret{"value": pave.NewSecret(text)},
		Summary: fmt.Sprintf("1 value for the workload (%s in %s)", p.key, p.entryName())}
}

// fingerprint tells values apart and nothing of them to who has not the platform's key.
func (d *Driver) fingerprint(p place, value string) string {
	return d.Derive("vault", p.name()+" "+value).Reveal()[:16]
}

// Secrets reads the value where it is kept: a rollout takes what is there now.
func (d *Driver) Secrets(ctx context.Context, r resource.Resource) (map[string]pave.Secret, error) {
	st, err := d.Observe(ctx, r)
	switch {
	case pave.CodeOf(err) == pave.NotFound, err == nil && !st.Ready:
		return nil, pave.Errorf(pave.Conflict, "%s: the value is not in Vault any more", r.Ref).WithHint("pave heal %s writes it again", r.Ref.Service)
	case err != nil:
		return nil, err
	}
	return st.Secrets, nil
}

// Drift says whether the value is the one that was written.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	p, err := d.place(r)
	if err != nil {
		return nil, err
	}
	e, err := p.read(ctx, 0)
	if err != nil {
		return nil, err
	}
	value, has := e.data[p.key]
	before := r.Outputs["fingerprint"]
	if !has || before == "" || d.fingerprint(p, textOf(value)) == before {
		return nil, nil // that it is gone Observe says
	}
	return []string{fmt.Sprintf("%s holds another value than the one that pave wrote (version %d of the entry, %s)", p.key, e.version, e.created)}, nil
}

// SetAside takes the key out of the entry. Its value stays in the versions before, as
// long as the store keeps them, and its mark stays with another name.
func (d *Driver) SetAside(ctx context.Context, r resource.Resource) error {
	p, err := d.place(r)
	if err != nil {
		return err
	}
	return p.change(ctx, func(e entry) (bool, error) {
		if e.marks[mark(p.key)] != r.ID {
			return true, nil // set aside before, or none of ours
		}
		if _, there := e.data[p.key]; there {
			return false, p.patch(ctx, e, nil)
		}
		return true, p.mark(ctx, map[string]any{asideMark(p.key, r.ID): r.ID, mark(p.key): nil})
	})
}

// Delete takes the key out of the entry and destroys the versions that hold it, unless
// somebody else's key is in them. An entry that holds nothing then is deleted.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	p, err := d.place(r)
	if err != nil {
		return err
	}
	return p.change(ctx, func(e entry) (bool, error) {
		live, aside := e.marks[mark(p.key)] == r.ID, e.marks[asideMark(p.key, r.ID)] == r.ID
		_, there := e.data[p.key]
		switch {
		case !live && !aside:
			return true, nil
		case live && there:
			return false, p.patch(ctx, e, nil)
		case len(e.data) == 0 && len(e.marks) == 1 && len(e.custom) == 1:
			return true, p.remove(ctx)
		}
		if err := p.scrub(ctx, e); err != nil {
			return false, err
		}
		gone := map[string]any{asideMark(p.key, r.ID): nil}
		if live {
			gone[mark(p.key)] = nil
		}
		return true, p.mark(ctx, gone)
	})
}

// Look names a command that shows whose the keys of the entry are, and no value.
func (d *Driver) Look(r resource.Resource) []string {
	p, err := d.place(r)
	if err != nil {
		return nil
	}
	return []string{"vault kv metadata get -mount=" + p.mount + " " + p.entry}
}
