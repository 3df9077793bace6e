package vault

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Kept has sealed values, and takes more.
type Kept interface {
	Values
	Put(ctx context.Context, id string, value pave.Secret) error
	Delete(ctx context.Context, id string) error
}

// Logins makes resources of kind database: logins of databases that are there, by Vault's
// database engine. The database and what is in it are not pave's.
//
// A role of the engine for each number of credentials, named by the resource, is the
// marker. Vault tells the password of a login once: it is kept sealed before the journal
// has it, so that a step that runs again finds it. An answer that was lost on the way is a
// login that nobody knows; it goes when its role does, and ends by itself before.
type Logins struct {
	Values Kept
	// Bounds are the bindings that resources were made by, for List.
	Bounds func(ctx context.Context) ([]resource.Bound, error)
	// Others are the journal's resources of this driver, those that are gone too: what a
	// resource asks for first may be another's.
	Others func(ctx context.Context) ([]resource.Record, error)
	// Timeout is how long a call may take; 0: 20 s.
	Timeout time.Duration

	sessions sessions
	locks    locks
}

var (
	_ resource.Driver   = (*Logins)(nil)
	_ resource.Rotator  = (*Logins)(nil)
	_ resource.Drifter  = (*Logins)(nil)
	_ resource.Differ   = (*Logins)(nil)
	_ resource.Lister   = (*Logins)(nil)
	_ resource.Looker   = (*Logins)(nil)
	_ resource.Bindable = (*Logins)(nil)
)

// Observe says whether the login of the spec's credentials is good.
func (d *Logins) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if r.ID == "" {
		return resource.State{}, pave.Errorf(pave.NotFound, "Vault has no login for %s yet", r.Ref)
	}
	b, err := d.base(r)
	if err != nil {
		return resource.State{}, err
	}
	numbers, err := b.numbers(ctx)
	if err != nil {
		return resource.State{}, err
	}
	if len(numbers) == 0 {
		return resource.State{}, pave.Errorf(pave.NotFound, "Vault has no role for %s", r.Ref)
	}
	l, made, err := d.kept(ctx, b)
	if err != nil || !made || !slices.Contains(numbers, b.number) {
		return resource.State{Reason: "its login is not made yet"}, err
	}
	st := b.state(l)
	if st.Reason, err = b.over(ctx, l); st.Reason != "" {
		st.Ready, st.Reason = false, "its login "+st.Reason
	}
	return st, err
}

// Apply writes the role of the spec's credentials and has a login made, unless that was
// done. One that is over is not replaced: those who have it would not hear of it. The next
// credentials are what goes to them.
func (d *Logins) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	b, err := d.base(r)
	if err != nil {
		return resource.State{}, err
	}
	lock := d.locks.of(r.ID)
	if err := take(ctx, lock, b.name()); err != nil {
		return resource.State{}, err
	}
	defer func() { <-lock }()
	if err := b.fits(ctx); err != nil {
		return resource.State{}, err
	}
	if err := d.claim(ctx, r, b); err != nil {
		return resource.State{}, err
	}
	if err := b.writeRole(ctx); err != nil {
		return resource.State{}, err
	}
	l, made, err := d.kept(ctx, b)
	if err != nil {
		return resource.State{}, err
	}
	if made {
		over, err := b.over(ctx, l)
		if over != "" {
			err = pave.Errorf(pave.Conflict, "the login of database %s %s", b.database, over).WithHint("%s", b.rotate())
		}
		return b.state(l), err
	}
	if l, err = b.login(ctx); err != nil {
		return resource.State{}, err
	}
	if err := d.keep(context.WithoutCancel(ctx), b, l); err != nil { // it is made, whoever still waits
		return resource.State{}, err
	}
	return b.state(l), nil
}

// Delete takes all logins and their roles away. The database stays.
func (d *Logins) Delete(ctx context.Context, r resource.Resource) error {
	b, err := d.base(r)
	if err != nil {
		return err
	}
	numbers, err := b.numbers(ctx)
	if err != nil {
		return err
	}
	if err := d.Values.Delete(ctx, keptID(r.ID)); err != nil {
		return pave.Errorf(pave.Unavailable, "forget the login of %s: %w", r.Ref, err)
	}
	if !slices.Contains(numbers, b.number) { // its role may have been taken away by hand, and logins be left
		numbers = append(numbers, b.number)
	}
	return b.revoke(ctx, numbers)
}

// Stale reports whether there are roles of other credentials.
func (d *Logins) Stale(ctx context.Context, r resource.Resource) (bool, error) {
	b, err := d.base(r)
	if err != nil {
		return false, err
	}
	others, err := b.others(ctx)
	return len(others) > 0, err
}

// Revoke takes the logins and roles of all other credentials away.
func (d *Logins) Revoke(ctx context.Context, r resource.Resource) error {
	b, err := d.base(r)
	if err != nil {
		return err
	}
	others, err := b.others(ctx)
	if err != nil {
		return err
	}
	return b.revoke(ctx, others)
}

// Drift says whether the login is good and its role is as it was written.
func (d *Logins) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	b, err := d.base(r)
	if err != nil {
		return nil, err
	}
	var out []string
	l, made, err := d.kept(ctx, b)
	if err != nil {
		return nil, err
	}
	if made {
		over, err := b.over(ctx, l)
		if err != nil {
			return nil, err
		}
		if over != "" {
			out = append(out, "its login "+over+": "+b.rotate())
		}
	}
	differs, err := b.differs(ctx)
	if len(differs) > 0 {
		out = append(out, fmt.Sprintf("role %s in Vault was changed: %v", roleName(b.id, b.number), differs))
	}
	return out, err
}

// Diff says that nothing is lost where the logins go.
func (d *Logins) Diff(_ context.Context, r resource.Resource) (resource.Difference, error) {
	b, err := d.base(r)
	if err != nil {
		return resource.Difference{}, err
	}
	return resource.Difference{Detail: []string{fmt.Sprintf("its logins are revoked in Vault; database %s stays, with all that is in it", b.database)}}, nil
}

// List has each resource whose role is in an engine of any binding.
func (d *Logins) List(ctx context.Context) ([]resource.Found, error) {
	bounds, err := d.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	var out []resource.Found
	for _, bound := range bounds {
		s, err := d.sessions.of(bound, d.Values, d.Timeout)
		if err != nil {
			return nil, err
		}
		mount := or(bound.Settings["mount"], defaultEngine)
		roles, err := s.roles(ctx, mount)
		if err != nil {
			return nil, err
		}
		for _, name := range roles {
			id, _, ours := roleOf(name)
			if ours && !slices.ContainsFunc(out, func(f resource.Found) bool { return f.ID == id }) {
				out = append(out, resource.Found{ID: id, ExternalID: mount + ":" + name})
			}
		}
	}
	return out, nil
}

// Look names a command that shows the role.
func (d *Logins) Look(r resource.Resource) []string {
	b, err := d.base(r)
	if err != nil {
		return nil
	}
	return []string{"vault read " + b.mount + "/roles/" + roleName(b.id, b.number)}
}
