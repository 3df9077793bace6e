package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/hook"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/template"
)

// hookTime is how long one hook of a template may take.
const hookTime = 5 * time.Minute

// hookPlace runs the hooks of templates as jobs of the node, as the user that builds
// run as, with what builds may see.
type hookPlace struct {
	jobs *jobs
	dir  string // where work folders are made
}

var _ hook.Place = hookPlace{}

// render makes a tree with the hooks of its template.
func (h hookPlace) render(ctx context.Context, t *template.Template, v template.Vars) (*template.Tree, error) {
	work, err := os.MkdirTemp(h.dir, "hooks-")
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "make a folder for hooks: %w", err).WithHint("pave doctor")
	}
	defer os.RemoveAll(work)
	return hook.Render(ctx, t, v, work, h)
}

// Run runs a hook as a job of its own.
func (h hookPlace) Run(ctx context.Context, dir string, command []string) error {
	if err := h.jobs.Look(filepath.Base(command[0])); err != nil && !filepath.IsAbs(command[0]) {
		return err
	}
	ended, err := h.jobs.Run(ctx, pipeline.Job{ID: pave.NewID("hook"), Dir: dir, Command: command, Env: h.jobs.Env(), Timeout: hookTime})
	if err != nil || ended.OK {
		return err
	}
	return pave.Errorf(pave.Invalid, "%s: %s", ended.Reason, strings.Join(ended.LastLines, " | "))
}

// Give hands the folder to the user of builds.
func (h hookPlace) Give(ctx context.Context, dir string) error {
	_, err := h.jobs.Prepare(ctx, dir)
	return err
}

// Take takes the folder back.
func (h hookPlace) Take(ctx context.Context, dir string) error { return h.jobs.TakeBack(ctx, dir, 0) }
