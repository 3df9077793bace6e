// Package gitlocal makes repositories on this machine: bare git repositories that
// the server serves itself. The id of the resource is written into the
// repository's own configuration; what lacks it is foreign and stays untouched.
package gitlocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// Trees renders what the first commit of a repository holds.
type Trees interface {
	Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error)
}

// Sources finds what was brought of repositories that no template made.
type Sources interface {
	// Kept is the folder of what was brought, by its id.
	Kept(source string) (dir string, err error)
}

// Driver makes resources of kind repository in a folder.
type Driver struct {
	Dir   string // holds NAME.git
	Hooks string // folder of hooks, the server's own
	Trees Trees
	From  Sources
}

var (
	_ resource.Driver  = Driver{}
	_ resource.Keeper  = Driver{}
	_ resource.Lister  = Driver{}
	_ resource.Differ  = Driver{}
	_ resource.Checker = Driver{}
	_ resource.Looker  = Driver{}
)

func (d Driver) path(name string) string { return filepath.Join(d.Dir, name+".git") }

func (d Driver) aside(r resource.Resource) string {
	return d.path(resource.AsideName(r.ExternalID, r.ID))
}

// Place is the folder of a repository, wherever it is now.
func (d Driver) Place(r resource.Resource) string {
	if kept, err := ours(d.aside(r), r); err == nil && kept {
		return d.aside(r)
	}
	return d.path(r.ExternalID)
}

// ours reports whether the repository at a path carries the id of r. Nothing
// there is false; something foreign is a Conflict.
func ours(path string, r resource.Resource) (bool, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	marker, err := git.Marker(path)
	if err != nil && pave.CodeOf(err) != pave.NotFound {
		return false, err
	}
	if marker == "" || marker != r.ID || resource.Planted("no-marker") {
		return false, pave.Errorf(pave.Conflict, "repository %s exists and is not of this service", r.ExternalID).
			WithHint("move %s away, or choose another name", path)
	}
	return true, nil
}

// Observe finds the repository by its marker.
func (d Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	here, err := ours(d.path(r.ExternalID), r)
	if err != nil {
		return resource.State{}, err
	}
	if here {
		return d.state(r)
	}
	if r.ID != "" {
		if kept, err := ours(d.aside(r), r); err != nil || kept {
			return resource.State{Reason: "set aside"}, err
		}
	}
	return resource.State{}, pave.Errorf(pave.NotFound, "no repository %s", r.ExternalID)
}

func (d Driver) state(r resource.Resource) (resource.State, error) {
	head, err := git.Head(d.path(r.ExternalID), git.MainBranch)
	st := resource.State{Ready: err == nil, Version: head, Outputs: map[string]string{"head": head}}
	if err != nil {
		st.Reason = err.Error()
	}
	return st, nil
}

// Apply makes the repository with the rendered template as its first commit, or
// brings back the one that was set aside.
func (d Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	if err := ctx.Err(); err != nil { // what follows are files: nothing else looks
		return resource.State{}, pave.Errorf(pave.Unavailable, "make repository %s: %w", r.ExternalID, err)
	}
	if here, err := ours(d.path(r.ExternalID), r); err != nil {
		return resource.State{}, err
	} else if here {
		if err := d.mend(ctx, r); err != nil {
			return resource.State{}, err
		}
		return d.state(r)
	}
	if kept, err := ours(d.aside(r), r); err != nil {
		return resource.State{}, err
	} else if kept {
		if err := os.Rename(d.aside(r), d.path(r.ExternalID)); err != nil {
			return resource.State{}, diskError("bring back", r, err)
		}
		return d.state(r)
	}
	var spec resource.RepositorySpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	first, err := d.first(ctx, spec)
	if err != nil {
		return resource.State{}, err
	}
	first.Resource, first.HooksPath = r.ID, d.Hooks
	if _, err = git.Create(ctx, d.path(r.ExternalID), first); err != nil {
		return resource.State{}, err
	}
	return d.state(r)
}

// first is what a repository begins with: a history that was brought, or a commit of
// the rendered template.
func (d Driver) first(ctx context.Context, spec resource.RepositorySpec) (git.Repository, error) {
	if spec.Source != "" {
		dir, err := d.From.Kept(spec.Source)
		return git.Repository{From: dir, Head: spec.Commit}, err
	}
	files, err := d.Trees.Render(ctx, spec)
	return git.Repository{Files: files, Commit: git.Commit{Name: "pave", Email: "pave@localhost", When: time.Now(),
		Message: fmt.Sprintf("Start %s from %s %s", spec.Service, spec.Template, spec.Version)}}, err
}

