package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// A change is the flags that all commands share that ask for a transition.
type change struct {
	view      *view
	planOnly  bool // "pave plan ...": show, do not do
	dryRun    bool
	detailed  bool
	out       string
	noWait    bool
	onFailure string
	yes       bool
	confirm   string
	show      bool // the plan is shown before it is applied, and on a terminal asked for
}

// changeFlags adds them. A plan has none of the flags of doing.
func (a *app) changeFlags(cmd *cobra.Command, planOnly bool) *change {
	ch := &change{planOnly: planOnly}
	f := cmd.Flags()
	f.StringVar(&ch.out, "out", "", "write the plan to `FILE` for pave apply, and do nothing else")
	f.BoolVar(&ch.detailed, "detailed-exitcode", false, "with a plan: exit code 7 where it has changes")
	if planOnly {
		ch.view = viewFlags(cmd, pave.Plan{})
		return ch
	}
	ch.view = viewFlags(cmd, pave.Run{})
	f.BoolVar(&ch.dryRun, "dry-run", false, "show the plan and do nothing")
	ch.doFlags(cmd)
	f.BoolVarP(&ch.yes, "yes", "y", false, "answer yes to every question")
	f.StringVar(&ch.confirm, "confirm", "", "confirm by the `NAME` of the service")
	return ch
}

// doFlags adds the flags about the run of a change.
func (ch *change) doFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&ch.noWait, "no-wait", false, "do not wait for the end of the run")
	f.StringVar(&ch.onFailure, "on-failure", "stop", "what to do when the run stops: `stop` or undo")
	complete(cmd, "on-failure", func(context.Context, *app) ([]string, error) { return []string{"stop", "undo"}, nil })
}

func (ch *change) check() error {
	if ch.onFailure != "" && ch.onFailure != "stop" && ch.onFailure != "undo" {
		return pave.BadField("on-failure", ch.onFailure, "must be stop or undo", "--on-failure undo")
	}
	if ch.onFailure == "undo" && ch.noWait {
		return usagef("--on-failure undo needs somebody who waits").WithHint("leave --no-wait out")
	}
	if !ch.planOnly && ch.planned() && ch.view.data() {
		return usagef("--json, --jq and -o of a plan are those of pave plan").WithHint("pave plan VERB ... --json FIELDS")
	}
	return ch.view.check()
}

// planned reports whether the command ends with the plan.
func (ch *change) planned() bool { return ch.planOnly || ch.dryRun || ch.out != "" }

// change plans a request and, unless a plan was all that was asked for, carries
// it out and shows how it goes.
func (a *app) change(ctx context.Context, r pave.Request, ch *change) error {
	if err := ch.check(); err != nil {
		return err
	}
	plan, err := a.api().Plan(ctx, r)
	if err != nil {
		return err
	}
	if ch.planned() {
		return a.showPlanOnly(ctx, plan, ch)
	}
	if err := a.refused(plan); err != nil {
		return err
	}
	if plan.Empty() && plan.Run == "" && plan.Base > 0 && plan.Base == plan.Target && !ch.view.data() {
		a.say("nothing to do: %s is as it is wanted", plan.Service)
		return nil
	}
	if destroys(plan) {
		if err := a.confirm(ctx, plan, ch); err != nil {
			return err
		}
	}
	if ch.show && plan.Run == "" {
		if err := a.showFirst(ctx, plan, ch); err != nil {
			return err
		}
	} else if !a.quiet {
		notes := *a
		notes.out = a.err
		notes.printNotes(plan)
	}
	run, err := a.applyPlan(ctx, plan)
	if err != nil {
		return err
	}
	return a.carry(ctx, run, ch)
}

// applyPlan applies a plan. Where the world moved on between plan and apply and
// nobody had to approve the plan, it plans again: many creates at once each make
// the other's plans stale.
func (a *app) applyPlan(ctx context.Context, plan pave.Plan) (pave.Run, error) {
	for range 8 {
		run, err := a.api().Apply(ctx, plan.ID)
		if pave.CodeOf(err) != pave.Conflict || destroys(plan) {
			return run, err
		}
		again, planErr := a.api().Plan(ctx, plan.Request.Request)
		if planErr != nil {
			return run, planErr
		}
		if again.Hash == plan.Hash || destroys(again) {
			return run, err
		}
		if err := a.refused(again); err != nil {
			return run, err
		}
		plan = again
	}
	return a.api().Apply(ctx, plan.ID)
}

