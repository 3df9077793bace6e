package platform

import (
	"context"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/resource"
)

// Proposals are the changes of a service's repository that wait for a review, asked some
// seconds ago at most while the host answers.
func (p *Platform) Proposals(ctx context.Context, service string) (pave.HostList[pave.Proposal], error) {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return pave.HostList[pave.Proposal]{}, err
	}
	proposer, r, err := onHost[resource.Proposer](ctx, p, svc)
	if err != nil {
		return pave.HostList[pave.Proposal]{}, err
	}
	return askHost(ctx, &p.answers, question{r.ID, "proposals", ""}, func(ctx context.Context) ([]pave.Proposal, error) {
		return proposer.Proposals(ctx, r)
	}, func(c *pave.Proposal, at time.Time) { c.Observed = at })
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
	what := "workflow"
	if !r.Workflow {
		what = clip(r.Branch, 100) + ": " + clip(r.Title, 100)
	}
	if err := p.audit(ctx, "propose", "service:"+string(svc.Name), what); err != nil { // before anything is done
		return pave.Proposal{}, err
	}
	defer p.answers.outdate(res.ID) // after an error too: the answer may have been lost
	if r.Workflow {
		return proposer.ProposeWorkflow(ctx, res)
	}
	// The host shows who signed in, which is pave.
	if who, ok := pave.PrincipalFrom(ctx); ok && who.User.Name != "" {
		r.Text = strings.TrimSpace(r.Text + "\n\nProposed by " + who.User.Name + " with pave.")
	}
	return proposer.Propose(ctx, res, pave.Proposal{Branch: r.Branch, Into: r.Into, Title: r.Title, Text: r.Text})
}
