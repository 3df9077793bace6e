package platform

import (
	"context"

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
