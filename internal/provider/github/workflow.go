package github

import _ "embed"

// workflow is what runs pave ci in repositories whose template has no workflow. It asks
// for no permission but to read, and names its actions by digest.
//
//go:embed workflow.yaml
var workflow string

// Workflow is the file that starts pave ci for every push and every pull request.
func (h *host) Workflow() (file, text string) { return ".github/workflows/ci.yaml", workflow }
