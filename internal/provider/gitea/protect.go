package gitea

import (
	"context"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// rule protects the branches that its name matches.
type rule struct {
	Name      string `json:"rule_name"`
	Push      bool   `json:"enable_push"`
	Allowed   bool   `json:"enable_push_whitelist"`
	Force     bool   `json:"enable_force_push"`
	Approvals int    `json:"required_approvals"`
	Requested bool   `json:"block_on_official_review_requests"`
}

func (h *Host) rule(ctx context.Context, name, branch string) (rule, error) {
	var r rule
	err := h.get(ctx, h.repo(name, "branch_protections", branch), nil, &r)
	return r, err
}

// Protection of a branch. Whoever may push to it directly passes by its reviews, so
// that then there are none.
func (h *Host) Protection(ctx context.Context, name, branch string) (githost.Protection, error) {
	r, err := h.rule(ctx, name, branch)
	if pave.CodeOf(err) == pave.NotFound {
		return githost.Protection{}, nil
	}
	if err != nil {
		return githost.Protection{}, err
	}
	p := githost.Protection{On: !r.Force}
	if !r.Push || r.Allowed {
		p.Reviews, p.CodeOwner = r.Approvals, r.Requested
	}
	return p, nil
}

// Protect makes it at least so. An owner in CODEOWNERS is asked for a review by the
// server, and the change waits for that one.
func (h *Host) Protect(ctx context.Context, name, branch string, p githost.Protection) error {
	is, err := h.Protection(ctx, name, branch)
	if err != nil || !p.On || is.On && is.Reviews >= p.Reviews && (is.CodeOwner || !p.CodeOwner) {
		return err
	}
	r, err := h.rule(ctx, name, branch)
	missing := pave.CodeOf(err) == pave.NotFound
	if err != nil && !missing {
		return err
	}
	in := map[string]any{"enable_force_push": false, "required_approvals": max(p.Reviews, r.Approvals)}
	if p.Reviews > 0 || p.CodeOwner {
		in["enable_push"] = r.Push && r.Allowed // whom people let push stays
		in["block_on_rejected_reviews"] = true
	} else if missing {
		in["enable_push"] = true
	}
	if p.CodeOwner {
		in["block_on_official_review_requests"] = true
	}
	if missing {
		in["rule_name"] = branch
		err := h.call(ctx, http.MethodPost, h.repo(name, "branch_protections"), in, nil)
		if pave.CodeOf(err) != pave.Denied {
			return err
		}
		if _, again := h.rule(ctx, name, branch); again != nil {
			return err
		}
		delete(in, "rule_name") // another caller was faster, which a server calls forbidden
	}
	return h.call(ctx, http.MethodPatch, h.repo(name, "branch_protections", branch), in, nil)
}
