package cli

import (
	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) restore() *cobra.Command { return a.restoreService(false) }

func (a *app) restoreService(planOnly bool) *cobra.Command {
	verb := verbOf(planOnly)
	cmd := &cobra.Command{
		Use: "restore [service] NAME", Short: "Bring a deleted service back, with its data",
		Long:    "Bring a deleted service back from what was kept, for 7 days after its deletion:\nrepository with all commits, databases with all rows, caches with their\nkeys, and the releases that served.",
		Example: examples("pave"+verb+" restore payment-processor", "pave"+verb+" restore service payment-processor", "pave list services --deleted"),
		Args: func(cmd *cobra.Command, args []string) error {
			return exactly("the name of a service")(cmd, withoutKind(args))
		},
		ValidArgsFunction: a.completeArg(deletedNames),
	}
	ch := a.changeFlags(cmd, planOnly)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name := withoutKind(args)[0]
		if err := nameArg(name); err != nil {
			return err
		}
		return a.change(cmd.Context(), pave.RestoreService{Name: name}, ch)
	}
	return cmd
}

// withoutKind leaves out "service" before a name: only services can be restored.
func withoutKind(args []string) []string {
	if len(args) == 2 && (args[0] == "service" || args[0] == "services") {
		return args[1:]
	}
	return args
}
