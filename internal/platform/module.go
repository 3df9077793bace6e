package platform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// ListModules are the Terraform modules that ship with pave.
func (p *Platform) ListModules(ctx context.Context) ([]pave.ModuleInfo, error) {
	if err := p.Access.May(ctx, access.Read, access.Platform); err != nil {
		return nil, err
	}
	return p.Modules.Shipped(), nil
}

// Module is one that ships: what it asks for, and what pave fills.
func (p *Platform) Module(ctx context.Context, name string) (pave.ModuleReading, error) {
	if err := p.Access.May(ctx, access.Read, access.Platform); err != nil {
		return pave.ModuleReading{}, err
	}
	return p.Modules.Read(ctx, "", pave.BindRequest{Source: "pave:" + name})
}

// ReadModule says what any module asks for. The server goes to the address of it, and so
// it is for those who may bind.
func (p *Platform) ReadModule(ctx context.Context, kind string, r pave.BindRequest) (pave.ModuleReading, error) {
	if err := p.Access.May(ctx, access.Admin, access.Platform); err != nil {
		return pave.ModuleReading{}, err
	}
	if kind != "" {
		if _, err := p.Resources.Drivers.Get(kind, byModule[0]); err != nil {
			return pave.ModuleReading{}, pave.BadField("kind", kind, "is made by no module", "--kind database")
		}
	}
	return p.Modules.Read(ctx, kind, r)
}

// reviewTime bounds how long sources of modules are asked for a later version.
const reviewTime = 20 * time.Second

// reviewModules says of every binding of a module whether it fits, and whether there is a
// later version that asks for more.
func (p *Platform) reviewModules(ctx context.Context, bindings bindingTable) (out []pave.Check) {
	ctx, cancel := context.WithTimeout(ctx, reviewTime)
	defer cancel()
	for _, at := range slices.Sorted(maps.Keys(bindings)) {
		for _, kind := range slices.Sorted(maps.Keys(bindings[at])) {
			b := bindings[at][kind]
			if b.Module == nil {
				continue
			}
			env := string(at)
			if env == "" {
				env = everywhere
			}
			c := pave.Check{Name: fmt.Sprintf("module for %s in %s", kind, env), OK: true}
			said, err := p.Modules.Review(ctx, b)
			if c.Detail = b.Module.Source + ": " + said; err != nil {
				c.OK, c.Detail = false, b.Module.Source+": "+err.Error()
				c.Fix = fmt.Sprintf("pave bind %s %s %s --module %s again; %s", env, kind, b.Provider, b.Module.Source, pave.HintOf(err))
			}
			out = append(out, c)
		}
	}
	return out
}
