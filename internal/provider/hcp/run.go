package hcp

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
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

// runTime is how long one run may take.
const runTime = 2 * time.Hour

// maxConfirms is how often a run is confirmed that does not begin.
const maxConfirms = 5

// ended reports whether nothing more comes of a run.
func ended(s tfe.RunStatus) bool {
	switch s {
	case tfe.RunApplied, tfe.RunPlannedAndFinished, tfe.RunErrored, tfe.RunDiscarded, tfe.RunCanceled, tfe.RunPlannedAndSaved, tfe.RunPolicySoftFailed:
		return true
	}
	return false
}

// message is what the runs of pave say of themselves; those of a step name it.
const message = "pave"

func stepMessage(r resource.Resource) string {
	if r.Job == "" {
		return message
	}
	return message + " " + r.Job
}

// A wish is what a run is for.
type wish struct {
	message           string
	planOnly, destroy bool
}

// begin finds the run of this step, or starts it.
func (c *client) begin(ctx context.Context, ws *tfe.Workspace, w wish) (*tfe.Run, error) {
	if !w.planOnly {
		run, err := c.resume(ctx, ws, w)
		if run != nil || err != nil {
			return run, err
		}
	}
	version, err := c.upload(ctx, ws, w.planOnly)
	if err != nil {
		return nil, err
	}
	run, err := c.api.Runs.Create(ctx, tfe.RunCreateOptions{Workspace: ws, ConfigurationVersion: version, Message: &w.message,
		PlanOnly: &w.planOnly, IsDestroy: &w.destroy, AutoApply: tfe.Bool(false), Variables: c.inputs()})
	return run, c.failed("start a run in "+ws.Name, err)
}

// resume finds the run of this step; nil where there is none. Runs of pave that nobody
// will confirm any more, and behind which the next one would wait for ever, are given up.
func (c *client) resume(ctx context.Context, ws *tfe.Workspace, w wish) (*tfe.Run, error) {
	runs, err := c.runs(ctx, ws)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		failed := run.Status == tfe.RunErrored || run.Status == tfe.RunDiscarded || run.Status == tfe.RunCanceled
		if c.r.Job != "" && run.Message == w.message && run.IsDestroy == w.destroy && !failed {
			return run, nil
		}
	}
	for _, run := range runs {
		ours := run.Message == message || strings.HasPrefix(run.Message, message+" run_")
		if !ours || run.PlanOnly || ended(run.Status) || run.Actions == nil {
			continue
		}
		var err error
		c.d.givenUp.Store(run.ID, true)
		switch {
		case run.Actions.IsDiscardable:
			err = c.api.Runs.Discard(ctx, run.ID, tfe.RunDiscardOptions{Comment: tfe.String("pave has given it up")})
		case run.Actions.IsCancelable && run.Status == tfe.RunPlanning:
			err = c.api.Runs.Cancel(ctx, run.ID, tfe.RunCancelOptions{Comment: tfe.String("pave has given it up")})
		}
		if err != nil && c.status.last != http.StatusConflict { // 409: it went on meanwhile
			return nil, c.failed("give up the run "+run.ID, err)
		}
	}
	return nil, nil
}

// runs are the newest of a workspace, the newest first.
func (c *client) runs(ctx context.Context, ws *tfe.Workspace) ([]*tfe.Run, error) {
	list, err := c.api.Runs.List(ctx, ws.ID, &tfe.RunListOptions{ListOptions: tfe.ListOptions{PageSize: 20}})
	if err != nil {
		return nil, c.failed("look at the runs of "+ws.Name, err)
	}
	return list.Items, nil
}

// inputs are given to each run by itself: those of the workspace may be of another plan.
func (c *client) inputs() []*tfe.RunVariable {
	var out []*tfe.RunVariable
	for _, name := range slices.Sorted(maps.Keys(c.order.Inputs)) {
		out = append(out, &tfe.RunVariable{Key: name, Value: asHCL(c.order.Inputs[name])})
	}
	return out
}

// planned runs a plan that nobody can apply, and says what it would do, and which policies
// it does not meet although they may be overridden once it is applied; "" for none.
func (c *client) planned(ctx context.Context, ws *tfe.Workspace, message string) (lines []string, unmet string, err error) {
	run, err := c.begin(ctx, ws, wish{message: message, planOnly: true})
	if err != nil {
		return nil, "", err
	}
	if run, err = c.await(ctx, run.ID); err != nil {
		return nil, "", err
	}
	if run.Status == tfe.RunPolicySoftFailed {
		unmet = c.policies(ctx, run)
	}
	lines, err = c.lines(ctx, run)
	return lines, unmet, err
}

