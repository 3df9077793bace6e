package githost

import (
	"context"
	"iter"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// Follow brings what is new on the host into the mirror, and reports whether there was
// anything. It may be called at any time, by anybody, twice at once.
func (d *Driver) Follow(ctx context.Context, r resource.Resource) (changed bool, err error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return false, err
	}
	url, client, err := o.Git(ctx, r.ExternalID)
	if err != nil {
		return false, err
	}
	return git.Follow(ctx, client, url, d.dir(r))
}

// Webhook checks the call of a host about a resource, and says which delivery it is and
// what happened: push, change, run, or "" for what nobody needs. Denied where it is not
// signed with the secret of this resource.
func (d *Driver) Webhook(ctx context.Context, r resource.Resource, header http.Header, body []byte) (delivery, event string, err error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return "", "", err
	}
	h, ok := o.Host.(Hooker)
	if !ok {
		return "", "", d.lacks("webhooks")
	}
	return h.Verify(header, body, o.hookSecret())
}

func (d *Driver) lacks(what string) error {
	return pave.Errorf(pave.Invalid, "%s has no %s", d.Vendor.Name(), what)
}

// Tell shows on a commit what pave knows of it.
func (d *Driver) Tell(ctx context.Context, r resource.Resource, commit string, s Status) error {
	o, err := d.at(ctx, r)
	if err != nil {
		return err
	}
	if t, ok := o.Host.(Teller); ok {
		return t.Tell(ctx, r.ExternalID, commit, s)
	}
	return nil
}

// Checks are the runs of the host's own pipelines for a commit, with their jobs.
func (d *Driver) Checks(ctx context.Context, r resource.Resource, commit string) ([]Run, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return nil, err
	}
	if runner, ok := o.Host.(Runner); ok {
		return runner.Runs(ctx, r.ExternalID, commit)
	}
	return nil, nil
}

// Propose pushes a branch of the mirror and opens a change of main with it, or finds the
// one that is open.
func (d *Driver) Propose(ctx context.Context, r resource.Resource, p Proposal) (Proposal, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return p, err
	}
	reviewer, ok := o.Host.(Reviewer)
	if !ok {
		return p, d.lacks("changes")
	}
	branch, err := git.ParseRef(p.Branch)
	if err != nil {
		return p, err
	}
	url, client, err := o.Git(ctx, r.ExternalID)
	if err == nil {
		err = git.Push(ctx, client, url, d.dir(r), branch)
	}
	if err != nil {
		return p, err
	}
	if p.Into == "" {
		p.Into = mainBranch
	}
	return reviewer.Propose(ctx, r.ExternalID, p)
}

// SetSecret hands a secret to the workflows of a resource; env "" is all of them.
func (d *Driver) SetSecret(ctx context.Context, r resource.Resource, env, key string, value pave.Secret) error {
	o, err := d.at(ctx, r)
	if err != nil {
		return err
	}
	v, ok := o.Host.(Valuer)
	if !ok {
		return d.lacks("secrets for pipelines")
	}
	return v.SetSecret(ctx, r.ExternalID, env, key, value)
}

// Repositories yields what an organisation has, "" being that of the binding.
func (d *Driver) Repositories(ctx context.Context, b resource.Opened, org string) iter.Seq2[Repository, error] {
	_, host, err := d.bound(b)
	if err != nil {
		return func(yield func(Repository, error) bool) { yield(Repository{}, err) }
	}
	return host.All(ctx, org)
}
