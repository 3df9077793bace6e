package githost

import (
	"context"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"time"

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
	if changed, err = git.Follow(ctx, client, url, d.dir(r), o.still); err != nil {
		return changed, err
	}
	return changed, o.learn(ctx)
}

// learn has a mirror that knows no repository know the one it follows: it was made before
// mirrors did, or came back out of a backup.
func (o one) learn(ctx context.Context) error {
	known, err := git.Note(o.Mirror.Place(o.r), hostNote)
	if err != nil || known != "" {
		return err
	}
	repo, aside, err := o.find(ctx)
	if err != nil || aside { // the next call finds out
		return nil
	}
	return o.remember(o.r, repo.ID)
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
func (d *Driver) Tell(ctx context.Context, r resource.Resource, commit string, s pave.CommitStatus) error {
	o, err := d.at(ctx, r)
	if err != nil {
		return err
	}
	if t, ok := o.Host.(Teller); ok {
		return t.Tell(ctx, r.ExternalID, commit, s)
	}
	return nil
}

// Checks are the runs of the host's own pipelines, the newest first: all of a commit, with
// their jobs where they are wanted, or the last ones where it is "".
func (d *Driver) Checks(ctx context.Context, r resource.Resource, commit string, jobs bool) ([]pave.CommitCheck, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return nil, err
	}
	runner, ok := o.Host.(Runner)
	if !ok {
		return nil, nil
	}
	if err := o.still(ctx); err != nil {
		return nil, err
	}
	runs, err := runner.Runs(ctx, r.ExternalID, commit)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(runs, newer)
	var out []pave.CommitCheck
	for _, run := range runs {
		c := pave.CommitCheck{ID: run.ID, Name: run.Name, State: checkOf(run.State), Commit: run.Commit, Branch: run.Branch, URL: run.URL, Started: run.Started, Ended: run.Ended}
		if jobs {
			all, err := runner.Jobs(ctx, r.ExternalID, run.ID)
			if err != nil {
				return nil, err
			}
			for _, j := range all {
				c.Jobs = append(c.Jobs, pave.CheckJob{Name: j.Name, State: checkOf(j.State), URL: j.URL, Started: j.Started, Ended: j.Ended})
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// newer orders runs, the newest first: one that is yet to begin comes before all that have.
// One that ended without having begun is of the time of its end.
func newer(a, b Run) int {
	at := func(r Run) time.Time {
		if r.Started.IsZero() {
			return r.Ended
		}
		return r.Started
	}
	waits := func(r Run) bool { return at(r).IsZero() && !r.State.Ended() }
	switch {
	case waits(a) == waits(b):
		return at(b).Compare(at(a))
	case waits(a):
		return -1
	}
	return 1
}

func checkOf(s pave.RunState) string {
	switch {
	case s == pave.RunDone:
		return pave.CheckSuccess
	case s.Ended():
		return pave.CheckFailure
	}
	return pave.CheckPending
}

// maxRepositories bounds what an import reads.
const maxRepositories = 20_000

// Repositories are what an organisation has, "" being that of the binding.
func (d *Driver) Repositories(ctx context.Context, b resource.Opened, org string) ([]pave.HostRepository, error) {
	_, host, err := d.bound(b)
	if err != nil {
		return nil, err
	}
	out := []pave.HostRepository{}
	for r, err := range host.All(ctx, org) {
		if err != nil {
			return nil, err
		}
		if len(out) == maxRepositories {
			return nil, pave.Errorf(pave.Invalid, "%s has more than %d repositories", org, maxRepositories).WithHint("import single groups of it")
		}
		out = append(out, pave.HostRepository{Name: r.Name, Address: r.Page + ".git", Page: r.Page, Description: r.Description, Branch: r.DefaultBranch,
			Language: r.Language, Topics: r.Topics, Visibility: r.Visibility, Archived: r.Archived, Pushed: r.Pushed})
	}
	return out, nil
}

// File reads a file of a repository that an organisation has, "" being that of the
// binding. NotFound where there is none.
func (d *Driver) File(ctx context.Context, b resource.Opened, org, repository, branch, path string) ([]byte, error) {
	if !fs.ValidPath(path) {
		return nil, pave.BadField("path", path, "is no path within a repository", "a path from its root on, such as docs/catalog-info.yaml")
	}
	if org != "" && org != b.Settings["org"] {
		b.Settings = maps.Clone(b.Settings)
		b.Settings["org"] = org
	}
	_, host, err := d.bound(b)
	if err != nil {
		return nil, err
	}
	f, ok := host.(Filer)
	if !ok {
		return nil, d.lacks("files that can be read one by one")
	}
	return f.File(ctx, repository, branch, path)
}
