package cli

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/hook"
	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/internal/template"
)

// hookTime is how long one hook of a template may take.
const hookTime = 5 * time.Minute

// hookPlace runs hooks as the user of the command line, with a clean environment.
type hookPlace struct{ a *app }

var _ hook.Place = hookPlace{}

// renderHere renders a template, with its hooks where they are allowed.
func (a *app) renderHere(ctx context.Context, t *template.Template, v template.Vars, hooks bool) (*template.Tree, error) {
	if !hooks || !t.HasHooks() {
		return t.Render(ctx, v)
	}
	work, err := os.MkdirTemp("", "pave-hooks-")
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "make a folder for hooks: %w", err)
	}
	defer os.RemoveAll(work)
	return hook.Render(ctx, t, v, work, hookPlace{a})
}

// Run runs a hook.
func (h hookPlace) Run(ctx context.Context, dir string, command []string) error {
	tail := job.NewTail(20)
	env := map[string]string{"PATH": h.a.deps.Getenv("PATH"), "HOME": dir, "LANG": "C.UTF-8"}
	res, err := job.Run(ctx, job.Spec{Dir: dir, Command: command, Env: env, Timeout: hookTime, Output: func(l job.Line) { tail.Add(l.Text) }})
	if err != nil || res.OK() {
		return err
	}
	return pave.Errorf(pave.Invalid, "%s: %s", res.Reason(), strings.Join(tail.Lines(), " | "))
}

// Give and Take have nothing to do: there is one user.
func (hookPlace) Give(context.Context, string) error { return nil }

// Take is the other half of Give.
func (hookPlace) Take(context.Context, string) error { return nil }
