package server

import (
	"cmp"
	"context"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/gitea"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/provider/github"
	"github.com/pave-platform/pave/internal/provider/gitlab"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
)

// vendors are the git hosts there are drivers for.
func vendors(allow []string) []githost.Vendor {
	return []githost.Vendor{&github.Vendor{Allow: allow}, &gitlab.Vendor{Allow: allow}, &gitea.Vendor{Allow: allow}}
}

// addHosts registers the drivers of repositories on git hosts, and of what the pipelines
// of those are given. public is where the hosts may call, "" for nowhere.
func addHosts(c *resource.Controller, vault *resource.Vault, mirror gitlocal.Driver, derive func(purpose, id string) pave.Secret, allow []string, public string) {
	for _, v := range vendors(allow) {
		d := &githost.Driver{Vendor: v, Mirror: mirror, Vault: vault, Derive: derive,
			Bindings: func(ctx context.Context) ([]resource.Bound, error) {
				return c.Bounds(ctx, pave.KindRepository, v.Name())
			},
			HookURL: func(r resource.Resource) string {
				at := cmp.Or(strings.TrimRight(resource.BindingOf(r.Spec).Settings["callback"], "/"), public)
				if at == "" {
					return ""
				}
				return at + "/v1/hooks/repositories/" + r.ID
			}}
		c.Drivers.Add(pave.KindRepository, v.Name(), d)
		c.Drivers.Add(pave.KindPipeline, v.Name(), githost.Pipelines{Repositories: d})
	}
}
