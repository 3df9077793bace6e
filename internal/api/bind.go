package api

import (
	"context"
	"encoding/json"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// bindBody is a binding with values on their way into the vault.
type bindBody struct {
	pave.BindRequest
	Secrets map[string]string `json:"secrets,omitempty" doc:"values by name, for a module by the variable that terraform sees; no answer ever holds one"`
}

// BindingOf names a binding. It is exported since it is embedded.
type BindingOf struct {
	Name string `path:"name" doc:"an environment, or default for all that have no binding of their own"`
	Kind string `path:"kind" maxLength:"40"`
}

// bindRoutes say who makes resources of a kind.
func (s *server) bindRoutes() {
	p := s.Platform
	handle(s, operation{"PUT", "/v1/environments/{name}/bindings/{kind}", "bind", "Say who makes resources of a kind in an environment from now on", access.Admin, 0, bindBody{}},
		func(ctx context.Context, in *struct {
			BindingOf
			RawBody []byte `contentType:"application/json"` // read here: no error may hold a part of it
		}) (*one[pave.Bound], error) {
			var body bindBody
			if json.Unmarshal(in.RawBody, &body) != nil {
				return nil, pave.Errorf(pave.Invalid, `body: it is not of the form {"provider": ..., "archive": ..., "set": {...}}`)
			}
			r := body.BindRequest
			r.Secrets = map[string]pave.Secret{}
			for name, value := range body.Secrets {
				r.Secrets[name] = pave.NewSecret(value)
			}
			return oneOf(p.Bind(ctx, in.Name, in.Kind, r))
		})
	handle(s, operation{"GET", "/v1/providers", "list-providers", "Who may make resources of a kind, and what each must be told", access.Read, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.Provider], error) {
			return paged(in.Page, byProvider)(p.Providers(ctx))
		})
	handle(s, operation{"DELETE", "/v1/environments/{name}/bindings/{kind}", "unbind", "Take a binding back", access.Admin, 0, nil},
		func(ctx context.Context, in *BindingOf) (*one[pave.Bound], error) {
			return oneOf(p.Unbind(ctx, in.Name, in.Kind))
		})
}
