package gitlab

import (
	"context"
	"slices"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// unable is what of a protection the free edition has not.
const unable = "approvals and owners of code as a condition (GitLab Premium)"

// A guard is how a branch is protected.
type guard struct {
	branch    *gitlab.ProtectedBranch // nil: not at all
	rules     []*gitlab.ProjectApprovalRule
	noReviews bool // the edition has no approvals
}

func (h *Host) guard(ctx context.Context, name, branch string) (g guard, err error) {
	g.branch, _, err = h.api.ProtectedBranches.GetProtectedBranch(h.path(name), branch, with(ctx))
	if err = h.failed("protection of "+branch+" of "+h.path(name), err); err != nil && pave.CodeOf(err) != pave.NotFound {
		return g, err
	}
	for range 2 { // one 404 may be a server that is behind
		g.rules, err = pages(firstPage(), func(o gitlab.ListOptions) ([]*gitlab.ProjectApprovalRule, *gitlab.Response, error) {
			return h.api.Projects.GetProjectApprovalRules(h.path(name), &gitlab.GetProjectApprovalRulesListsOptions{ListOptions: o}, with(ctx))
		})
		if err = h.failed("approvals of "+h.path(name), err); !refusal(err) {
			break
		}
	}
	if refusal(err) {
		g.noReviews, err = true, nil
	}
	g.noReviews = g.noReviews || h.free.Load() && len(g.rules) == 0
	return g, err
}

// refusal is the error of what an edition has not.
func refusal(err error) bool {
	code := pave.CodeOf(err)
	return code == pave.NotFound || code == pave.Denied
}

// pushed reports whether anybody may push to the branch, past all reviews.
func (g guard) pushed() bool {
	return slices.ContainsFunc(g.branch.PushAccessLevels, func(a *gitlab.BranchAccessDescription) bool {
		return a.AccessLevel > 0 || a.UserID > 0 || a.GroupID > 0
	})
}

// reviews are the most approvals that a rule for the branch asks for.
func (g guard) reviews() int {
	most := int64(0)
	for _, r := range g.rules {
		of := func(b *gitlab.ProtectedBranch) bool { return b.ID == g.branch.ID }
		if len(r.ProtectedBranches) == 0 || r.AppliesToAllProtectedBranches || slices.ContainsFunc(r.ProtectedBranches, of) {
			most = max(most, r.ApprovalsRequired)
		}
	}
	return int(most)
}

// Protection of a branch. Where somebody may push to it directly there are no reviews.
func (h *Host) Protection(ctx context.Context, name, branch string) (githost.Protection, error) {
	g, err := h.guard(ctx, name, branch)
	if err != nil || g.branch == nil {
		return githost.Protection{}, err
	}
	p := githost.Protection{On: !g.branch.AllowForcePush}
	if g.pushed() {
		return p, nil
	}
	if g.noReviews {
		p.Unable = unable
		return p, nil
	}
	p.Reviews, p.CodeOwner = g.reviews(), g.branch.CodeOwnerApprovalRequired
	return p, nil
}

// Protect makes it at least so. In an edition without approvals nobody pushes directly,
// so that each change is a merge request.
func (h *Host) Protect(ctx context.Context, name, branch string, p githost.Protection) error {
	if !p.On {
		return nil
	}
	g, err := h.guard(ctx, name, branch)
	if err != nil {
		return err
	}
	closed := p.Reviews > 0 || p.CodeOwner
	owner := gitlab.Ptr(p.CodeOwner || g.branch != nil && g.branch.CodeOwnerApprovalRequired)
	switch {
	case g.branch == nil:
		err = h.protect(ctx, name, fresh(branch, closed, owner))
	case closed && g.pushed():
		err = h.replace(ctx, name, branch, g, owner)
	case g.branch.AllowForcePush || *owner != g.branch.CodeOwnerApprovalRequired && !g.noReviews:
		opt := &gitlab.UpdateProtectedBranchOptions{AllowForcePush: gitlab.Ptr(false), CodeOwnerApprovalRequired: owner}
		_, _, err = h.api.ProtectedBranches.UpdateProtectedBranch(h.path(name), branch, opt, with(ctx))
		err = h.failed("protect "+branch+" of "+h.path(name), err)
	}
	if err != nil || g.noReviews || p.Reviews == 0 {
		return err
	}
	return h.approve(ctx, name, branch, p.Reviews)
}

// fresh protects a branch: developers merge, and maintainers push unless it is closed.
func fresh(branch string, closed bool, owner *bool) *gitlab.ProtectRepositoryBranchesOptions {
	push := gitlab.MaintainerPermissions
	if closed {
		push = gitlab.NoPermissions
	}
	return &gitlab.ProtectRepositoryBranchesOptions{Name: &branch, PushAccessLevel: &push, MergeAccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions),
		AllowForcePush: gitlab.Ptr(false), CodeOwnerApprovalRequired: owner}
}

