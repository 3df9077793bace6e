package gitlocal

import (
	"context"
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

var _ resource.Drifter = Driver{}

// Drift says whether the repository still has its name and tells the server of
// pushes.
func (d Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	here, err := ours(d.path(r.ExternalID), r)
	if err != nil {
		return nil, err
	}
	if !here {
		return []string{"it was set aside outside pave"}, nil
	}
	hooks, err := d.hooksOf(ctx, r)
	if err != nil || hooks == d.Hooks {
		return nil, err
	}
	return []string{fmt.Sprintf("core.hooksPath is %q, so that pushes are found late", hooks)}, nil
}

func (d Driver) hooksOf(ctx context.Context, r resource.Resource) (string, error) {
	out, err := git.Run(ctx, git.Options{Dir: d.path(r.ExternalID)}, "config", "--default", "", "--get", "core.hooksPath")
	return strings.TrimSpace(string(out)), err
}

// mend makes good what Drift finds in a repository that is there.
func (d Driver) mend(ctx context.Context, r resource.Resource) error {
	hooks, err := d.hooksOf(ctx, r)
	if err == nil && d.Hooks != "" && hooks != d.Hooks {
		_, err = git.Run(ctx, git.Options{Dir: d.path(r.ExternalID)}, "config", "core.hooksPath", d.Hooks)
	}
	if err != nil && pave.CodeOf(err) != pave.Unavailable {
		return diskError("mend", r, err)
	}
	return err
}
