package cli

import (
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) cancel() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cancel RUN", Short: "End a run; what it has made stays",
		Long:    "End a run. Its running steps end, what it has made stays: pave retry lets it go on,\npave undo takes it back.",
		Example: examples("pave cancel run_01JD4T9XK2M7", `pave cancel run_01JD4T9XK2M7 --reason "wrong database"`),
		Args:    exactly("the id of a run"), ValidArgsFunction: a.completeArg(runIDs),
	}
	v := viewFlags(cmd, pave.Run{})
	reason := cmd.Flags().String("reason", "", "why, for the log")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := runArg(args[0]); err != nil {
			return err
		}
		if len(*reason) > 200 {
			return pave.BadField("reason", *reason, "must be at most 200 characters", "shorten it")
		}
		run, err := a.api().CancelRun(cmd.Context(), args[0], *reason)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, run)
		}
		word := "ends"
		if run.State.Ended() {
			word = "is over: " + string(run.State)
		}
		fmt.Fprintf(a.out, "%s %s\n", oneLine(run.Title), word)
		a.say("pave retry %s lets it go on, pave undo %s takes it back", shortID(run.ID), shortID(run.ID))
		return nil
	}
	return cmd
}
