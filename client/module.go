package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pave-platform/pave"
)

// ListModules are the Terraform modules that ship with pave.
func (c *Client) ListModules(ctx context.Context) ([]pave.ModuleInfo, error) {
	return list[pave.ModuleInfo](ctx, c, "/v1/modules", nil)
}

// Module is one that ships: what it asks for, and what pave fills.
func (c *Client) Module(ctx context.Context, name string) (pave.ModuleReading, error) {
	return get[pave.ModuleReading](ctx, c, "/v1/modules/"+url.PathEscape(name), nil)
}

// ReadModule says what any module asks for, and binds nothing.
func (c *Client) ReadModule(ctx context.Context, kind string, r pave.BindRequest) (pave.ModuleReading, error) {
	var out pave.ModuleReading
	path := "/v1/modules"
	if kind != "" {
		path += "?kind=" + url.QueryEscape(kind)
	}
	err := c.do(ctx, call{method: http.MethodPost, path: path, body: r}, &out)
	return out, err
}
