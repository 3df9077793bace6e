package client

import (
	"context"
	"net/http"

	"github.com/pave-platform/pave"
)

// Pushed says that a repository was pushed to. The client's token is the hook's;
// the caller's own opens nothing here. started is false where nothing is to do.
// It may be repeated: one commit has one pipeline.
func (c *Client) Pushed(ctx context.Context, service, user string) (run pave.Run, started bool, err error) {
	var out struct {
		Started bool     `json:"started"`
		Run     pave.Run `json:"run"`
	}
	err = c.do(ctx, call{method: http.MethodPost, path: "/v1/hooks/post-receive", repeat: true,
		body: map[string]string{"service": service, "user": user}}, &out)
	return out.Run, out.Started, err
}
