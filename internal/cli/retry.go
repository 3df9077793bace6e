package cli

import (
	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) retry() *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry RUN", Short: "Let a run that stopped go on from where it stopped",
		Long:    "Let a run that stopped, or was cancelled, go on from where it stopped. Steps that are\ndone stay done.",
		Example: examples("pave retry run_01JD4T9XK2M7", "pave retry run_01JD4T9XK2M7 --no-wait"),
		Args:    exactly("the id of a run"), ValidArgsFunction: a.completeArg(runIDs),
	}
	ch := &change{view: viewFlags(cmd, pave.Run{})}
	ch.doFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := ch.check(); err != nil {
			return err
		}
		if err := runArg(args[0]); err != nil {
			return err
		}
		run, err := a.api().RetryRun(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.carry(cmd.Context(), run, ch)
	}
	return cmd
}
