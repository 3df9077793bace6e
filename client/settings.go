package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/pave-platform/pave"
)

// Variables returns the variables of a service's processes.
func (c *Client) Variables(ctx context.Context, name string) ([]pave.Variable, error) {
	return list[pave.Variable](ctx, c, service(name)+"/variables", nil)
}

// Secrets returns the names of a service's secrets.
func (c *Client) Secrets(ctx context.Context, name string) ([]pave.SecretName, error) {
	return list[pave.SecretName](ctx, c, service(name)+"/secrets", nil)
}

// SealValue sends a value to be sealed for a pave.SetSecret to come. It may be
// repeated: a value that no request names is forgotten.
func (c *Client) SealValue(ctx context.Context, svc, name string, value pave.Secret) (pave.SealedValue, error) {
	var out pave.SealedValue
	body := map[string]string{"name": name, "value": value.Reveal()}
	err := c.do(ctx, call{method: http.MethodPost, path: service(svc) + "/secrets", body: body, repeat: true}, &out)
	return out, err
}

// DevEnvironment returns what a service's program needs on this machine, with a database
// and cache of the caller's own. It may be repeated.
func (c *Client) DevEnvironment(ctx context.Context, svc string, r pave.DevRequest) (pave.DevEnvironment, error) {
	var out pave.DevEnvironment
	err := c.do(ctx, call{method: http.MethodPost, path: service(svc) + "/dev", body: r, repeat: true}, &out)
	return out, err
}

// Raw makes any call of the API, with a body of JSON or none, and returns the answer
// as it is. A path may have a query.
func (c *Client) Raw(ctx context.Context, method, path string, body json.RawMessage) ([]byte, error) {
	k := call{method: method, path: path, repeat: method == http.MethodGet}
	if len(body) > 0 {
		k.body = body
	}
	var out []byte
	err := c.do(ctx, k, &out)
	return out, err
}
