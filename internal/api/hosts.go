package api

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// limitCommits bounds questions about commits, of which there are too many for answers to be
// kept: each may be a call of the host, which has a limit too.
var limitCommits = limit{"questions about commits", 0.5, 100}

// hostRoutes are about repositories on git hosts.
func (s *server) hostRoutes() {
	p := s.Platform
	handle(s, operation{"POST", "/v1/imports", "import", "Let the catalog know the repositories of an organisation on a git host", access.Admin, 0, nil},
		func(ctx context.Context, in *struct{ Body pave.ImportRequest }) (*one[pave.Imported], error) {
			return oneOf(p.Import(ctx, in.Body))
		})
	handle(s, operation{"GET", "/v1/services/{name}/checks", "list-checks", "What the git host's own pipelines ran for a service, newest first, and when it said so", access.Read, 0, nil},
		func(ctx context.Context, in *struct {
			Page
			Name   string `path:"name"`
			Commit string `query:"commit" pattern:"^([0-9a-f]{40})?$" doc:"of this commit, with their jobs; the last ones without"`
		}) (*hostList[pave.CommitCheck], error) {
			if in.Commit != "" {
				who, _ := pave.PrincipalFrom(ctx)
				if err := s.limits.allow(who.User.ID, limitCommits); err != nil {
					return nil, err
				}
			}
			return pagedOfHost(in.Page, byStart)(p.HostChecks(ctx, in.Name, in.Commit))
		})
	handle(s, operation{"GET", "/v1/services/{name}/proposals", "list-proposals", "Pull or merge requests of a service that are open, newest first, and when the git host said so", access.Read, 0, nil},
		func(ctx context.Context, in *pageNamed) (*hostList[pave.Proposal], error) {
			return pagedOfHost(in.Page, byProposal)(p.Proposals(ctx, in.Name))
		})
	handle(s, operation{"POST", "/v1/services/{name}/proposals", "propose", "Open a pull or merge request, or find the open one of the branch", access.Write, http.StatusCreated, nil},
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
			Body pave.ProposeRequest
		}) (*one[pave.Proposal], error) {
			return oneOf(p.Propose(ctx, in.Name, in.Body))
		})
}

// A hostList is a page of what a git host said.
type hostList[T any] struct {
	Body struct {
		Items    []T       `json:"items"`
		Next     string    `json:"next,omitempty" doc:"cursor of the next page, if there is one"`
		Observed time.Time `json:"observed" doc:"when the host was asked: some seconds ago at most, where it answers"`
		Reason   string    `json:"reason,omitempty" doc:"why the host says nothing newer: it does not answer, or wants no calls for now"`
	}
}

func pagedOfHost[T any](p Page, key func(T) string) func(pave.HostList[T], error) (*hostList[T], error) {
	return func(l pave.HostList[T], err error) (*hostList[T], error) {
		page, err := paged(p, key)(l.Items, err)
		if err != nil {
			return nil, err
		}
		out := &hostList[T]{}
		out.Body.Items, out.Body.Next = page.Body.Items, page.Body.Next
		out.Body.Observed, out.Body.Reason = l.Observed, l.Reason
		return out, nil
	}
}

func byStart(c pave.CommitCheck) string {
	return number(int(math.MaxInt64-max(0, c.Started.UnixMicro()))) + c.ID
}

func byProposal(p pave.Proposal) string { return number(math.MaxInt64 - p.Number) }
