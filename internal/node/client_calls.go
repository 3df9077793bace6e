package node

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/pave-platform/pave"
)

// Exec runs a command beside a workload: frames go in, and what it returns gives those of
// the command, the last of which says how it ended. When ctx or in ends first the
// command is ended.
func (c *Client) Exec(ctx context.Context, s Session, in io.Reader) (io.ReadCloser, error) {
	first, err := json.Marshal(s)
	if err != nil {
		return nil, pave.Errorf(pave.Internal, "encode a command for the node: %w", err)
	}
	return c.openStream(ctx, http.MethodPost, "exec", io.MultiReader(bytes.NewReader(append(first, '\n')), in))
}

// PutEnvironment sets what holds for all workloads of an environment, from now on.
func (c *Client) PutEnvironment(ctx context.Context, e Environment) (Environment, error) {
	return call[Environment](ctx, c, http.MethodPut, "environments/"+url.PathEscape(e.ID), wire[Environment]{Item: e})
}

// Environments lists what was put of environments.
func (c *Client) Environments(ctx context.Context) ([]Environment, error) {
	return call[[]Environment](ctx, c, http.MethodGet, "environments", nil)
}

// Calls lists what services asked of each other.
func (c *Client) Calls(ctx context.Context) ([]Call, error) {
	return call[[]Call](ctx, c, http.MethodGet, "calls", nil)
}
