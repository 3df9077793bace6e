package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
)

// errDeclined ends a command whose question was answered with no.
var errDeclined = &exitError{exitUsage, &pave.Error{Code: pave.Invalid, Message: "declined, nothing was changed"}}

// showFirst shows a plan before it is applied, and asks where somebody can be asked.
func (a *app) showFirst(ctx context.Context, plan pave.Plan, ch *change) error {
	ask := a.asking(ch)
	if !a.quiet || ask {
		a.printPlan(a.err, plan)
	}
	if !ask {
		return nil
	}
	answer, err := a.ask(ctx, "Go on? [Y/n] ")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "", "y", "yes":
		return nil
	}
	return errDeclined
}

// confirm asks before a plan that takes things away: by the service's name. Where
// nobody can be asked, --yes or --confirm must have answered. What would be lost
// is said in every case.
func (a *app) confirm(ctx context.Context, plan pave.Plan, ch *change) error {
	name := string(plan.Service)
	switch {
	case ch.confirm == name, ch.yes && ch.confirm == "":
		if !a.quiet {
			printLost(a.err, plan)
		}
		return nil
	case ch.confirm != "":
		return pave.BadField("confirm", ch.confirm, fmt.Sprintf("is not the service that this takes from, %q; nothing was changed", name),
			"--confirm "+name)
	case !a.tty.in || !a.tty.err:
		to := *a
		to.out = a.err
		to.printNotes(plan)
		printLost(a.err, plan)
		return usagef("%s of %q takes things away and nobody can be asked here; nothing was changed", plan.Request.Request.Verb(), name).
			WithHint("--confirm %s, or --yes; pave plan shows what it would do", name)
	}
	a.printPlan(a.err, plan)
	answer, err := a.ask(ctx, fmt.Sprintf("Type %s to go on: ", name))
	if err != nil {
		return err
	}
	if answer != name {
		return errDeclined
	}
	return nil
}
