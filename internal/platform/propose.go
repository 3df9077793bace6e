package platform

import (
	"context"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/resource"
)

// HostChecks are what the host of a service's repository ran, asked now, the newest first: for
// a commit with their jobs, or the last ones where it is "".
func (p *Platform) HostChecks(ctx context.Context, service, commit string) ([]pave.CommitCheck, error) {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return nil, err
	}
	reporter, r, err := onHost[resource.Reporter](ctx, p, svc)
	if err != nil {
		return nil, err
	}
	out, err := reporter.Checks(ctx, r, commit, commit != "")
	if out == nil {
		out = []pave.CommitCheck{}
	}
	return out, err
}

// Proposals are the changes of a service's repository that wait for a review, asked now.
func (p *Platform) Proposals(ctx context.Context, service string) ([]pave.Proposal, error) {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return nil, err
	}
	proposer, r, err := onHost[resource.Proposer](ctx, p, svc)
	if err != nil {
		return nil, err
	}
	out, err := proposer.Proposals(ctx, r)
	if out == nil {
		out = []pave.Proposal{}
	}
	return out, err
}

// Propose opens a change of a service's repository for people to review, or finds the one
// that is open.
func (p *Platform) Propose(ctx context.Context, service string, r pave.ProposeRequest) (pave.Proposal, error) {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return pave.Proposal{}, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For("propose", "")); err != nil {
		return pave.Proposal{}, err
	}
	r.Title = strings.TrimSpace(r.Title)
	switch {
	case r.Workflow && (r.Branch != "" || r.Into != "" || r.Title != "" || r.Text != ""):
		return pave.Proposal{}, pave.Errorf(pave.Invalid, "workflow: the branch, title and text of it are pave's").WithHint("pave propose workflow %s", svc.Name)
	case !r.Workflow && r.Branch == "":
		return pave.Proposal{}, pave.BadField("branch", "", "is empty", "a branch that was pushed to the host")
	case !r.Workflow && r.Title == "":
		r.Title = r.Branch
	}
	proposer, res, err := onHost[resource.Proposer](ctx, p, svc)
	if err != nil {
		return pave.Proposal{}, err
	}
	var out pave.Proposal
	if r.Workflow {
		out, err = proposer.ProposeWorkflow(ctx, res)
	} else {
		out, err = proposer.Propose(ctx, res, pave.Proposal{Branch: r.Branch, Into: r.Into, Title: r.Title, Text: r.Text})
	}
	if err != nil {
		return out, err
	}
	return out, p.audit(ctx, "propose", "service:"+string(svc.Name), clip(out.URL, 200))
}

// onHost finds what a service's repository can do where it lies on a git host. Conflict
// where it lies on this machine.
func onHost[T any](ctx context.Context, p *Platform, svc pave.Service) (t T, r resource.Resource, err error) {
	rec, err := p.repositoryOf(ctx, svc)
	if err != nil {
		return t, r, err
	}
	t, r, ok := resource.Of[T](p.Resources, rec)
	if !ok {
		return t, r, pave.Errorf(pave.Conflict, "the repository of %s lies on this machine, not on a git host", svc.Name).
			WithHint("a push to main builds it, and pave list runs --service %s shows that; to have new services on a git host, bind one of pave list providers", svc.Name)
	}
	return t, r, nil
}
