package hcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
)

// A client works on the workspace of one resource.
type client struct {
	d       *Driver
	r       resource.Resource
	order   terraform.Order
	secrets map[string]pave.Secret
	url     string
	org     string
	api     *tfe.Client
	status  *statuses
}

// statuses remembers how the last call was answered: the library's errors do not say.
type statuses struct {
	next http.RoundTripper
	last int // 0: not at all
}

func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	s.last = 0
	resp, err := s.next.RoundTrip(r)
	if err == nil {
		s.last = resp.StatusCode
	}
	return resp, err
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
	b := order.Module.Backend
	if b == nil || b.Type != terraform.HCP {
		return nil, pave.Errorf(pave.Invalid, "the binding does not say where HCP Terraform is").WithHint("pave bind ... %s --org NAME", terraform.HCP)
	}
	c := &client{d: d, r: r, order: order, secrets: map[string]pave.Secret{}, url: b.Config["url"], org: b.Config["org"]}
	for name, id := range order.Module.Secrets {
		if c.secrets[name], err = d.Vault.Get(ctx, id); err != nil {
			return nil, pave.Errorf(pave.CodeOf(err), "the value of %s for terraform: %w", name, err).WithHint("pave bind gives it again")
		}
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
	c.api, err = tfe.NewClient(&tfe.Config{Address: c.url, Token: c.secrets[terraform.TokenVariable].Reveal(), HTTPClient: &own})
	return c, c.failed("sign in", err)
}

// elsewhere follows redirects to where plans are kept, which is another host: never with
// the token, and never from https to what is not.
func elsewhere(r *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	if len(via) > 5 || r.Method != http.MethodGet || from.Scheme == "https" && r.URL.Scheme != "https" {
		return pave.Errorf(pave.Denied, "HCP Terraform: %s redirects to %s", from.Host, r.URL.Host).WithHint("is %s the address of it?", via[0].URL.Host)
	}
	if r.URL.Host != via[0].URL.Host {
		r.Header.Del("Authorization")
	}
	return nil
}

// failed makes an error of pave's of one of the library: what it is the status says.
func (c *client) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	var known *pave.Error
	if errors.As(err, &known) {
		return known
	}
	text := err.Error()
	for _, s := range c.secrets {
		if v := s.Reveal(); len(v) > 3 {
			text = strings.ReplaceAll(text, v, s.String())
		}
	}
	code, hint := pave.Unavailable, "pave retry goes on from here"
	switch {
	case errors.Is(err, tfe.ErrUnauthorized) || c.status.last == http.StatusUnauthorized || c.status.last == http.StatusForbidden:
		code, hint = pave.Denied, fmt.Sprintf("pave bind ... --secret %s gives a token that may manage workspaces and runs of %s", terraform.TokenVariable, c.org)
	case errors.Is(err, tfe.ErrResourceNotFound) || c.status.last == http.StatusNotFound:
		code, hint = pave.NotFound, "is the organization "+c.org+" there, and may the token see it?"
	case c.status.last == http.StatusConflict:
		code = pave.Conflict
	case c.status.last == http.StatusBadRequest || c.status.last == http.StatusUnprocessableEntity:
		code, hint = pave.Invalid, "mend the module or the binding (pave bind), then pave retry"
	}
	if len(text) > 500 {
		text = text[:500]
	}
	return pave.Errorf(code, "HCP Terraform: %s: %s", what, strings.ToValidUTF8(text, "?")).WithHint("%s", hint)
}

func (c *client) name() string { return workspacePrefix + c.r.ID }

// page is where people see a run.
func (c *client) page(run string) string {
	return c.url + "/app/" + c.org + "/workspaces/" + c.name() + "/runs/" + run
}

// workspace finds the workspace with its newest run. NotFound where there is none.
func (c *client) workspace(ctx context.Context) (*tfe.Workspace, error) {
	ws, err := c.api.Workspaces.ReadWithOptions(ctx, c.org, c.name(), &tfe.WorkspaceReadOptions{Include: []tfe.WSIncludeOpt{tfe.WSCurrentRun}})
	return ws, c.failed("look at the workspace "+c.name(), err)
}

