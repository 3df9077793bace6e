package api

import (
	"context"
	"math"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// hostRoutes are about repositories on git hosts.
func (s *server) hostRoutes() {
	p := s.Platform
	handle(s, operation{"POST", "/v1/imports", "import", "Let the catalog know the repositories of an organisation on a git host", access.Admin, 0, nil},
		func(ctx context.Context, in *struct{ Body pave.ImportRequest }) (*one[pave.Imported], error) {
			return oneOf(p.Import(ctx, in.Body))
		})
	handle(s, operation{"GET", "/v1/services/{name}/checks", "list-checks", "What the git host's own pipelines ran for a service, asked now, newest first", access.Read, 0, nil},
		func(ctx context.Context, in *struct {
			Page
			Name   string `path:"name"`
			Commit string `query:"commit" pattern:"^([0-9a-f]{40})?$" doc:"of this commit, with their jobs; the last ones without"`
		}) (*list[pave.CommitCheck], error) {
			return paged(in.Page, byStart)(p.HostChecks(ctx, in.Name, in.Commit))
		})
	handle(s, operation{"GET", "/v1/services/{name}/proposals", "list-proposals", "Pull or merge requests of a service that are open, asked now, newest first", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*list[pave.Proposal], error) {
			return paged(in.Page, byProposal)(p.Proposals(ctx, in.Name))
		})
	handle(s, operation{"POST", "/v1/services/{name}/proposals", "propose", "Open a pull or merge request, or find the open one of the branch", access.Write, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body pave.ProposeRequest
		}) (*one[pave.Proposal], error) {
			return oneOf(p.Propose(ctx, in.Name, in.Body))
		})
}

func byStart(c pave.CommitCheck) string {
	return number(int(math.MaxInt64-max(0, c.Started.UnixMicro()))) + c.ID
}

func byProposal(p pave.Proposal) string { return number(math.MaxInt64 - p.Number) }
