package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) admin() *cobra.Command {
	cmd := &cobra.Command{
		Use: "admin COMMAND", Short: "What operators of the platform do", Long: "Policies of who may do what, the proof of the audit log, backup and restore.",
		Example: examples("pave admin policy show", "pave admin verify", "pave admin backup /srv/backups"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	policy := &cobra.Command{
		Use: "policy show|set", Short: "The policies that say who may do what",
		Long:    "The policies that say who may do what, as text in Cedar (docs.cedarpolicy.com). The default is\ncommented: show it, change it, set it.",
		Example: examples("pave admin policy show", "pave admin policy set FILE"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	policy.AddCommand(a.policyShow(), a.policySet())
	cmd.AddCommand(policy, a.verify(), a.backup(), a.restoreBackup())
	return cmd
}

func (a *app) policyShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show the policies that serve", Long: "Show the text of the policies that serve.",
		Example: examples("pave admin policy show", "pave admin policy show > policy.cedar"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.PolicyText{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		p, err := a.api().Policy(cmd.Context())
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, p)
		}
		if p.Error != "" {
			a.say("a newer text cannot be read, this one serves: %s", oneLine(p.Error))
		}
		fmt.Fprint(a.out, clean(p.Text))
		return nil
	}
	return cmd
}

func (a *app) policySet() *cobra.Command {
	cmd := &cobra.Command{
		Use: "set [FILE]", Short: "Let another text of policies serve",
		Long: "Let the text of a file serve, - is the input. A text that cannot be read is refused and the one\n" +
			"before goes on serving; so is one by which you could not change it back.",
		Example: examples("pave admin policy set policy.cedar", "pave admin policy set --default"),
		Args:    between(0, "a file"),
	}
	standard := cmd.Flags().Bool("default", false, "the text that pave comes with")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var text []byte
		var err error
		switch {
		case *standard == (len(args) == 1):
			return usagef("%s needs a file or --default", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		case *standard:
		case args[0] == "-":
			text, err = io.ReadAll(io.LimitReader(a.in, 1<<20))
		default:
			text, err = os.ReadFile(args[0])
		}
		if err != nil {
			return pave.Errorf(pave.Invalid, "read the policies: %w", err).WithHint("pave admin policy show > FILE is where to begin")
		}
		if !*standard && len(text) == 0 {
			return usagef("the text is empty, which would forbid everything").WithHint("pave admin policy set --default")
		}
		if _, err := a.api().SetPolicy(cmd.Context(), string(text)); err != nil {
			return err
		}
		fmt.Fprintln(a.out, "The policies serve.")
		return nil
	}
	return cmd
}

func (a *app) verify() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Prove that nothing of the audit log was changed or removed",
		Long:    "Walk the whole audit log: each row has a hash over itself and the row before. The first one that\nwas changed or removed is named, and the exit code is 1.",
		Example: examples("pave admin verify", "pave admin verify --json rows,broken"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.AuditReport{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		r, err := a.api().VerifyAudit(cmd.Context())
		if err != nil {
			return err
		}
		if v.data() {
			if err := v.write(cmd.Context(), a.out, r); err != nil {
				return err
			}
		}
		if r.Broken > 0 {
			return &exitError{exitFailed, pave.Errorf(pave.Conflict, "row %d of the audit log was changed or removed", r.Broken).
				WithHint("pave audit --after %d --limit 3 shows what is there", max(0, r.Broken-2))}
		}
		if !v.data() {
			fmt.Fprintf(a.out, "%d rows, none changed or removed.\n", r.Rows)
		}
		return nil
	}
	return cmd
}
