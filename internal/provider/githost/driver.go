package githost

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
)

// A Driver makes resources of kind repository on the git host of a vendor.
type Driver struct {
	Vendor Vendor
	Mirror gitlocal.Driver
	Vault  resource.Opener // opens the secrets of bindings
	// Bindings are all that repositories were ever made by.
	Bindings func(ctx context.Context) ([]resource.Bound, error)
	// HookURL is where the host may call about a resource; "" where the server cannot
	// be reached from outside.
	HookURL func(r resource.Resource) string
	// Derive makes the secret of a resource's webhook.
	Derive func(purpose, id string) pave.Secret
	// Visible is how long a host may take to show what was just made; 0: 30 s.
	Visible time.Duration
}

var (
	_ resource.Driver   = (*Driver)(nil)
	_ resource.Keeper   = (*Driver)(nil)
	_ resource.Lister   = (*Driver)(nil)
	_ resource.Sparing  = (*Driver)(nil)
	_ resource.Differ   = (*Driver)(nil)
	_ resource.Drifter  = (*Driver)(nil)
	_ resource.Planner  = (*Driver)(nil)
	_ resource.Checker  = (*Driver)(nil)
	_ resource.Looker   = (*Driver)(nil)
	_ resource.Bindable = (*Driver)(nil)
	_ resource.Follower = (*Driver)(nil)
	_ resource.Listener = (*Driver)(nil)
	_ resource.Teller   = (*Driver)(nil)
	_ resource.Reporter = (*Driver)(nil)
	_ resource.Importer = (*Driver)(nil)
	_ resource.Proposer = (*Driver)(nil)
)

// Fields are those of every host, and the vendor's own.
func (d *Driver) Fields() []pave.BindingField {
	out := append(slices.Clone(fields), d.Vendor.Fields()...)
	slices.SortStableFunc(out, func(a, b pave.BindingField) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return out
}

// CheckBinding says what the host and the binding lack.
func (d *Driver) CheckBinding(ctx context.Context, b resource.Opened) []pave.Check {
	_, host, err := d.bound(b)
	if err != nil {
		return []pave.Check{{Name: d.Vendor.Name(), Detail: err.Error(), Fix: pave.HintOf(err)}}
	}
	return host.Check(ctx)
}

// Check says whether git can be run: the mirror needs it.
func (d *Driver) Check(ctx context.Context) []pave.Check { return d.Mirror.Check(ctx) }

// Look names commands that show more.
func (d *Driver) Look(r resource.Resource) []string {
	if url := r.Outputs["page"]; url != "" {
		return []string{"pave clone " + string(r.Ref.Service), "open " + url}
	}
	return []string{"pave clone " + string(r.Ref.Service)}
}

func (d *Driver) bound(b resource.Opened) (wanted, Host, error) {
	w, err := read(b)
	if err != nil {
		return w, nil, err
	}
	host, err := d.Vendor.Open(b)
	return w, host, err
}

// one is one resource on its host.
type one struct {
	*Driver
	Host
	r resource.Resource
	w wanted
}

func (d *Driver) at(ctx context.Context, r resource.Resource) (one, error) {
	b, err := resource.BindingOf(r.Spec).Open(ctx, d.Vault)
	if err != nil {
		return one{}, err
	}
	w, host, err := d.bound(b)
	if err != nil {
		return one{}, err
	}
	if w, err = w.of(b, r.Spec); err != nil {
		return one{}, err
	}
	return one{d, host, r, w}.dress(), nil
}

// dir is where the mirror of a resource lies.
func (d *Driver) dir(r resource.Resource) string {
	return filepath.Join(d.Mirror.Dir, r.ExternalID+".git")
}

// Observe finds the repository by its marker.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return resource.State{}, err
	}
	repo, aside, err := o.find(ctx)
	if pave.CodeOf(err) == pave.NotFound && r.ID == "" {
		_, err = d.Mirror.Observe(ctx, r) // its place may be taken too
	}
	if err != nil {
		return resource.State{}, err
	}
	if aside {
		return resource.State{Reason: "set aside"}, nil
	}
	return o.state(ctx, repo)
}

func (o one) state(ctx context.Context, repo Repository) (resource.State, error) {
	st, err := o.Driver.Mirror.Observe(ctx, o.r)
	if pave.CodeOf(err) == pave.NotFound {
		return resource.State{Reason: "its mirror on this machine is gone"}, nil
	}
	if err != nil {
		return st, err
	}
	if st.Reason == "" {
		st.Reason = git.Unfollowed(o.dir(o.r)) // it serves all the same
	}
	if repo.Archived {
		st.Ready, st.Reason = false, "it is archived on "+o.Vendor.Name()
	}
	url, _, err := o.Git(ctx, o.r.ExternalID)
	if err != nil {
		return st, err
	}
	if st.Outputs == nil {
		st.Outputs = map[string]string{}
	}
	st.Outputs["address"], st.Outputs["page"], st.Outputs["pipelines"] = url, repo.Page, repo.Pipelines
	return st, nil
}

// Apply makes the repository on the host, or brings back the one that was set aside,
// and makes all of it as the binding has it: only what differs is done, so that it
// goes on wherever it was stopped.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	if err := ctx.Err(); err != nil {
		return resource.State{}, pave.Errorf(pave.Unavailable, "make repository %s: %w", r.ExternalID, err)
	}
	o, err := d.at(ctx, r)
	if err != nil {
		return resource.State{}, err
	}
	return o.apply(ctx)
}

func (o one) apply(ctx context.Context) (resource.State, error) {
	repo, aside, err := o.find(ctx)
	if err != nil && pave.CodeOf(err) != pave.NotFound {
		return resource.State{}, err
	}
	there := err == nil
	// The mirror is first: where a template cannot be rendered nothing is made outside.
	if _, err := o.Driver.Mirror.Apply(ctx, o.r); err != nil {
		return resource.State{}, err
	}
	switch {
	case !there:
		if err = o.remember(o.r, ""); err == nil {
			repo, err = o.create(ctx)
		}
	case aside:
		repo, err = o.bringBack(ctx, repo)
	}
	if err == nil {
		err = o.remember(o.r, repo.ID)
	}
	if err != nil {
		return resource.State{}, err
	}
	if repo, err = o.settle(ctx, repo); err != nil {
		return resource.State{}, err
	}
	return o.state(ctx, repo)
}

// contents pushes the branches of the mirror to a repository that is empty; from then
// on those of the host are right.
func (o one) contents(ctx context.Context) error {
	url, client, err := o.Git(ctx, o.r.ExternalID)
	if err != nil {
		return err
	}
	_, err = o.Head(ctx, o.r.ExternalID, mainBranch)
	if pave.CodeOf(err) == pave.NotFound {
		return o.push(ctx, client, url)
	}
	if err == nil {
		_, err = git.Follow(ctx, client, url, o.dir(o.r), o.still)
	}
	return err
}

func (o one) push(ctx context.Context, client *http.Client, url string) error {
	here, err := git.CopyOf(o.dir(o.r))
	if err != nil {
		return err
	}
	names := []string{mainBranch} // first: a host may take the first one as default
	for name := range here.Refs {
		if short, ok := cutBranch(name); ok && short != mainBranch {
			names = append(names, short)
		}
	}
	for _, name := range names {
		ref, err := git.ParseRef(name)
		if err == nil {
			err = git.Push(ctx, client, url, o.dir(o.r), ref)
		}
		if pave.CodeOf(err) == pave.NotFound { // it was made a moment ago
			err = pave.Errorf(pave.Unavailable, "push to %s: %w", url, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