// upload gives the module to the workspace.
func (c *client) upload(ctx context.Context, ws *tfe.Workspace, speculative bool) (*tfe.ConfigurationVersion, error) {
	archive, err := c.archive()
	if err != nil {
		return nil, err
	}
	version, err := c.api.ConfigurationVersions.Create(ctx, ws.ID, tfe.ConfigurationVersionCreateOptions{AutoQueueRuns: tfe.Bool(false), Speculative: &speculative})
	if err == nil {
		err = c.api.ConfigurationVersions.UploadTarGzip(ctx, version.UploadURL, bytes.NewReader(archive))
	}
	for end := time.Now().Add(5 * time.Minute); err == nil && version.Status != tfe.ConfigurationUploaded; {
		if version.Status == tfe.ConfigurationErrored {
			return nil, pave.Errorf(pave.Invalid, "HCP Terraform does not take the module: %s", version.ErrorMessage).WithHint("mend the module and pave bind it again; a run that stopped goes on with pave retry")
		}
		if time.Now().After(end) {
			return nil, pave.Errorf(pave.Unavailable, "HCP Terraform has not taken the module for 5 minutes").WithHint("pave retry goes on from here")
		}
		if err = c.pause(ctx); err == nil {
			version, err = c.api.ConfigurationVersions.Read(ctx, version.ID)
		}
	}
	return version, c.failed("give the module to "+ws.Name, err)
}

// archive is the module as a tar, with what is taken over.
func (c *client) archive() ([]byte, error) {
	files, err := c.d.Files(c.order.Module.Digest)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	add := func(name string, data []byte, mode fs.FileMode) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: int64(mode.Perm() | 0o600), Size: int64(len(data))}); err != nil {
			return err
		}
		_, err := t.Write(data)
		return err
	}
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return add(name, data, info.Mode())
	})
	if err == nil && c.order.Imports != nil {
		err = add("pave_import.tf.json", c.order.Imports, 0o600)
	}
	err = errors.Join(err, t.Close(), z.Close())
	return out.Bytes(), err
}

// pause waits until it is worth to look again: a moment at first, since much is quick.
func (c *client) pause(ctx context.Context) error {
	longest := c.d.Poll
	if longest == 0 {
		longest = 2 * time.Second
	}
	c.wait = min(max(c.wait*3/2, longest/10), longest)
	select {
	case <-ctx.Done():
		return pave.Errorf(pave.Unavailable, "wait for HCP Terraform: %w", ctx.Err())
	case <-time.After(c.wait):
		return nil
	}
}