// Delete removes the repository, wherever it is. What is foreign stays.
func (d Driver) Delete(ctx context.Context, r resource.Resource) error {
	if r.ID == "" {
		return nil // nothing was ever made
	}
	// What an earlier call that was killed has left comes first: it has the name
	// that the next one needs.
	if err := d.remove(r); err != nil {
		return err
	}
	for _, path := range []string{d.path(r.ExternalID), d.aside(r)} {
		here, err := ours(path, r)
		if pave.CodeOf(err) == pave.Conflict || err == nil && !here {
			continue // foreign, or nothing: neither is ours to delete
		}
		if err != nil {
			return err
		}
		// Out of use at once, even if removing takes long.
		if err := os.Rename(path, d.doomed(r)); err != nil {
			return diskError("delete", r, err)
		}
		if err := d.remove(r); err != nil {
			return err
		}
	}
	return nil
}

// doomed is the path of a repository that is being deleted.
func (d Driver) doomed(r resource.Resource) string { return filepath.Join(d.Dir, ".deleted-"+r.ID) }

func (d Driver) remove(r resource.Resource) error {
	if err := os.RemoveAll(d.doomed(r)); err != nil {
		return diskError("delete", r, err)
	}
	return nil
}

func diskError(what string, r resource.Resource, err error) error {
	return pave.Errorf(pave.Unavailable, "%s repository %s: %w", what, r.ExternalID, err).
		WithHint("pave doctor; pave retry goes on from here")
}

// SetAside renames the repository to NAME~ID: nobody can clone or push any more.
func (d Driver) SetAside(ctx context.Context, r resource.Resource) error {
	if kept, err := ours(d.aside(r), r); err != nil || kept {
		return err
	}
	here, err := ours(d.path(r.ExternalID), r)
	if err != nil || !here {
		return err
	}
	if err := os.Rename(d.path(r.ExternalID), d.aside(r)); err != nil {
		return diskError("set aside", r, err)
	}
	return nil
}

// List returns every repository that carries a marker.
func (d Driver) List(ctx context.Context) ([]resource.Found, error) {
	entries, err := os.ReadDir(d.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "list repositories: %w", err).WithHint("pave doctor")
	}
	var out []resource.Found
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".git")
		if !ok {
			continue
		}
		if marker, err := git.Marker(filepath.Join(d.Dir, e.Name())); err == nil && marker != "" {
			out = append(out, resource.Found{ID: marker, ExternalID: name})
		}
	}
	return out, nil
}

// Diff says what the branches of the repository hold beyond its first commit.
func (d Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	if here, err := ours(d.path(r.ExternalID), r); err != nil || !here {
		return resource.Difference{}, err
	}
	const most = 10_000
	out, err := git.Run(ctx, git.Options{Dir: d.path(r.ExternalID)},
		"log", "--all", "--min-parents=1", fmt.Sprintf("--max-count=%d", most), "--format=%an")
	if err != nil || len(out) == 0 {
		return resource.Difference{}, err
	}
	commits, people := 0, map[string]bool{}
	for name := range strings.Lines(string(out)) {
		commits++
		people[name] = true
	}
	count := fmt.Sprint(commits)
	if commits == most {
		count = "more than " + count
	}
	return resource.Difference{Lost: fmt.Sprintf("%s %s by %d %s", count, plural(commits, "commit", "commits"),
		len(people), plural(len(people), "person", "people"))}, nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Check says whether git can be run.
func (d Driver) Check(ctx context.Context) []pave.Check {
	c := pave.Check{Name: "git", Fix: "apt-get install -y git"}
	out, err := git.Run(ctx, git.Options{Dir: "/"}, "version") // its own folder may not be there yet
	if err != nil {
		c.Detail = err.Error()
		return []pave.Check{c}
	}
	return []pave.Check{{Name: "git", OK: true, Detail: strings.TrimSpace(string(out))}}
}

// Look names commands that show more.
func (d Driver) Look(r resource.Resource) []string {
	return []string{"pave clone " + string(r.Ref.Service), "git -C " + d.path(r.ExternalID) + " log --oneline"}
}