// carry shows how a run goes, to its end, or says how to look at it.
func (a *app) carry(ctx context.Context, run pave.Run, ch *change) error {
	if ch.noWait {
		if ch.view != nil && ch.view.data() {
			return ch.view.write(ctx, a.out, run)
		}
		fmt.Fprintln(a.out, shortID(run.ID))
		a.say("%s goes on without you: pave watch %s", oneLine(run.Title), shortID(run.ID))
		return nil
	}
	if run.State == pave.RunDone && !run.Ended.IsZero() {
		a.say("nothing new to do: run %s did this already, on %s", shortID(run.ID), run.Ended.Format(time.DateTime))
		a.await(ctx, run)
	}
	run, err := a.follow(ctx, run.ID, ch.view)
	var stop *stoppedRun
	if errors.As(err, &stop) && ch.onFailure == "undo" && stop.state == pave.RunStopped {
		return a.undoStopped(ctx, run, ch, stop)
	}
	return err
}

// comesBack is how long a platform that was just started may take to bring a service back.
const comesBack = 20 * time.Second

// await waits for the service of a run that was done before: this command may have
// started the platform, and the address answers when a create returns.
func (a *app) await(ctx context.Context, run pave.Run) {
	name, gone, err := a.serviceOf(ctx, run)
	if err != nil || name == "" || !gone.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, comesBack)
	defer cancel()
	for {
		st, err := a.api().Status(ctx, name)
		if err != nil || st.Status != "starting" && st.Status != "down" {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// undoStopped takes a run back that stopped; the command has failed all the same.
func (a *app) undoStopped(ctx context.Context, run pave.Run, ch *change, stop *stoppedRun) error {
	a.say("%s: taking it back (--on-failure undo)", oneLine(stop.Error()))
	plan, err := a.api().Plan(ctx, pave.Undo{Run: run.ID})
	if err != nil {
		return err
	}
	if err := a.refused(plan); err != nil {
		return err
	}
	undo, err := a.api().Apply(ctx, plan.ID)
	if err != nil {
		return err
	}
	if _, err := a.follow(ctx, undo.ID, ch.view); err != nil {
		return err
	}
	return &exitError{exitFailed, pave.Errorf(pave.Unavailable, "%s; it was taken back", stop.Error())}
}

// refused is the error of a plan that a guard refuses.
func (a *app) refused(plan pave.Plan) error {
	bad := plan.Refused()
	if len(bad) == 0 {
		return nil
	}
	e := pave.Errorf(pave.Policy, "guard %s refuses %s: %s", bad[0].Guard, bad[0].Subject, bad[0].Reason).
		WithHint("pave plan shows all verdicts; a platform engineer can change the binding")
	for _, v := range bad {
		e.Fields = append(e.Fields, pave.FieldError{Field: v.Guard, Value: v.Subject, Message: v.Reason})
	}
	return e
}

// destroys reports whether a plan takes something away that a person would miss.
func destroys(plan pave.Plan) bool {
	return slices.ContainsFunc(plan.Changes, func(c pave.Change) bool {
		switch c.Action {
		case pave.ActionDelete, pave.ActionAside, pave.ActionReplace:
			return c.Ref.Kind != pave.KindSecret || c.Lost != "" // its value is kept
		}
		return c.Lost != ""
	})
}

// showPlanOnly ends a command with its plan.
func (a *app) showPlanOnly(ctx context.Context, plan pave.Plan, ch *change) error {
	if ch.out != "" {
		if err := writePlanFile(ch.out, plan); err != nil {
			return err
		}
	}
	switch {
	case ch.planOnly && ch.view.data():
		if err := ch.view.write(ctx, a.out, plan); err != nil {
			return err
		}
	case ch.planOnly && ch.view.output == "name":
		fmt.Fprintln(a.out, plan.ID)
	default:
		a.printPlan(a.out, plan)
	}
	if err := a.refused(plan); err != nil {
		return err
	}
	if ch.out != "" {
		a.say("written to %s: pave apply %s", ch.out, ch.out)
	}
	if ch.detailed && !plan.Empty() {
		return &exitError{code: exitChanges}
	}
	return nil
}

// writePlanFile writes what is enough to plan again and compare; whole or not at
// all, for its owner only.
func writePlanFile(name string, plan pave.Plan) error {
	text, err := json.MarshalIndent(pave.PlanFile{Version: 1, Request: plan.Request, Base: plan.Base, Hash: plan.Hash}, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".plan-*") // 0600
	if err != nil {
		return pave.Errorf(pave.Invalid, "write plan file %q: %w", name, err).WithHint("choose another --out FILE")
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return pave.Errorf(pave.Invalid, "write plan file %q: %w", name, err).WithHint("choose another --out FILE")
	}
	return nil
}

// endpoint is where the server is, for the URLs in answers.
func (a *app) endpoint(ctx context.Context) (client.Endpoint, error) { return a.api().Endpoint(ctx) }
