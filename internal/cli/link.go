package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) link(planOnly bool) *cobra.Command {
	to, as := "", ""
	return a.verb(verb{
		use: "link NAME --to OTHER", short: "Give a service the address of another one and the right to call it",
		long: "Give a service the address of another one, as OTHER_URL, and the right to call it. The address is\n" +
			"a stable one of the same environment. Where an environment asks for it (pave set environment\n" +
			"NAME --calls declared) the router refuses calls without a link, by the identity of the workload\n" +
			"that calls; else they are shown by pave status and pave list calls. " + rolling,
		examples: []string{"link checkout --to payment-processor", "link checkout --to payment-processor --env production --as PAYMENTS_URL"},
		args:     exactly("the name of a service"), env: "every environment of the service",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&to, "to", "", "the service to call, by `NAME`")
			cmd.Flags().StringVar(&as, "as", "", "the `VARIABLE` that holds the address; OTHER_URL without")
			complete(cmd, "to", serviceNames)
		},
		request: func(_ context.Context, t target, _ []string) (pave.Request, error) {
			if to == "" {
				return nil, usagef("pave link needs --to").WithHint("pave link %s --to NAME", t.service)
			}
			return pave.LinkService{Service: t.service, To: to, Variable: as, Environment: t.env}, nil
		},
	}, planOnly)
}

func (a *app) unlink(planOnly bool) *cobra.Command {
	to := ""
	return a.verb(verb{
		use: "unlink NAME --to OTHER", short: "Take the address of another service and the right to call it away",
		long:     "Take the address of another service, and the right to call it, away from a service. " + rolling,
		examples: []string{"unlink checkout --to payment-processor", "unlink checkout --to payment-processor --env production"},
		args:     exactly("the name of a service"), env: "every environment of the service",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&to, "to", "", "the service that was linked, by `NAME`")
			complete(cmd, "to", serviceNames)
		},
		request: func(_ context.Context, t target, _ []string) (pave.Request, error) {
			if to == "" {
				return nil, usagef("pave unlink needs --to").WithHint("pave unlink %s --to NAME", t.service)
			}
			return pave.UnlinkService{Service: t.service, To: to, Environment: t.env}, nil
		},
	}, planOnly)
}

func callColumns(c pave.Call) []column {
	last := "-"
	if !c.Last.IsZero() {
		last = c.Last.UTC().Format(time.DateTime)
	}
	return []column{{"CALLER", c.Caller, false}, {"TARGET", c.Target, false}, {"ENVIRONMENT", c.Environment, false}, {"DECLARED", c.Declared, false},
		{"REQUESTS", c.Requests, false}, {"REFUSED", c.Refused, false}, {"LAST", last, false}, {"VARIABLE", dash(c.Variable), true}, {"EVIDENCE", c.Evidence, true}}
}

// describeCalls prints what a service asks of others, and they of it.
func (a *app) describeCalls(calls []pave.Call) {
	if len(calls) == 0 {
		return
	}
	a.heading("Calls")
	t := table{titles: []string{"CALLER", "TARGET", "ENVIRONMENT", "DECLARED", "REQUESTS", "REFUSED", "LAST"}}
	for _, c := range calls {
		row := []any{}
		for _, col := range callColumns(c) {
			if !col.wide {
				row = append(row, col.value)
			}
		}
		t.rows = append(t.rows, row)
	}
	a.indented(t)
}

// printUndeclared says which calls no link declares, and what to do about it.
func (a *app) printUndeclared(st pave.Status) {
	if len(st.Undeclared) == 0 {
		return
	}
	a.heading("Undeclared calls")
	for _, c := range st.Undeclared {
		fmt.Fprintf(a.out, "  %s calls %s in %s: %s, %d refused, last %s\n", a.paint(yellow, string(c.Caller)), c.Target, c.Environment,
			plural(int(c.Requests), "request"), c.Refused, c.Last.Local().Format(time.DateTime))
	}
	c := st.Undeclared[0]
	fmt.Fprintf(a.out, "  next: pave link %s --to %s --env %s\n", c.Caller, c.Target, c.Environment)
}
