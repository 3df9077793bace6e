package github

import (
	"context"
	"errors"
	"net/url"

	api "github.com/google/go-github/v92/github"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// Protection reads what guards a branch.
func (h *host) Protection(ctx context.Context, name, branch string) (githost.Protection, error) {
	p, err := h.protection(ctx, name, branch)
	if p == nil || err != nil {
		return githost.Protection{}, err
	}
	return githost.Protection{On: !p.GetAllowForcePushes().Enabled && !p.GetAllowDeletions().Enabled,
		Reviews:   p.GetRequiredPullRequestReviews().GetRequiredApprovingReviewCount(),
		CodeOwner: p.GetRequiredPullRequestReviews().GetRequireCodeOwnerReviews()}, nil
}

// protection is nil where a branch has none.
func (h *host) protection(ctx context.Context, name, branch string) (*api.Protection, error) {
	p, _, err := h.Repositories.GetBranchProtection(ctx, h.org, name, branch)
	if errors.Is(err, api.ErrBranchNotProtected) {
		return nil, nil
	}
	return p, problem("look at the protection of "+branch+" of "+name, err)
}

// Protect makes a branch guarded at least so. The call sets everything, so what is
// there is said again.
func (h *host) Protect(ctx context.Context, name, branch string, want githost.Protection) error {
	has, err := h.protection(ctx, name, branch)
	if err != nil {
		return err
	}
	no := false
	req := &api.ProtectionRequest{AllowForcePushes: &no, AllowDeletions: &no}
	if has != nil {
		keep(req, has)
	}
	if r := req.RequiredPullRequestReviews; r != nil || want.Reviews > 0 {
		if r == nil {
			r = &api.PullRequestReviewsEnforcementRequest{}
			req.RequiredPullRequestReviews = r
		}
		r.RequiredApprovingReviewCount = max(r.RequiredApprovingReviewCount, want.Reviews)
		r.RequireCodeOwnerReviews = r.RequireCodeOwnerReviews || want.CodeOwner
	}
	_, _, err = h.Repositories.UpdateBranchProtection(ctx, h.org, name, branch, req)
	return problem("protect "+branch+" of "+name, err)
}

// keep says again what people set.
func keep(req *api.ProtectionRequest, has *api.Protection) {
	if c := has.RequiredStatusChecks; c != nil {
		req.RequiredStatusChecks = &api.RequiredStatusChecks{Strict: c.Strict, Checks: c.Checks, Contexts: &[]string{}}
		if c.Checks == nil { // as older servers have them
			req.RequiredStatusChecks.Contexts = c.Contexts
		}
	}
	req.EnforceAdmins = has.GetEnforceAdmins().Enabled
	if b := has.Restrictions; b != nil {
		users, teams, apps := actors(b.Users, b.Teams, b.Apps)
		req.Restrictions = &api.BranchRestrictionsRequest{Users: users, Teams: teams, Apps: apps}
	}
	req.RequireLinearHistory = new(has.GetRequireLinearHistory().Enabled)
	req.RequiredConversationResolution = new(has.GetRequiredConversationResolution().Enabled)
	req.BlockCreations = new(has.GetBlockCreations().GetEnabled())
	req.LockBranch = new(has.GetLockBranch().GetEnabled())
	req.AllowForkSyncing = new(has.GetAllowForkSyncing().GetEnabled())
	r := has.RequiredPullRequestReviews
	if r == nil {
		return
	}
	out := &api.PullRequestReviewsEnforcementRequest{DismissStaleReviews: r.DismissStaleReviews, RequireCodeOwnerReviews: r.RequireCodeOwnerReviews,
		RequiredApprovingReviewCount: r.RequiredApprovingReviewCount, RequireLastPushApproval: &r.RequireLastPushApproval}
	if b := r.BypassPullRequestAllowances; b != nil {
		users, teams, apps := actors(b.Users, b.Teams, b.Apps)
		out.BypassPullRequestAllowancesRequest = &api.BypassPullRequestAllowancesRequest{Users: users, Teams: teams, Apps: apps}
	}
	if d := r.DismissalRestrictions; d != nil {
		users, teams, apps := actors(d.Users, d.Teams, d.Apps)
		out.DismissalRestrictionsRequest = &api.DismissalRestrictionsRequest{Users: &users, Teams: &teams, Apps: &apps}
	}
	req.RequiredPullRequestReviews = out
}

// actors are the names of those whom a rule is about; never nil, which means no rule.
func actors(users []*api.User, teams []*api.Team, apps []*api.App) (u, t, a []string) {
	u, t, a = []string{}, []string{}, []string{}
	for _, x := range users {
		u = append(u, x.GetLogin())
	}
	for _, x := range teams {
		t = append(t, x.GetSlug())
	}
	for _, x := range apps {
		a = append(a, x.GetSlug())
	}
	return u, t, a
}

// roles are GitHub's words for pave's.
var roles = map[string]string{"read": "pull", "write": "push", "admin": "admin"}

// Grants are the roles of the teams of a repository.
func (h *host) Grants(ctx context.Context, name string) (map[string]string, error) {
	words := map[string]string{"pull": "read", "triage": "read", "push": "write", "maintain": "write", "admin": "admin"}
	out := map[string]string{}
	err := pages(func(o api.ListOptions) (*api.Response, error) {
		teams, resp, err := h.Repositories.ListTeams(ctx, h.org, name, &o)
		for _, t := range teams {
			out[t.GetSlug()] = words[t.GetPermission()]
		}
		return resp, err
	})
	return out, problem("list teams of "+name, err)
}

// Grant gives a team a role.
func (h *host) Grant(ctx context.Context, name, team, role string) error {
	// GitHub says of a missing repository and of a missing team the same.
	if err := h.CheckTeam(ctx, team, role); err != nil {
		return err
	}
	_, err := h.Teams.AddTeamRepoBySlug(ctx, h.org, url.PathEscape(team), h.org, name, &api.TeamAddTeamRepoOptions{Permission: roles[role]})
	if err = problem("give team "+team+" access to "+name, err); pave.CodeOf(err) == pave.NotFound {
		err = pave.Errorf(pave.Unavailable, "give team %s access to %s: %w", team, name, err)
	}
	return err
}

// Revoke takes access from a team.
func (h *host) Revoke(ctx context.Context, name, team string) error {
	_, err := h.Teams.RemoveTeamRepoBySlug(ctx, h.org, url.PathEscape(team), h.org, name)
	if err = problem("take access to "+name+" from team "+team, err); pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	return err
}

// CheckTeam looks for a team; any team may have any role.
func (h *host) CheckTeam(ctx context.Context, team, _ string) error {
	_, _, err := h.Teams.GetTeamBySlug(ctx, h.org, url.PathEscape(team))
	return problem("look at team "+team, err)
}

// Owners is where GitHub looks for the owners of the code.
func (h *host) Owners(team string) (file, owner string) {
	return ".github/CODEOWNERS", "@" + h.org + "/" + team
}
