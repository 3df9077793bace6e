package gitlab

import (
	"context"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
)

func proposal(m *gitlab.BasicMergeRequest) pave.Proposal {
	p := pave.Proposal{Number: int(m.IID), Title: m.Title, Text: m.Description, Branch: m.SourceBranch, Into: m.TargetBranch, URL: m.WebURL}
	if m.Author != nil {
		p.Author = m.Author.Username
	}
	return p
}

// Changes are the open merge requests, the newest first.
func (h *Host) Changes(ctx context.Context, name string) ([]pave.Proposal, error) {
	all, err := pages(firstPage(), func(o gitlab.ListOptions) ([]*gitlab.BasicMergeRequest, *gitlab.Response, error) {
		return h.api.MergeRequests.ListProjectMergeRequests(h.path(name), &gitlab.ListProjectMergeRequestsOptions{ListOptions: o,
			State: gitlab.Ptr("opened"), OrderBy: gitlab.Ptr("created_at"), Sort: gitlab.Ptr("desc")}, with(ctx))
	})
	var out []pave.Proposal
	for _, m := range all {
		out = append(out, proposal(m))
	}
	return out, h.failed("merge requests of "+h.path(name), err)
}

// Propose opens a merge request for a branch, or returns the open one of that branch.
func (h *Host) Propose(ctx context.Context, name string, p pave.Proposal) (pave.Proposal, error) {
	m, _, err := h.api.MergeRequests.CreateMergeRequest(h.path(name), &gitlab.CreateMergeRequestOptions{Title: &p.Title, Description: &p.Text,
		SourceBranch: &p.Branch, TargetBranch: &p.Into}, with(ctx))
	if err == nil {
		return proposal(&m.BasicMergeRequest), nil
	}
	err = h.failed("merge request of "+h.path(name), err)
	if pave.CodeOf(err) != pave.Conflict {
		return pave.Proposal{}, err
	}
	open, listErr := h.Changes(ctx, name)
	if listErr != nil {
		return pave.Proposal{}, listErr
	}
	for _, o := range open {
		if o.Branch == p.Branch && o.Into == p.Into {
			return o, nil
		}
	}
	return pave.Proposal{}, err
}
