package githost

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
)

// dressed renders trees with what the host wants beside the template: who owns the code,
// in the host's words for teams, and a file that starts pave ci.
type dressed struct {
	gitlocal.Trees
	owners, owner string  // "" where nobody is to be named
	starter       Starter // nil where the host has no pipelines of its own
}

// dress gives the mirror what the first commit of a resource is to have.
func (o one) dress() one {
	d := dressed{Trees: o.Mirror.Trees}
	if owner, ok := o.Host.(Owner); ok && o.w.team != "" {
		d.owners, d.owner = owner.Owners(o.w.team)
	}
	d.starter, _ = o.Host.(Starter)
	driver := *o.Driver
	driver.Mirror.Trees = d
	o.Driver = &driver
	return o
}

// Render adds only what the template has not.
func (d dressed) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	files, err := d.Trees.Render(ctx, s)
	if err != nil {
		return nil, err
	}
	if d.owners != "" && !d.named(files, string(s.Team)) {
		files = append(files, git.File{Path: d.owners, Mode: 0o644, Data: []byte("* " + d.owner + "\n")})
	}
	if d.starter == nil {
		return files, nil
	}
	start := d.starter.Workflow(s, files)
	dir := path.Dir(start.Path)
	starts := func(f git.File) bool { return f.Path == start.Path || dir != "." && path.Dir(f.Path) == dir }
	if !slices.ContainsFunc(files, starts) {
		files = append(files, start)
	}
	return files, nil
}

// named writes the team as the host does in the files of owners, and reports whether
// there are any.
func (d dressed) named(files []git.File, team string) (has bool) {
	// "@web" and not the beginning of "@web-devs" or of "@web/devs".
	word := regexp.MustCompile(`(^|\s)@` + regexp.QuoteMeta(team) + `(\s|$)`)
	owner := []byte("${1}" + strings.ReplaceAll(d.owner, "$", "$$") + "${2}")
	for i, f := range files {
		if path.Base(f.Path) == "CODEOWNERS" && slices.Contains([]string{".", "docs", ".github", ".gitlab", ".gitea"}, path.Dir(f.Path)) {
			has = true
			files[i].Data = word.ReplaceAll(f.Data, owner)
		}
	}
	return has
}