func (h *Host) protect(ctx context.Context, name string, opt *gitlab.ProtectRepositoryBranchesOptions) error {
	_, _, err := h.api.ProtectedBranches.ProtectRepositoryBranches(h.path(name), opt, with(ctx))
	err = h.failed("protect "+*opt.Name+" of "+h.path(name), err)
	if pave.CodeOf(err) == pave.Conflict { // the server, or another call, was faster
		err = pave.Errorf(pave.Unavailable, "it was protected meanwhile: %w", err)
	}
	return err
}

// replace takes pushing away, which the free edition cannot change in place. Who merges
// stays.
func (h *Host) replace(ctx context.Context, name, branch string, g guard, owner *bool) error {
	opt := fresh(branch, true, owner)
	var who []*gitlab.BranchPermissionOptions
	for _, a := range g.branch.MergeAccessLevels {
		switch {
		case a.UserID > 0:
			who = append(who, &gitlab.BranchPermissionOptions{UserID: &a.UserID})
		case a.GroupID > 0:
			who = append(who, &gitlab.BranchPermissionOptions{GroupID: &a.GroupID})
		default:
			opt.MergeAccessLevel = &a.AccessLevel
		}
	}
	if len(who) > 0 {
		opt.AllowedToMerge = &who
	}
	_, err := h.api.ProtectedBranches.UnprotectRepositoryBranches(h.path(name), branch, with(ctx))
	if err = h.failed("unprotect "+branch+" of "+h.path(name), err); err != nil && pave.CodeOf(err) != pave.NotFound {
		return err
	}
	return h.protect(ctx, name, opt)
}

// approve has the rule that anybody can fulfil ask for at least so many approvals.
func (h *Host) approve(ctx context.Context, name, branch string, reviews int) error {
	g, err := h.guard(ctx, name, branch)
	switch {
	case err != nil:
		return err
	case g.branch == nil:
		return pave.Errorf(pave.Unavailable, "%s does not show the protection of %s yet", h.base.Host, branch)
	case g.reviews() >= reviews:
		return nil
	}
	const anybody = "any_approver"
	n := int64(reviews)
	i := slices.IndexFunc(g.rules, func(r *gitlab.ProjectApprovalRule) bool { return r.RuleType == anybody })
	if i >= 0 {
		_, _, err = h.api.Projects.UpdateProjectApprovalRule(h.path(name), g.rules[i].ID, &gitlab.UpdateProjectLevelRuleOptions{
			Name: &g.rules[i].Name, ApprovalsRequired: &n}, with(ctx))
	} else {
		_, _, err = h.api.Projects.CreateProjectApprovalRule(h.path(name), &gitlab.CreateProjectLevelRuleOptions{
			Name: gitlab.Ptr("All Members"), RuleType: gitlab.Ptr(anybody), ApprovalsRequired: &n}, with(ctx))
	}
	if err = h.failed("approvals of "+h.path(name), err); refusal(err) {
		h.free.Store(true)
		return nil
	}
	return err
}
