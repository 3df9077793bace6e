package hcp

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
)

// CheckBinding asks whether the token is good, whether it is one that may start runs,
// whether the organization is there for it, and whether it may make workspaces.
func (d *Driver) CheckBinding(ctx context.Context, b resource.Opened) []pave.Check {
	c, err := d.dial(b)
	if err != nil {
		return []pave.Check{failedCheck(terraform.HCP, err)}
	}
	var out []pave.Check
	for _, step := range []struct {
		name string
		ask  func(context.Context) (string, error)
	}{
		{terraform.HCP + " token for " + c.org, c.caller},
		{terraform.HCP + " organization " + c.org, c.organization},
	} {
		detail, err := step.ask(ctx)
		if err != nil {
			return append(out, failedCheck(step.name, err))
		}
		out = append(out, pave.Check{Name: step.name, OK: true, Detail: detail})
	}
	return out
}

func failedCheck(name string, err error) pave.Check {
	fix := pave.HintOf(err)
	if fix == "" {
		fix = "pave bind ... says it anew"
	}
	return pave.Check{Name: name, Detail: err.Error(), Fix: fix}
}

// organizationUser begins the name of who calls with the token of an organization.
const organizationUser = "api-org-"

// caller says whose token it is. That of an organization may make workspaces and start no
// runs in them.
func (c *client) caller(ctx context.Context) (string, error) {
	user, err := c.api.Users.ReadCurrent(ctx)
	if errors.Is(err, tfe.ErrResourceNotFound) { // a token that is nobody's
		return "good", nil
	}
	if err != nil {
		return "", c.failed("ask whose token it is", err)
	}
	if user.IsServiceAccount && strings.HasPrefix(user.Username, organizationUser) {
		return "", pave.Errorf(pave.Denied, "HCP Terraform: the token is that of the organization, which may not start runs").
			WithHint("pave bind ... --secret %s with the token of a team, or of a user", terraform.TokenVariable)
	}
	detail := "that of " + user.Username
	if at, err := url.Parse(c.url); err == nil && at.Scheme == "http" {
		detail += "; http: whoever is on the way reads the token and all values"
	}
	return detail, nil
}

// organization says what the token may do in it.
func (c *client) organization(ctx context.Context) (string, error) {
	org, err := c.api.Organizations.Read(ctx, c.org)
	if err != nil {
		return "", c.failed("look at the organization "+c.org, err)
	}
	if org.Permissions == nil || !org.Permissions.CanCreateWorkspace {
		return "", pave.Errorf(pave.Denied, "HCP Terraform: the token may not make workspaces in %s", c.org).
			WithHint("an owner of %s gives its team \"Manage all workspaces\", or pave bind ... --secret %s takes another token", c.org, terraform.TokenVariable)
	}
	return "it may make workspaces", nil
}
