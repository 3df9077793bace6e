// Package hcp lets HCP Terraform, or Terraform Enterprise, run the modules that make
// resources: a workspace for each resource, named by its id, which is the marker. Plans,
// policy checks and applies are its runs; the state is its own. The words of plans,
// inputs and outputs are those of package terraform.
//
// A run is begun once for a step of pave: its message names the step, so that whoever
// comes after a crash goes on with it.
package hcp

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
)

// Vault has the values that runs need.
type Vault interface {
	Get(ctx context.Context, id string) (pave.Secret, error)
}

// Driver makes resources of one kind.
type Driver struct {
	Kind  string
	Vault Vault
	Files func(digest string) (fs.FS, error) // of a module that was kept
	// Bounds are all bindings that resources were ever made by.
	Bounds     func(ctx context.Context) ([]resource.Bound, error)
	HTTP       *http.Client  // decides where may be called
	Poll       time.Duration // between two looks at a run; 0: 2 s
	DriftEvery time.Duration // between two runs that look for drift; 0: 6 hours

	looks   looks
	givenUp sync.Map // ids of runs that this process discarded or canceled
}

var (
	_ resource.Driver         = (*Driver)(nil)
	_ resource.Planner        = (*Driver)(nil)
	_ resource.Differ         = (*Driver)(nil)
	_ resource.Drifter        = (*Driver)(nil)
	_ resource.Lister         = (*Driver)(nil)
	_ resource.Looker         = (*Driver)(nil)
	_ resource.BindingChecker = (*Driver)(nil)
)

// The names of workspaces begin with workspacePrefix; the resource's id follows, and where
// something is only planned, planPrefix and a random text.
const (
	workspacePrefix = "pave-"
	planPrefix      = "plan-"
)

// Observe tells what the last run of the workspace came to, and what its state gives out.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if r.ID == "" {
		return resource.State{}, d.nothing(r)
	}
	c, err := d.connect(ctx, r)
	if err != nil {
		return resource.State{}, err
	}
	ws, err := c.workspace(ctx)
	if err != nil {
		return resource.State{}, err
	}
	if run := ws.CurrentRun; run != nil && run.Status != tfe.RunApplied && run.Status != tfe.RunPlannedAndFinished && run.Status != tfe.RunDiscarded {
		return resource.State{Reason: fmt.Sprintf("run %s of HCP Terraform is %s: %s", run.ID, run.Status, c.page(run.ID))}, nil
	}
	st, err := c.state(ctx, ws)
	if pave.CodeOf(err) == pave.NotFound {
		return resource.State{Reason: "nothing was applied yet in workspace " + ws.Name}, nil
	}
	return st, err
}

func (d *Driver) nothing(r resource.Resource) error {
	return pave.Errorf(pave.NotFound, "HCP Terraform has made no %s %s", r.Ref.Kind, r.ExternalID)
}

// Apply plans, waits for policies, sees that the plan does nothing that was not shown,
// and confirms that very run.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	c, err := d.connect(ctx, r)
	if err != nil {
		return resource.State{}, err
	}
	ws, err := c.ensure(ctx)
	if err != nil {
		return resource.State{}, err
	}
	run, err := c.begin(ctx, ws, wish{message: stepMessage(r)})
	if err != nil {
		return resource.State{}, err
	}
	err = c.finish(ctx, run, func(lines []string) error { return terraform.Refuse(lines, r) })
	if err != nil {
		return told(err)
	}
	return c.settled(ctx, ws)
}

// Plan says what Apply would do, by a run that can only plan; for what is not there yet
// in a workspace of its own, which is removed. The inputs are the run's alone.
func (d *Driver) Plan(ctx context.Context, r resource.Resource) ([]string, error) {
	r.Job = ""
	if r.ID != "" {
		c, err := d.connect(ctx, r)
		if err != nil {
			return nil, err
		}
		ws, err := c.workspace(ctx)
		if pave.CodeOf(err) != pave.NotFound {
			if err == nil {
				err = c.variables(ctx, ws, secretsOnly(c.wanted()))
			}
			if err != nil {
				return nil, err
			}
			return c.planLines(ctx, ws)
		}
	}
	r.ID = planPrefix + strings.ToLower(pave.NewID("x")[2:])
	c, err := d.connect(ctx, r)
	if err != nil {
		return nil, err
	}
	c.tidy(ctx)
	ws, err := c.ensure(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_ = c.api.Workspaces.SafeDeleteByID(end, ws.ID) // it holds nothing; else a later plan removes it
	}()
	return c.planLines(ctx, ws)
}

// planLines is a plan for people, with the policies that it does not meet.
func (c *client) planLines(ctx context.Context, ws *tfe.Workspace) ([]string, error) {
	lines, unmet, err := c.planned(ctx, ws, message)
	_, err = told(err)
	if err == nil && unmet != "" {
		lines = append(lines, unmet)
	}
	return lines, err
}

// Diff says how much the state holds, and is Policy where the module protects that. What is in it HCP Terraform does not know.
func (d *Driver) Diff(ctx context.Context, r resource.Resource) (resource.Difference, error) {
	c, err := d.connect(ctx, r)
	if err != nil {
		return resource.Difference{}, err
	}
	ws, err := c.workspace(ctx)
	if pave.CodeOf(err) == pave.NotFound {
		return resource.Difference{}, nil
	}
	if err != nil || ws.ResourceCount == 0 {
		return resource.Difference{}, err
	}
	if err := c.guarded(ctx, ws); err != nil {
		return resource.Difference{}, err
	}
	return resource.Difference{Lost: fmt.Sprintf("%d things of workspace %s, with all that is in them: terraform destroy", ws.ResourceCount, ws.Name)}, nil
}

// Delete destroys what the workspace holds, and removes it.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	c, err := d.connect(ctx, r)
	if err != nil {
		return err
	}
	ws, err := c.workspace(ctx)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if mayHold(ws) {
		if err := c.guarded(ctx, ws); err != nil {
			return err
		}
		if err := c.variables(ctx, ws, c.wanted()); err != nil { // a provider may need them to destroy
			return err
		}
		run, err := c.begin(ctx, ws, wish{message: stepMessage(r), destroy: true})
		if err != nil {
			return err
		}
		if err := c.finish(ctx, run, func([]string) error { return nil }); err != nil {
			_, err = told(err)
			return err
		}
	}
	return c.remove(ctx, ws)
}

// mayHold reports whether there may be something in a workspace. How many things there are
// HCP Terraform counts some time after they are made.
func mayHold(ws *tfe.Workspace) bool {
	run := ws.CurrentRun
	empty := run == nil || run.IsDestroy && (run.Status == tfe.RunApplied || run.Status == tfe.RunPlannedAndFinished)
	return ws.ResourceCount > 0 || !empty
}

// Look names the page of the workspace.
func (d *Driver) Look(r resource.Resource) []string {
	o, err := terraform.OrderOf(r)
	if err != nil || o.Module.Backend == nil {
		return nil
	}
	return []string{o.Module.Backend.Config["url"] + "/app/" + o.Module.Backend.Config["org"] + "/workspaces/" + workspacePrefix + r.ID}
}
