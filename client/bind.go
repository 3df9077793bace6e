package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pave-platform/pave"
)

func binding(env, kind string) string {
	return "/v1/environments/" + url.PathEscape(env) + "/bindings/" + url.PathEscape(kind)
}

// Bind says who makes resources of a kind in an environment from now on.
func (c *Client) Bind(ctx context.Context, env, kind string, r pave.BindRequest) (pave.Bound, error) {
	secrets := map[string]string{}
	for name, value := range r.Secrets {
		secrets[name] = value.Reveal()
	}
	body := struct {
		pave.BindRequest
		Secrets map[string]string `json:"secrets,omitempty"`
	}{r, secrets}
	var out pave.Bound
	err := c.do(ctx, call{method: http.MethodPut, path: binding(env, kind), body: body}, &out)
	return out, err
}

// Providers returns who may make resources of a kind, and what each must be told.
func (c *Client) Providers(ctx context.Context) ([]pave.Provider, error) {
	return list[pave.Provider](ctx, c, "/v1/providers", nil)
}

// Unbind takes a binding back.
func (c *Client) Unbind(ctx context.Context, env, kind string) (pave.Bound, error) {
	var out pave.Bound
	err := c.do(ctx, call{method: http.MethodDelete, path: binding(env, kind)}, &out)
	return out, err
}
