package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pave-platform/pave"
)

// Import lets the catalog know the repositories of an organisation on a git host.
func (c *Client) Import(ctx context.Context, r pave.ImportRequest) (pave.Imported, error) {
	return send[pave.Imported](ctx, c, http.MethodPost, "/v1/imports", r)
}

// Checks returns what the git host's own pipelines ran for a service, the newest first: for
// a commit with their jobs, or the last ones where it is "". Reason is set where the host
// does not answer now.
func (c *Client) Checks(ctx context.Context, name, commit string) (pave.HostList[pave.CommitCheck], error) {
	q := url.Values{}
	setIf(q, "commit", commit)
	return hostList[pave.CommitCheck](ctx, c, service(name)+"/checks", q)
}

// Proposals returns the pull or merge requests of a service that are open. Reason
// is set where the git host does not answer now.
func (c *Client) Proposals(ctx context.Context, name string) (pave.HostList[pave.Proposal], error) {
	return hostList[pave.Proposal](ctx, c, service(name)+"/proposals", nil)
}

// Propose opens a pull or merge request, or finds the open one of the branch.
func (c *Client) Propose(ctx context.Context, name string, r pave.ProposeRequest) (pave.Proposal, error) {
	return send[pave.Proposal](ctx, c, http.MethodPost, service(name)+"/proposals", r)
}
