package cli

import (
	"context"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) watch() *cobra.Command {
	cmd := &cobra.Command{
		Use: "watch RUN", Short: "Show how a run goes, to its end",
		Long: "Show how a run goes, from its first step to its end. Ctrl-C leaves it running. The exit\n" +
			"code is that of the run: 0 done, 1 stopped or cancelled, 8 still running at --timeout.",
		Example: examples("pave watch run_01JD4T9XK2M7", "pave watch run_01JD4T9XK2M7 --timeout 10m", "pave watch run_01JD4T9XK2M7 -v"),
		Args:    exactly("the id of a run"), ValidArgsFunction: a.completeArg(runIDs),
	}
	v := viewFlags(cmd, pave.Run{})
	timeout := cmd.Flags().Duration("timeout", 0, "leave after this `TIME` with exit code 8; 0 is never")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := runArg(args[0]); err != nil {
			return err
		}
		ctx := cmd.Context()
		if *timeout < 0 {
			return pave.BadField("timeout", timeout.String(), "must not be negative", "--timeout 10m")
		}
		if *timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, max(*timeout, time.Millisecond))
			defer cancel()
		}
		_, err := a.follow(ctx, args[0], v)
		return err
	}
	return cmd
}
