package github

import (
	_ "embed"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// workflow is what runs pave ci in repositories whose template has no workflow. It asks
// for no permission but to read, and names its actions by digest.
//
//go:embed workflow.yaml
var workflow string

// Workflow is the file that starts pave ci for every push and every pull request.
func (h *host) Workflow(resource.RepositorySpec, []git.File) git.File {
	return git.File{Path: ".github/workflows/ci.yaml", Mode: 0o644, Data: []byte(workflow)}
}
