package cli

import (
	"fmt"
	"slices"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

func (a *app) doctor() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check everything pave needs, with a fix for what is missing",
		Long: "Check everything pave needs on this machine, and, where a server runs, what the server\n" +
			"needs. It starts nothing. Each check that fails names its fix; the exit code is then 1.",
		Example: examples("pave doctor", "pave doctor --json", "pave doctor --jq '.[] | select(.ok | not) | .fix'"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.Check{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		ctx := cmd.Context()
		checks := append(a.deps.LocalChecks(ctx), ownChecks(a.deps.Environ())...)
		if _, err := a.deps.Find(ctx); err != nil {
			checks = append(checks, pave.Check{Name: "server", OK: true, Detail: "not running; a command that needs it starts it"})
		} else {
			c := client.New(client.Options{Server: a.deps.Find, Command: a.command, Version: a.deps.Version})
			defer c.Close()
			theirs, err := c.Doctor(ctx)
			if err != nil {
				theirs = []pave.Check{{Name: "server", Detail: err.Error(), Fix: "pave down && pave up"}}
			}
			for _, ours := range checks { // what both look at is told once
				theirs = slices.DeleteFunc(theirs, func(c pave.Check) bool { return c.Name == ours.Name })
			}
			checks = append(checks, theirs...)
		}
		if v.data() {
			if err := v.write(ctx, a.out, checks); err != nil {
				return err
			}
		} else {
			a.printChecks(checks)
		}
		if slices.ContainsFunc(checks, func(c pave.Check) bool { return !c.OK }) {
			return &exitError{code: exitFailed}
		}
		return nil
	}
	return cmd
}

func (a *app) printChecks(checks []pave.Check) {
	for _, c := range checks {
		mark := a.paint(green, "[+]")
		if !c.OK {
			mark = a.paint(red, "[!]")
		}
		fmt.Fprintf(a.out, "%s %s %s\n", mark, pad(oneLine(c.Name), 20), oneLine(c.Detail))
		if !c.OK && c.Fix != "" {
			fmt.Fprintf(a.out, "      next: %s\n", oneLine(c.Fix))
		}
	}
}
