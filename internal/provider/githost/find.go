package githost

import (
	"context"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

func cutBranch(ref string) (string, bool) { return strings.CutPrefix(ref, "refs/heads/") }

// find finds the repository under its name, or under the one it has where it was set
// aside. What has the name and is not ours is a Conflict.
func (o one) find(ctx context.Context) (repo Repository, aside bool, err error) {
	repo, err = o.Get(ctx, o.r.ExternalID)
	if err == nil {
		return repo, false, o.judge(repo)
	}
	if pave.CodeOf(err) != pave.NotFound || o.r.ID == "" {
		return repo, false, err
	}
	if repo, err = o.Get(ctx, asideName(o.r)); err != nil {
		return repo, true, err
	}
	mine, err := o.mine(repo, o.r)
	if err == nil && !mine {
		err = pave.Errorf(pave.NotFound, "no repository %s", o.r.ExternalID)
	}
	return repo, true, err
}

// judge is nil where a repository that has the name is ours, NotFound where it is to be
// taken over, Conflict for every other one.
func (o one) judge(repo Repository) error {
	same, err := o.same(repo, o.r)
	switch {
	case err != nil:
		return err
	case !same:
		return pave.Errorf(pave.Conflict, "repository %s on %s is another one than this service had: somebody made it anew under the name", o.r.ExternalID, o.Vendor.Name()).
			WithHint("rename or delete %s there; then pave heal %s makes the repository again, from the copy that is here", repo.Page, o.r.Ref.Service)
	case ours(repo, o.r.ID):
		return nil
	case o.adopts(repo):
		return pave.Errorf(pave.NotFound, "repository %s is not taken over yet", o.r.ExternalID)
	}
	return o.foreign(repo)
}

// still is Conflict where the name is of another repository by now: anybody in the
// organisation may take that of one that is gone, and what lies there is not to be run.
func (o one) still(ctx context.Context) error {
	_, _, err := o.find(ctx)
	return err
}

func (o one) foreign(repo Repository) error {
	return pave.Errorf(pave.Conflict, "repository %s exists on %s and is not of this service", o.r.ExternalID, o.Vendor.Name()).
		WithHint("rename %s, choose another name, or take it over: pave adopt", repo.Page)
}

// create makes the repository with the marker in its description. Where the name was
// taken meanwhile, by another call of ours, that one is taken.
func (o one) create(ctx context.Context) (Repository, error) {
	if repo, err := o.Get(ctx, o.r.ExternalID); err == nil && o.adopts(repo) {
		return o.takeOver(repo)
	}
	_, err := o.Create(ctx, Repository{Name: o.r.ExternalID, Description: line(o.w.spec.Description) + mark(o.r.ID),
		Visibility: o.w.visibility, DefaultBranch: mainBranch})
	if err != nil && pave.CodeOf(err) != pave.Conflict {
		return Repository{}, err
	}
	return o.appear(ctx)
}

// line is a text as the description of a repository: hosts take one line, and not a
// long one.
func line(text string) string {
	out := []rune(strings.Join(strings.Fields(text), " "))
	return string(out[:min(len(out), 250)])
}

// appear waits until the host shows what was made: reads may be behind writes.
func (o one) appear(ctx context.Context) (Repository, error) {
	within := o.Visible
	if within == 0 {
		within = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		repo, err := o.Get(ctx, o.r.ExternalID)
		switch {
		case err == nil && !ours(repo, o.r.ID):
			return repo, o.foreign(repo)
		case err == nil:
			return repo, o.judge(repo)
		case pave.CodeOf(err) != pave.NotFound:
			return repo, err
		}
		select {
		case <-ctx.Done():
			return Repository{}, pave.Errorf(pave.Unavailable, "%s does not show repository %s yet", o.Vendor.Name(), o.r.ExternalID).
				WithHint("pave retry goes on from here; where that does not help, one of that name is there that the binding may not see")
		case <-time.After(pause):
		}
	}
}

// bringBack undoes SetAside: what is archived cannot be renamed.
func (o one) bringBack(ctx context.Context, repo Repository) (Repository, error) {
	no := false
	if repo.Archived {
		if _, err := o.Change(ctx, repo.Name, Change{Archived: &no}); err != nil {
			return repo, err
		}
	}
	if _, err := o.Change(ctx, repo.Name, Change{Name: &o.r.ExternalID}); err != nil {
		return repo, err
	}
	return o.appear(ctx)
}
