// Package terraform lets a Terraform or OpenTofu module make the resources of a kind.
// The module is kept by its digest; each resource has a working folder of its own with
// its state in it. Terraform runs as jobs of the node: a server that dies leaves none
// behind, the next one waits for the job that goes on and begins after it.
//
// The state is the memory of what was made, and the resource's id goes into the module as
// the marker. What is there the state tells; whether that is still so a plan finds out.
package terraform

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Vault has the values that providers need.
type Vault interface {
	Get(ctx context.Context, id string) (pave.Secret, error)
}

// Driver makes resources of one kind. Drivers of several kinds share its folder.
type Driver struct {
	Kind  string
	Node  *node.Client
	Vault Vault
	Dir   string // for modules, working folders and states
	// Program is the name or path of the program, terraform or OpenTofu; "" is terraform,
	// else tofu.
	Program string
	UID     int               // whom terraform runs as; 0 is the node's own user
	Env     map[string]string // what it may see: PATH, proxies, certificates
	Key     Sealer            // of the copies of states
	// Fetch brings the module at an address as a zip, and says what commit it is of.
	Fetch func(ctx context.Context, address string) (archive []byte, commit string, err error)

	reviews reviews
}

var (
	_ resource.Driver  = (*Driver)(nil)
	_ resource.Planner = (*Driver)(nil)
	_ resource.Differ  = (*Driver)(nil)
	_ resource.Drifter = (*Driver)(nil)
	_ resource.Lister  = (*Driver)(nil)
	_ resource.Looker  = (*Driver)(nil)
)

// spec is what the driver reads of the spec of any kind.
type spec struct {
	Engine string      `json:"engine"`
	Team   string      `json:"team"`
	Module pave.Module `json:"module"`
}

func specOf(r resource.Resource) (spec, error) {
	var s spec
	if err := json.Unmarshal(r.Spec, &s); err != nil {
		return s, err
	}
	if s.Module.Digest == "" {
		return s, pave.Errorf(pave.Invalid, "no module is bound for %s", r.Ref.Kind).
			WithHint("pave bind %s %s terraform --module DIR", r.Ref.Env, r.Ref.Kind)
	}
	return s, nil
}

// Observe tells what the state holds. Where an apply did not come to its end it is not
// ready. It asks no provider: Drift does.
func (d *Driver) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if r.ID == "" {
		return resource.State{}, d.nothing(r)
	}
	s, err := specOf(r)
	if err != nil {
		return resource.State{}, err
	}
	w, err := d.open(r.ID)
	if err != nil {
		return resource.State{}, err
	}
	defer w.close()
	if err := w.copyState(); err != nil {
		return resource.State{}, err
	}
	things, err := w.things()
	switch {
	case err != nil:
		return resource.State{}, err
	case w.running(ctx) != "":
		return resource.State{Reason: "terraform is at work on it"}, nil
	case len(things) == 0 && !w.has(appliedFile):
		return resource.State{}, d.nothing(r)
	case !w.has(appliedFile):
		return resource.State{Reason: fmt.Sprintf("terraform made a part of it: %s", list(things))}, nil
	}
	return d.state(w, r, s)
}

func (d *Driver) nothing(r resource.Resource) error {
	return pave.Errorf(pave.NotFound, "terraform has made no %s %s", r.Ref.Kind, r.ExternalID)
}

// Apply plans, sees that the plan does nothing that was not shown, and applies that very
// plan.
func (d *Driver) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	s, err := specOf(r)
	if err != nil {
		return resource.State{}, err
	}
	unlock := lock(r.ID)
	defer unlock()
	w, err := d.prepare(ctx, r, s)
	if err != nil {
		return resource.State{}, err
	}
	defer w.close()
	lines, err := w.plan(ctx, "plan")
	if err != nil {
		return failed(err)
	}
	tried, err := w.tried()
	if err != nil {
		return resource.State{}, err
	}
	if err := Refuse(notTried(lines, tried), r); err != nil {
		return resource.State{}, err
	}
	if err := w.try(lines, tried); err != nil {
		return resource.State{}, err
	}
	if err := w.apply(ctx); err != nil {
		return failed(err)
	}
	return d.state(w, r, s)
}

// failed keeps the last lines of terraform for people.
func failed(err error) (resource.State, error) {
	st := resource.State{}
	if f, ok := err.(*failure); ok {
		st.Notes, err = f.lines, f.err
	}
	return st, err
}

