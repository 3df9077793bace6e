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
	"time"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
)

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
	return ws, c.variables(ctx, ws, c.wanted())
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
	written := c.written()
	for name, value := range c.order.Inputs {
		v := variable{category: tfe.CategoryTerraform}
		if text, ok := value.(string); ok {
			v.value = text
		} else {
			v.value, v.hcl = asHCL(value), true
		}
		out["terraform "+name] = v
	}
	for name, value := range c.secrets {
		if input, ok := strings.CutPrefix(name, "TF_VAR_"); ok {
			out["terraform "+input] = variable{tfe.CategoryTerraform, value.Reveal(), written[input], true}
		} else if name != terraform.TokenVariable {
			out["env "+name] = variable{tfe.CategoryEnv, value.Reveal(), false, true}
		}
	}
	return out
}

// written are the inputs whose values are written in the language of Terraform: as the
// program reads them from its environment, where it runs here. A module that is not kept any
// more has none: what it takes to destroy was given to the workspace before.
func (c *client) written() map[string]bool {
	files, err := c.d.Files(c.order.Module.Digest)
	if err != nil {
		return nil
	}
	return terraform.Written(files)
}

// secretsOnly are the variables that a run cannot be given by itself.
func secretsOnly(all map[string]variable) map[string]variable {
	maps.DeleteFunc(all, func(_ string, v variable) bool { return !v.sensitive })
	return all
}

// asHCL writes a value as the language of Terraform does: what was JSON before is that too.
func asHCL(value any) string {
	text, _ := json.Marshal(value)
	return terraform.Literal(string(text))
}

// variables makes variables of the workspace what they should be. Others that people
// put there stay. Of those that are secret nobody can read what they are.
func (c *client) variables(ctx context.Context, ws *tfe.Workspace, wanted map[string]variable) error {
	have, err := c.api.Variables.List(ctx, ws.ID, &tfe.VariableListOptions{ListOptions: tfe.ListOptions{PageSize: 100}})
	if err != nil {
		return c.failed("look at the variables of "+ws.Name, err)
	}
	found := map[string]*tfe.Variable{}
	for _, v := range have.Items {
		found[string(v.Category)+" "+v.Key] = v
	}
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
// where nothing was applied, errReading where that is not known yet.
func (c *client) state(ctx context.Context, ws *tfe.Workspace) (resource.State, error) {
	all, err := c.outputs(ctx, ws)
	if err != nil {
		return resource.State{}, err
	}
	st, err := c.order.State(c.d.Kind, c.r, all)
	st.Version, st.Summary = terraform.HCP, c.r.Ref.Name+" ("+ws.Name+")"
	return st, err
}

// outputs are what the state gives out, with the errors of state.
func (c *client) outputs(ctx context.Context, ws *tfe.Workspace) (map[string]terraform.Output, error) {
	list, err := c.api.StateVersionOutputs.ReadCurrent(ctx, ws.ID)
	if err != nil && c.status.last == http.StatusServiceUnavailable {
		return nil, pave.Errorf(pave.Unavailable, "the outputs of %s: %w", ws.Name, errReading).WithHint("pave retry goes on from here")
	}
	if err != nil {
		return nil, c.failed("read the outputs of "+ws.Name, err)
	}
	all := map[string]terraform.Output{}
	for _, o := range list.Items {
		if o.Sensitive {
			if o, err = c.api.StateVersionOutputs.Read(ctx, o.ID); err != nil {
				return nil, c.failed("read an output of "+ws.Name, err)
			}
		}
		all[o.Name] = terraform.Output{Value: o.Value, Sensitive: o.Sensitive}
	}
	return all, nil
}

// guarded is Policy where the module protects what the workspace holds.
func (c *client) guarded(ctx context.Context, ws *tfe.Workspace) error {
	if !c.order.Guards() {
		return nil
	}
	all, err := c.outputs(ctx, ws)
	if pave.CodeOf(err) == pave.NotFound { // nothing was applied
		return nil
	}
	if err != nil {
		return err
	}
	return c.order.Guarded(c.r, all)
}

var errReading = errors.New("HCP Terraform is still reading the new state")

// settleTime is how long HCP Terraform may take to read a new state.
const settleTime = 5 * time.Minute

// settled is the state once HCP Terraform has read it.
func (c *client) settled(ctx context.Context, ws *tfe.Workspace) (resource.State, error) {
	for end := time.Now().Add(settleTime); ; {
		st, err := c.state(ctx, ws)
		if !errors.Is(err, errReading) || time.Now().After(end) {
			return st, err
		}
		if err := c.pause(ctx); err != nil {
			return resource.State{}, err
		}
	}
}

// remove removes a workspace, which HCP Terraform does not do while it holds something.
func (c *client) remove(ctx context.Context, ws *tfe.Workspace) error {
	err := c.api.Workspaces.SafeDeleteByID(ctx, ws.ID)
	for end := time.Now().Add(settleTime); errors.Is(err, tfe.ErrWorkspaceStillProcessing) && time.Now().Before(end); {
		if err := c.pause(ctx); err != nil {
			return err
		}
		err = c.api.Workspaces.SafeDeleteByID(ctx, ws.ID)
	}
	switch {
	case errors.Is(err, tfe.ErrResourceNotFound):
		return nil
	case errors.Is(err, tfe.ErrWorkspaceStillProcessing):
		return pave.Errorf(pave.Unavailable, "HCP Terraform still counts what workspace %s holds", ws.Name).WithHint("pave retry goes on from here")
	case errors.Is(err, tfe.ErrWorkspaceNotSafeToDelete), errors.Is(err, tfe.ErrWorkspaceLockedCannotDelete):
		return pave.Errorf(pave.Conflict, "HCP Terraform does not remove workspace %s: %w", ws.Name, err).
			WithHint("%s/app/%s/workspaces/%s shows what is in it or who has locked it; a run that stopped goes on with pave retry", c.url, c.org, ws.Name)
	}
	return c.failed("remove the workspace "+ws.Name, err)
}