// ensure makes the workspace and its variables as the binding wants them.
func (c *client) ensure(ctx context.Context) (*tfe.Workspace, error) {
	ws, err := c.workspace(ctx)
	if pave.CodeOf(err) == pave.NotFound {
		ws, err = c.api.Workspaces.Create(ctx, c.org, tfe.WorkspaceCreateOptions{Name: tfe.String(c.name()),
			Description:   tfe.String(fmt.Sprintf("%s of pave, %s; what pave does here is planned and applied by pave alone", c.r.Ref, c.r.ID)),
			ExecutionMode: tfe.String("remote"), AutoApply: tfe.Bool(false), QueueAllRuns: tfe.Bool(false), AllowDestroyPlan: tfe.Bool(true)})
		if err != nil && c.status.last == http.StatusUnprocessableEntity { // the answer to a call before was lost
			if again, lost := c.workspace(ctx); lost == nil {
				ws, err = again, nil
			}
		}
		err = c.failed("make the workspace "+c.name(), err)
	}
	if err != nil {
		return nil, err
	}
	return ws, c.variables(ctx, ws)
}

// A variable as a workspace has it.
type variable struct {
	category       tfe.CategoryType
	value          string
	hcl, sensitive bool
}

// wanted are the variables of the workspace by category and name.
func (c *client) wanted() map[string]variable {
	out := map[string]variable{}
	for name, value := range c.order.Inputs {
		v := variable{category: tfe.CategoryTerraform}
		if text, ok := value.(string); ok {
			v.value = text
		} else {
			text, _ := json.Marshal(value) // it was JSON before; it is HCL too
			v.value, v.hcl = terraform.Literal(string(text)), true
		}
		out["terraform "+name] = v
	}
	for name, value := range c.secrets {
		if input, ok := strings.CutPrefix(name, "TF_VAR_"); ok {
			out["terraform "+input] = variable{tfe.CategoryTerraform, value.Reveal(), false, true}
		} else if name != terraform.TokenVariable {
			out["env "+name] = variable{tfe.CategoryEnv, value.Reveal(), false, true}
		}
	}
	return out
}

// variables makes the variables of the workspace what they should be. Others that people
// put there stay. Of those that are secret nobody can read what they are.
func (c *client) variables(ctx context.Context, ws *tfe.Workspace) error {
	have, err := c.api.Variables.List(ctx, ws.ID, &tfe.VariableListOptions{ListOptions: tfe.ListOptions{PageSize: 100}})
	if err != nil {
		return c.failed("look at the variables of "+ws.Name, err)
	}
	found := map[string]*tfe.Variable{}
	for _, v := range have.Items {
		found[string(v.Category)+" "+v.Key] = v
	}
	wanted := c.wanted()
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		w, old := wanted[key], found[key]
		_, name, _ := strings.Cut(key, " ")
		switch {
		case old == nil:
			_, err = c.api.Variables.Create(ctx, ws.ID, tfe.VariableCreateOptions{Key: &name, Value: &w.value, Category: &w.category, HCL: &w.hcl, Sensitive: &w.sensitive})
		case !w.sensitive && old.Value == w.value && old.HCL == w.hcl:
		default:
			_, err = c.api.Variables.Update(ctx, ws.ID, old.ID, tfe.VariableUpdateOptions{Value: &w.value, HCL: &w.hcl, Sensitive: &w.sensitive})
		}
		if err != nil && old == nil && c.status.last == http.StatusUnprocessableEntity { // there it is: another call was faster
			return pave.Errorf(pave.Unavailable, "HCP Terraform: the variable %s of %s: %w", name, ws.Name, err).WithHint("pave retry goes on from here")
		}
		if err != nil {
			return c.failed("set the variable "+name+" of "+ws.Name, err)
		}
	}
	return nil
}

// state reads what the state of the workspace gives out, secrets one by one. NotFound
// where nothing was applied.
func (c *client) state(ctx context.Context, ws *tfe.Workspace) (resource.State, error) {
	list, err := c.api.StateVersionOutputs.ReadCurrent(ctx, ws.ID)
	if err != nil {
		return resource.State{}, c.failed("read the outputs of "+ws.Name, err)
	}
	all := map[string]terraform.Output{}
	for _, o := range list.Items {
		if o.Sensitive {
			if o, err = c.api.StateVersionOutputs.Read(ctx, o.ID); err != nil {
				return resource.State{}, c.failed("read an output of "+ws.Name, err)
			}
		}
		all[o.Name] = terraform.Output{Value: o.Value, Sensitive: o.Sensitive}
	}
	st, err := c.order.State(c.d.Kind, c.r, all)
	st.Version, st.Summary = terraform.HCP, c.r.Ref.Name+" ("+ws.Name+")"
	return st, err
}
