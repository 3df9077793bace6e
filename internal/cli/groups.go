package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// fixed gives words that are always the same.
func fixed(words ...string) names {
	return func(context.Context, *app) ([]string, error) { return words, nil }
}

func (a *app) add() *cobra.Command {
	cmd := &cobra.Command{
		Use: "add KIND", Short: "Add something to what is there", Long: "Add a member to a team.",
		Example: examples("pave add member ada --team payment-squad --role developer", "pave add member --help"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.addMember())
	return cmd
}

func (a *app) remove() *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove KIND", Short: "Remove something from what is there", Long: "Remove a member from a team.",
		Example: examples("pave remove member ada --team payment-squad", "pave remove member --help"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.removeMember())
	return cmd
}

func (a *app) set() *cobra.Command {
	cmd := &cobra.Command{
		Use: "set KIND", Short: "Set a value of something", Long: "Set the team of a service.",
		Example: examples("pave set team payment-processor billing-squad", "pave set team --help"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.setTeam())
	return cmd
}

func (a *app) rename() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rename KIND", Short: "Give something another name", Long: "Give a team another name.",
		Example: examples("pave rename team payment-squad billing-squad", "pave rename team --help"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.renameTeam())
	return cmd
}
