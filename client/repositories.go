package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// bringTimeout is how long a history may take to arrive.
const bringTimeout = 15 * time.Minute

// FetchRepository lets the server bring the history of a repository, for a pave.Adopt
// to come. It may be repeated.
func (c *Client) FetchRepository(ctx context.Context, address, revision string) (pave.Repository, error) {
	var out pave.Repository
	body := map[string]string{"address": address, "revision": revision}
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/repositories", body: body, repeat: true, timeout: bringTimeout}, &out)
	return out, err
}

// SealForRepository sends a value to be sealed, for a secret of a pave.Adopt to come. It
// may be repeated: a value that no request names is forgotten.
func (c *Client) SealForRepository(ctx context.Context, id, name string, value pave.Secret) (pave.SealedValue, error) {
	var out pave.SealedValue
	body := map[string]string{"name": name, "value": value.Reveal()}
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/repositories/" + url.PathEscape(id) + "/secrets", body: body, repeat: true}, &out)
	return out, err
}

// SendRepository sends a history, for a pave.Adopt to come: what it is, and a pack of
// git's, which is opened for each time it is sent. It may be repeated.
func (c *Client) SendRepository(ctx context.Context, r pave.Repository, pack func() (io.ReadCloser, error)) (pave.Repository, error) {
	about, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	open := func() (io.ReadCloser, error) {
		p, err := pack()
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(string(about)+"\n"), p), p}, nil
	}
	var out pave.Repository
	err = c.do(ctx, call{method: http.MethodPut, path: "/v1/repositories", body: stream{"application/x-pave-repository", open}, repeat: true, timeout: bringTimeout}, &out)
	return out, err
}
