package githost

import (
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// A repository that was there before, and whose service was adopted from it, is taken
// over: it gets the marker and what the binding asks for, keeps its name, history,
// visibility and people, and is let go where another one would be set aside or deleted.

// adopts reports whether the service of the resource was adopted from this very
// repository, and nobody else's service lives in it.
func (o one) adopts(repo Repository) bool {
	address := place(o.w.spec.Address)
	if address == "" || address != place(repo.Page) {
		return false
	}
	return !slices.ContainsFunc(marked(repo), func(id string) bool { return id != o.r.ID })
}

// place is an address without what differs between ways to write it.
func place(address string) string {
	_, rest, ok := strings.Cut(strings.ToLower(address), "://")
	if !ok {
		return ""
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && at < strings.IndexByte(rest+"/", '/') {
		rest = rest[at+1:]
	}
	return strings.TrimSuffix(strings.TrimRight(rest, "/"), ".git")
}

// takeOver is what create is for a repository that is there. It refuses what Apply could
// only make good by changing what people have.
func (o one) takeOver(repo Repository) (Repository, error) {
	switch {
	case repo.DefaultBranch != mainBranch:
		return repo, pave.Errorf(pave.Invalid, "the default branch of %s is %s, and pave builds %s", repo.Page, repo.DefaultBranch, mainBranch).
			WithHint("rename the branch on the host, then pave retry")
	case repo.Archived:
		return repo, pave.Errorf(pave.Invalid, "%s is archived", repo.Page).WithHint("unarchive it on the host, then pave retry")
	}
	return repo, nil
}
