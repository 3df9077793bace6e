package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/pave-platform/pave"
)

// Exec runs a command beside a process of a service. feed writes the frames of the
// caller, until its writer fails; what is returned gives those of the command, the last
// of which says how it ended. The command is ended with ctx.
func (c *Client) Exec(ctx context.Context, svc string, r pave.Exec, feed func(io.Writer)) (io.ReadCloser, error) {
	first, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	body := stream{kind: "application/octet-stream", open: func() (io.ReadCloser, error) {
		out, in := io.Pipe()
		go func() {
			defer in.Close() // else whoever sends it would wait for more for ever
			if _, err := in.Write(append(first, '\n')); err == nil {
				feed(in)
			}
		}()
		return out, nil
	}}
	var answer io.ReadCloser
	err = c.persist(ctx, false, 0, func(ctx context.Context, at Endpoint) error {
		res, err := c.send(ctx, at, call{method: http.MethodPost, path: service(svc) + "/exec", body: body})
		if err == nil {
			answer = res.Body
		}
		return err
	})
	return answer, err
}

// Connect makes credentials of the caller's own to a database or cache, for a while.
func (c *Client) Connect(ctx context.Context, svc string, r pave.ConnectRequest) (pave.Connection, error) {
	return send[pave.Connection](ctx, c, http.MethodPost, service(svc)+"/connections", r)
}

// Disconnect takes them away before their end.
func (c *Client) Disconnect(ctx context.Context, svc, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: service(svc) + "/connections/" + url.PathEscape(id), repeat: true}, nil)
}