// planPrefix begins the name of a folder for what is not there yet.
const planPrefix = "plan-"

// Plan says what Apply would do; for what is not there yet in a folder of its own.
func (d *Driver) Plan(ctx context.Context, r resource.Resource) ([]string, error) {
	s, err := specOf(r)
	if err != nil {
		return nil, err
	}
	r.Job = ""
	if r.ID == "" {
		r.ID = planPrefix + strings.ToLower(pave.NewID("x")[2:])
		defer d.forget(r.ID)
	}
	unlock := lock(r.ID)
	defer unlock()
	w, err := d.prepare(ctx, r, s)
	if err != nil {
		return nil, err
	}
	defer w.close()
	lines, err := w.plan(ctx, "look")
	if err != nil {
		_, err = failed(err)
	}
	return lines, err
}

// Drift is a plan over what the provider finds now.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	return d.Plan(ctx, r)
}

// Diff says what terraform made and would destroy, and is Policy where the module protects
// that. What it holds terraform does not know.
func (d *Driver) Diff(_ context.Context, r resource.Resource) (resource.Difference, error) {
	w, err := d.open(r.ID)
	if err != nil {
		return resource.Difference{}, err
	}
	defer w.close()
	things, err := w.things()
	if err != nil || len(things) == 0 {
		return resource.Difference{}, err
	}
	if err := w.guarded(r); err != nil {
		return resource.Difference{}, err
	}
	return resource.Difference{Lost: fmt.Sprintf("%s, with all that is in it: terraform destroy", list(things))}, nil
}

// Delete destroys what the state holds, and forgets it.
func (d *Driver) Delete(ctx context.Context, r resource.Resource) error {
	unlock := lock(r.ID)
	defer unlock()
	w, err := d.open(r.ID)
	if err != nil {
		return err
	}
	things, err := w.things()
	w.close()
	if err != nil {
		return err
	}
	s, err := specOf(r)
	away := err == nil && remote(r.ID, s.Module) // whether it holds something only terraform can say
	if len(things) > 0 || away || w.running(ctx) != "" {
		if err := d.destroy(ctx, r); err != nil {
			_, err = failed(err)
			return err
		}
	}
	if err := ctxError(ctx); err != nil {
		return err
	}
	d.forget(r.ID)
	return nil
}

func (d *Driver) destroy(ctx context.Context, r resource.Resource) error {
	s, err := specOf(r)
	if err != nil {
		return err
	}
	w, err := d.prepare(ctx, r, s)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.mayDestroy(ctx); err != nil {
		return err
	}
	if err := w.run(ctx, "destroy", destroyScript); err != nil {
		return err
	}
	return w.remove(appliedFile, outputsFile)
}

// List has every working folder with something in its state.
func (d *Driver) List(context.Context) ([]resource.Found, error) {
	var out []resource.Found
	for _, id := range d.folders() {
		w, err := d.open(id)
		if err != nil {
			return nil, err
		}
		things, err := w.things()
		w.close()
		if err != nil {
			return nil, err
		}
		if len(things) > 0 && strings.HasPrefix(id, "res_") {
			out = append(out, resource.Found{ID: id, ExternalID: list(things)})
		}
	}
	return out, nil
}

// Look names the folder with the state.
func (d *Driver) Look(r resource.Resource) []string {
	program := "terraform"
	if path, err := d.binary(); err == nil {
		program = filepath.Base(path)
	}
	if s, err := specOf(r); err == nil && remote(r.ID, s.Module) {
		return []string{program + " -chdir=" + filepath.Join(d.folder(r.ID), moduleDir) + " state list"}
	}
	return []string{program + " state list -state=" + filepath.Join(d.folder(r.ID), stateFile)}
}

// Checks says whether terraform is there, for the doctor.
func (d *Driver) Checks(context.Context) []pave.Check {
	path, err := d.binary()
	if err != nil {
		return []pave.Check{{Name: "terraform", Detail: err.Error(), Fix: pave.HintOf(err)}}
	}
	return []pave.Check{{Name: "terraform", OK: true, Detail: path}}
}

// list names up to four things.
func list(things []string) string {
	if n := len(things); n > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(things[:4], ", "), n-4)
	}
	return strings.Join(things, ", ")
}

// ctxError is Unavailable where the caller has given up.
func ctxError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return pave.Errorf(pave.Unavailable, "run terraform: %w", err)
	}
	return nil
}
