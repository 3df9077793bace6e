package api

import (
	"context"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// moduleRoutes are about Terraform modules.
func (s *server) moduleRoutes() {
	p := s.Platform
	handle(s, operation{"GET", "/v1/modules", "list-modules", "Terraform modules that ship with pave", access.Read, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.ModuleInfo], error) {
			return paged(in.Page, byModule)(p.ListModules(ctx))
		})
	handle(s, operation{"GET", "/v1/modules/{name}", "get-module", "A module that ships: its inputs, rules and outputs, and what pave fills", access.Read, 0, nil},
		func(ctx context.Context, in *byName) (*one[pave.ModuleReading], error) {
			return oneOf(p.Module(ctx, in.Name))
		})
	handle(s, operation{"POST", "/v1/modules", "read-module", "What any module asks for, and what pave would fill; binds nothing", access.Admin, 0, nil},
		func(ctx context.Context, in *struct {
			Kind string `query:"kind" maxLength:"40" doc:"of resource that it is to make"`
			Body pave.BindRequest
		}) (*one[pave.ModuleReading], error) {
			return oneOf(p.ReadModule(ctx, in.Kind, in.Body))
		})
}
