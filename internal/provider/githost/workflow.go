package githost

import (
	"context"
	"slices"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
)

// A Workflower has pipelines that are a file of the repository.
type Workflower interface {
	// Workflow is the file by which the host runs `pave ci` for a tree. It is added to
	// the first commit, unless the tree has a file of that path.
	Workflow(s resource.RepositorySpec, tree []git.File) git.File
}

// working renders trees with the workflow of the host.
type working struct {
	gitlocal.Trees
	host Workflower
}

// Render adds the workflow where the template has none.
func (w working) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	files, err := w.Trees.Render(ctx, s)
	if err != nil {
		return nil, err
	}
	file := w.host.Workflow(s, files)
	if slices.ContainsFunc(files, func(f git.File) bool { return f.Path == file.Path }) {
		return files, nil
	}
	return append(files, file), nil
}
