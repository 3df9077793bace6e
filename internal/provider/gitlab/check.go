package gitlab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
)

// soon is how long before its end a token is spoken of.
const soon = 14 * 24 * time.Hour

// Check says what the binding lacks. It changes nothing.
func (h *Host) Check(ctx context.Context) []pave.Check {
	token, _, err := h.api.PersonalAccessTokens.GetSinglePersonalAccessToken(with(ctx))
	if err != nil {
		return []pave.Check{failed("gitlab sign-in", h.failed("token", err))}
	}
	out := []pave.Check{h.token(token, time.Now())}
	if v, _, err := h.api.Version.GetVersion(with(ctx)); err == nil {
		out = append(out, pave.Check{Name: "gitlab server", OK: true, Detail: h.base.Host + ", GitLab " + v.Version})
	}
	group, err := h.findGroup(ctx, h.org)
	if err != nil {
		c := failed("gitlab group", err)
		if pave.CodeOf(err) == pave.NotFound {
			c.Fix = "make the group, give the token's user a role in it, or bind another one: --set org=PATH"
		}
		return append(out, c)
	}
	return append(out, h.role(ctx, group, token.UserID))
}

func failed(name string, err error) pave.Check {
	return pave.Check{Name: name, Detail: err.Error(), Fix: pave.HintOf(err)}
}

// token says whether the token reaches far enough, and for how long.
func (h *Host) token(t *gitlab.PersonalAccessToken, now time.Time) pave.Check {
	c := pave.Check{Name: "gitlab sign-in", Detail: fmt.Sprintf("token %q has the scopes %s", t.Name, strings.Join(t.Scopes, ", "))}
	switch {
	case !slices.Contains(t.Scopes, "api"):
		c.Name, c.Detail = "gitlab permissions", "missing: api; "+c.Detail
		c.Fix = "make a token with the scope api and bind it: pave bind"
		return c
	case t.Revoked || !t.Active:
		c.Detail, c.Fix = fmt.Sprintf("token %q is not active", t.Name), "make a new one and bind it: pave bind"
		return c
	}
	c.OK = true
	if t.ExpiresAt != nil {
		end := time.Time(*t.ExpiresAt)
		c.Detail += ", until " + end.Format(time.DateOnly)
		if end.Sub(now) < soon {
			c.Detail += ", which is soon"
		}
	}
	return c
}

// role says whether the token's user may make projects in the group, and delete them.
func (h *Host) role(ctx context.Context, group *gitlab.Group, user int64) pave.Check {
	c := pave.Check{Name: "gitlab permissions"}
	m, _, err := h.api.GroupMembers.GetInheritedGroupMember(group.ID, user, with(ctx))
	if err != nil {
		err = h.failed("role in "+h.org, err)
		if pave.CodeOf(err) != pave.NotFound {
			return failed(c.Name, err)
		}
		c.Detail, c.Fix = "the token's user has no role in "+h.org, "make them Owner of it, or make a group access token with that role"
		return c
	}
	least := gitlab.MaintainerPermissions // also for hooks, protection and variables
	if group.ProjectCreationLevel == gitlab.OwnerProjectCreation {
		least = gitlab.OwnerPermissions
	}
	if m.AccessLevel < least || group.ProjectCreationLevel == gitlab.NoOneProjectCreation {
		c.Detail = fmt.Sprintf("user %s has level %d in %s, which lets %q make projects", m.Username, m.AccessLevel, h.org, group.ProjectCreationLevel)
		c.Fix = "give the token's user the role Owner or Maintainer there, or let Maintainers make projects"
		return c
	}
	c.OK, c.Detail = true, fmt.Sprintf("user %s has level %d in %s", m.Username, m.AccessLevel, h.org)
	if m.AccessLevel < gitlab.OwnerPermissions {
		c.Detail += ", and may delete no project there: that needs Owner (50)"
	}
	return c
}