// await waits until a run has planned: it may be confirmed, or it has ended well.
func (c *client) await(ctx context.Context, id string) (*tfe.Run, error) {
	for end := time.Now().Add(runTime); ; {
		run, err := c.api.Runs.Read(ctx, id)
		if err != nil {
			return nil, c.failed("look at the run "+id, err)
		}
		switch run.Status {
		case tfe.RunErrored, tfe.RunDiscarded, tfe.RunCanceled:
			return nil, c.ill(ctx, run)
		case tfe.RunPolicyOverride:
			return nil, pave.Errorf(pave.Policy, "HCP Terraform: %s", c.policies(ctx, run)).
				WithHint("who may overrides it at %s, then pave retry", c.page(id))
		case tfe.RunPostPlanAwaitingDecision:
			return nil, pave.Errorf(pave.Policy, "HCP Terraform: a task of run %s waits for a decision", id).WithHint("decide at %s, then pave retry", c.page(id))
		}
		if ended(run.Status) || run.Actions != nil && run.Actions.IsConfirmable {
			return run, nil
		}
		if time.Now().After(end) {
			return nil, pave.Errorf(pave.Unavailable, "run %s of HCP Terraform is %s for %s", id, run.Status, runTime).WithHint("%s shows why; a run that stopped goes on with pave retry", c.page(id))
		}
		if err := c.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// ill says why a run came to a bad end.
func (c *client) ill(ctx context.Context, run *tfe.Run) error {
	if text := c.policies(ctx, run); text != "" {
		return pave.Errorf(pave.Policy, "HCP Terraform: %s", text).WithHint("change the module or the binding; %s says more", c.page(run.ID))
	}
	if _, ours := c.d.givenUp.LoadAndDelete(run.ID); ours && run.Status != tfe.RunErrored {
		return pave.Errorf(pave.Unavailable, "HCP Terraform: run %s was given up for one beside it", run.ID).WithHint("pave retry goes on with that")
	}
	if run.Status != tfe.RunErrored {
		return pave.Errorf(pave.Conflict, "HCP Terraform: somebody has %s run %s", run.Status, run.ID).WithHint("pave retry starts another one")
	}
	return c.broken(ctx, run)
}

// policies says which checks a run did not pass; "" for none.
func (c *client) policies(ctx context.Context, run *tfe.Run) string {
	checks, err := c.api.PolicyChecks.List(ctx, run.ID, nil)
	if err != nil {
		return "" // the end of the run is told without
	}
	var out []string
	for _, p := range checks.Items {
		if r := p.Result; r != nil && r.HardFailed+r.SoftFailed > 0 && p.Status != tfe.PolicyOverridden {
			out = append(out, fmt.Sprintf("%d policies of the %s are not met (%d of them must be)", r.TotalFailed, p.Scope, r.HardFailed))
		}
	}
	return strings.Join(out, "; ")
}

// lines says what the plan of a run does.
func (c *client) lines(ctx context.Context, run *tfe.Run) ([]string, error) {
	if run.Plan == nil {
		return nil, pave.Errorf(pave.Unavailable, "run %s of HCP Terraform has no plan", run.ID).WithHint("pave retry goes on from here")
	}
	data, err := c.api.Plans.ReadJSONOutput(ctx, run.Plan.ID)
	if err != nil {
		return nil, c.failed("read the plan of run "+run.ID, err)
	}
	return terraform.PlanLines(data)
}

// finish brings a run from its plan to its end. What may not be is discarded.
func (c *client) finish(ctx context.Context, run *tfe.Run, may func(lines []string) error) error {
	run, err := c.await(ctx, run.ID)
	if err != nil {
		return err
	}
	if !ended(run.Status) {
		lines, err := c.lines(ctx, run)
		if err != nil {
			return err
		}
		if refused := may(lines); refused != nil {
			if err := c.api.Runs.Discard(ctx, run.ID, tfe.RunDiscardOptions{Comment: tfe.String("the plan is not the one that was approved")}); err != nil {
				return errors.Join(refused, c.failed("discard the run "+run.ID, err))
			}
			return refused
		}
		if err := c.confirm(ctx, run.ID); err != nil {
			return err
		}
	}
	return c.settle(ctx, run)
}

// confirm lets a run apply what it has planned.
func (c *client) confirm(ctx context.Context, id string) error {
	err := c.api.Runs.Apply(ctx, id, tfe.RunApplyOptions{Comment: tfe.String("approved in pave")})
	if err != nil && c.status.last != http.StatusConflict { // 409: somebody confirmed it before us
		return c.failed("confirm the run "+id, err)
	}
	return nil
}

// settle waits until a run that was confirmed has ended. One that still can be confirmed was
// not: whoever answered was not HCP Terraform.
func (c *client) settle(ctx context.Context, run *tfe.Run) (err error) {
	id, asked := run.ID, 1
	for end := time.Now().Add(runTime); !ended(run.Status); {
		if time.Now().After(end) {
			return pave.Errorf(pave.Unavailable, "run %s of HCP Terraform is %s for %s", id, run.Status, runTime).WithHint("%s shows why; a run that stopped goes on with pave retry", c.page(id))
		}
		if err := c.pause(ctx); err != nil {
			return err
		}
		if run, err = c.api.Runs.Read(ctx, id); err != nil {
			return c.failed("look at the run "+id, err)
		}
		if run.Actions == nil || !run.Actions.IsConfirmable {
			continue
		}
		if asked++; asked > maxConfirms {
			return pave.Errorf(pave.Unavailable, "run %s of HCP Terraform was confirmed %d times and is still %s", id, maxConfirms, run.Status).
				WithHint("%s shows why; a run that stopped goes on with pave retry", c.page(id))
		}
		if err := c.confirm(ctx, id); err != nil {
			return err
		}
	}
	if run.Status == tfe.RunErrored || run.Status == tfe.RunDiscarded || run.Status == tfe.RunCanceled {
		return c.ill(ctx, run)
	}
	return nil
}
