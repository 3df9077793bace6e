package cli

import (
	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) undo() *cobra.Command { return a.undoRun(false) }

func (a *app) undoRun(planOnly bool) *cobra.Command {
	verb := verbOf(planOnly)
	extra := " --yes"
	if planOnly {
		extra = " --json changes"
	}
	cmd := &cobra.Command{
		Use: "undo RUN", Short: "Go back to what was before a run",
		Long: "Go back to what was before a run: the newest of its service, else the later ones are\n" +
			"named. What holds data is set aside and kept 7 days. Where something is taken away a\n" +
			"terminal is asked for the service's name; elsewhere --confirm NAME or --yes must say so.",
		Example: examples("pave"+verb+" undo run_01JD4T9XK2M7", "pave"+verb+" undo run_01JD4T9XK2M7"+extra),
		Args:    exactly("the id of a run"), ValidArgsFunction: a.completeArg(runIDs),
	}
	ch := a.changeFlags(cmd, planOnly)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := runArg(args[0]); err != nil {
			return err
		}
		return a.change(cmd.Context(), pave.Undo{Run: args[0]}, ch)
	}
	return cmd
}
