package githost

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// SetAside renames the repository to NAME-aside-ID and archives it: people still read
// it there, and nobody pushes.
func (d *Driver) SetAside(ctx context.Context, r resource.Resource) error {
	o, err := d.at(ctx, r)
	if err != nil {
		return err
	}
	repo, aside, err := o.find(ctx)
	if pave.CodeOf(err) == pave.NotFound {
		return d.Mirror.SetAside(ctx, r)
	}
	if err != nil {
		return err
	}
	// What was pushed last is kept here too. A host that does not give it out keeps it.
	if url, client, err := o.Git(ctx, repo.Name); err == nil && !aside {
		_, _ = git.Follow(ctx, client, url, d.dir(r), o.still)
	}
	put := o.putAside
	if o.adopts(repo) {
		put = o.letGo
	}
	if err := put(ctx, repo); err != nil {
		return err
	}
	return d.Mirror.SetAside(ctx, r)
}

// putAside renames first: what is archived cannot be renamed.
func (o one) putAside(ctx context.Context, repo Repository) error {
	name, yes := asideName(o.r), true
	if repo.Name != name {
		if _, err := o.Change(ctx, repo.Name, Change{Name: &name}); err != nil {
			return o.failed("set aside", err)
		}
	}
	if !repo.Archived {
		if _, err := o.Change(ctx, name, Change{Archived: &yes}); err != nil {
			return o.failed("set aside", err)
		}
	}
	return nil
}

// Delete removes the repository from the host for good, then its mirror. Where the
// binding may not delete, it stays there, archived, and the error says what to do.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	if r.ID == "" {
		return nil
	}
	o, err := d.at(ctx, r)
	if err != nil {
		return err
	}
	for _, name := range []string{r.ExternalID, asideName(r)} {
		repo, err := o.Get(ctx, name)
		if err == nil {
			var mine bool
			if mine, err = o.mine(repo, r); err == nil && !mine {
				continue
			}
		}
		if pave.CodeOf(err) == pave.NotFound {
			continue
		}
		switch {
		case err == nil && o.adopts(repo):
			err = o.letGo(ctx, repo)
		case err == nil:
			err = o.Host.Delete(ctx, name)
		}
		switch pave.CodeOf(err) {
		case "", pave.NotFound:
			continue
		case pave.Denied:
			return o.stays(ctx, repo, err)
		}
		return o.failed("delete", err)
	}
	return d.Mirror.Delete(ctx, r)
}

// stays sets aside what the binding may not delete.
func (o one) stays(ctx context.Context, repo Repository, denied error) error {
	state := "it is archived as " + asideName(o.r)
	if err := o.putAside(ctx, repo); err != nil {
		state = "it is still " + repo.Name
	}
	return pave.Errorf(pave.Denied, "%s does not let the binding delete repository %s; %s: %w", o.Vendor.Name(), o.r.ExternalID, state, denied).
		WithHint("delete %s there, or give the binding the permission; then pave retry", repo.Page)
}

// ListEvery is long: an organisation may have thousands of repositories, which are asked
// for by the hundred, and what was left behind may wait.
func (d *Driver) ListEvery() time.Duration { return 15 * time.Minute }

// List returns the repositories of all bindings that carry a marker. An organisation that
// was bound more than once, in another way, is asked once.
func (d *Driver) List(ctx context.Context) ([]resource.Found, error) {
	bounds, err := d.Bindings(ctx)
	if err != nil {
		return nil, err
	}
	var out []resource.Found
	seen := map[string]bool{}  // by page: two may sign in to the same host
	asked := map[string]bool{} // by place, and who signs in
	for _, bound := range bounds {
		place := fmt.Sprint(strings.ToLower(bound.Settings["url"]+" "+bound.Settings["org"]), bound.Settings["app_id"], bound.Secrets)
		if asked[place] {
			continue
		}
		asked[place] = true
		b, err := bound.Open(ctx, d.Vault)
		if err != nil {
			return out, err
		}
		_, host, err := d.bound(b)
		if err != nil {
			return out, err
		}
		for repo, err := range host.All(ctx, "") {
			if err != nil {
				return out, err
			}
			ids := marked(repo)
			if len(ids) == 0 || seen[repo.Page] {
				continue
			}
			seen[repo.Page] = true
			out = append(out, resource.Found{ID: ids[0], ExternalID: repo.Name})
		}
	}
	return out, nil
}

// Diff says what deleting the repository would lose: commits beyond the first and the
// changes that wait for a review.
func (d *Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return resource.Difference{}, err
	}
	repo, aside, err := o.find(ctx)
	if err == nil && !aside && o.adopts(repo) {
		return resource.Difference{Stays: "it stays on " + d.Vendor.Name() + " as it is: pave takes its mark off, and keeps a copy here for a while"}, nil
	}
	if err != nil || aside {
		if pave.CodeOf(err) == pave.NotFound || pave.CodeOf(err) == pave.Conflict {
			err = nil
		}
		return resource.Difference{}, err
	}
	if _, err := d.Follow(ctx, r); err != nil {
		return resource.Difference{}, err
	}
	diff, err := d.Mirror.Diff(ctx, r)
	reviewer, ok := o.Host.(Reviewer)
	if err != nil || !ok {
		return diff, err
	}
	open, err := reviewer.Changes(ctx, r.ExternalID)
	if n := len(open); n > 0 {
		text := fmt.Sprintf("%d open changes", n)
		if n == 1 {
			text = "1 open change"
		}
		diff.Lost = strings.TrimPrefix(diff.Lost+", "+text, ", ")
	}
	return diff, err
}

// Drift says how the repository differs from what Apply made.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return nil, err
	}
	repo, aside, err := o.find(ctx)
	if err != nil {
		return nil, err
	}
	if aside {
		return []string{"it was set aside outside pave"}, nil
	}
	out, err := d.Mirror.Drift(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, t := range append([]string{topic(r.ID)}, o.w.topics...) {
		if !strings.Contains(" "+strings.Join(repo.Topics, " ")+" ", " "+t+" ") {
			out = append(out, "it lacks topic "+t)
		}
	}
	for _, p := range o.parts(&repo) {
		text, err := p.differs(ctx)
		if err != nil {
			return nil, err
		}
		if text != "" {
			out = append(out, text)
		}
	}
	return out, nil
}

// Plan says what Apply would do for a repository that is not there.
func (d *Driver) Plan(ctx context.Context, r resource.Resource) ([]string, error) {
	o, err := d.at(ctx, r)
	if err != nil {
		return nil, err
	}
	there, _, err := o.find(ctx)
	if pave.CodeOf(err) != pave.NotFound {
		return nil, err
	}
	if err := o.knowsTeam(ctx); err != nil {
		return nil, err
	}
	url, _, err := o.Git(ctx, r.ExternalID)
	if err != nil {
		return nil, err
	}
	out := []string{fmt.Sprintf("%s repository %s", o.w.visibility, url)}
	if o.adopts(there) {
		out[0] = "takes over " + there.Page + ", which keeps its history, people and visibility"
	}
	for _, p := range o.parts(&Repository{Visibility: o.w.visibility, DefaultBranch: mainBranch}) {
		switch {
		case strings.HasPrefix(p.name, "grant"):
			out = append(out, fmt.Sprintf("team %s may %s", o.w.team, o.w.role))
		case strings.HasPrefix(p.name, "protect"):
			out = append(out, fmt.Sprintf("main is protected, %d reviews", o.w.protection.Reviews))
		case strings.HasPrefix(p.name, "make environments"):
			out = append(out, "environments "+strings.Join(o.w.envs, ", "))
		}
	}
	return out, nil
}
