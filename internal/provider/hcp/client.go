package hcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
)

// A client works in an organization, on the workspace of one resource.
type client struct {
	d       *Driver
	r       resource.Resource
	order   terraform.Order
	secrets map[string]pave.Secret
	url     string
	org     string
	api     *tfe.Client
	status  *statuses
	wait    time.Duration // between the last two looks
}

// connect opens the binding of a resource and signs in.
func (d *Driver) connect(ctx context.Context, r resource.Resource) (*client, error) {
	if err := ctx.Err(); err != nil {
		return nil, pave.Errorf(pave.Unavailable, "call HCP Terraform: %w", err)
	}
	order, err := terraform.OrderOf(r)
	if err != nil {
		return nil, err
	}
	b, err := resource.BindingOf(r.Spec).Open(ctx, d.Vault)
	if err != nil {
		return nil, err
	}
	c, err := d.dial(b)
	if err != nil {
		return nil, err
	}
	c.r, c.order = r, order
	return c, nil
}

// dial signs in where a binding says.
func (d *Driver) dial(b resource.Opened) (*client, error) {
	c := &client{d: d, secrets: b.Secrets, url: b.Settings["url"], org: b.Settings["org"]}
	if c.url == "" || c.org == "" {
		return nil, pave.Errorf(pave.Invalid, "the binding does not say where HCP Terraform is").WithHint("pave bind ... %s --org NAME", terraform.HCP)
	}
	if c.secrets[terraform.TokenVariable].IsZero() { // the library would take one of the server's variables
		return nil, pave.Errorf(pave.Denied, "HCP Terraform: there is no token").WithHint("pave bind ... --secret %s", terraform.TokenVariable)
	}
	own := *d.HTTP
	next := own.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.status = &statuses{next: next}
	own.Transport, own.CheckRedirect = c.status, elsewhere
	var err error
	c.api, err = tfe.NewClient(&tfe.Config{Address: c.url, Token: c.secrets[terraform.TokenVariable].Reveal(), HTTPClient: &own})
	return c, c.failed("sign in", err)
}

// failed makes an error of pave's of one of the library: what it is the status says.
func (c *client) failed(what string, err error) error {
	status := c.status.last
	c.status.last = 0 // an error of a call that is never sent is not that of the one before
	if err == nil {
		return nil
	}
	var known *pave.Error
	if errors.As(err, &known) {
		return known
	}
	text := c.redact(err.Error())
	code, hint := pave.Unavailable, "give the command again; a run that stopped goes on with pave retry"
	switch {
	case errors.Is(err, tfe.ErrUnauthorized) || status == http.StatusUnauthorized || status == http.StatusForbidden:
		code, hint = pave.Denied, fmt.Sprintf("pave bind ... --secret %s gives a token that may manage workspaces and runs of %s; a run that stopped goes on with pave retry", terraform.TokenVariable, c.org)
	case errors.Is(err, tfe.ErrResourceNotFound) || status == http.StatusNotFound:
		code, hint = pave.NotFound, "is the organization "+c.org+" there, and may the token see it?"
	case status == http.StatusConflict:
		code = pave.Conflict
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		code, hint = pave.Invalid, "mend the module or the binding (pave bind); a run that stopped goes on with pave retry"
	}
	if len(text) > 500 {
		text = text[:500]
	}
	return pave.Errorf(code, "HCP Terraform: %s: %s", what, strings.ToValidUTF8(text, "?")).WithHint("%s", hint)
}
