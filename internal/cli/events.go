package cli

import (
	"cmp"
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) events() *cobra.Command {
	cmd := &cobra.Command{
		Use: "events [NAME]", Short: "Show what happens, of all services or of one",
		Long: "Show what happened to runs, of all services or of one, oldest first. With -f it goes on with\n" +
			"what comes, also over restarts of the server: no event is lost or shown twice. --after goes\n" +
			"on from the number of an event.",
		Example: examples("pave events", "pave events payment-processor -f", "pave events --after 1200 --json seq,type,run"),
		Args:    between(0, "the name of a service"), ValidArgsFunction: a.completeArg(serviceNames),
	}
	v := viewFlags(cmd, pave.Event{})
	var f pave.EventFilter
	follow := cmd.Flags().BoolP("follow", "f", false, "go on with what comes")
	cmd.Flags().Int64Var(&f.After, "after", 0, "later than the event of this `NUMBER`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if len(args) == 1 {
			if f.Service = args[0]; nameArg(f.Service) != nil {
				return nameArg(f.Service)
			}
		}
		print := func(e pave.Event) error {
			if v.data() {
				return v.writeLine(cmd.Context(), a.out, e)
			}
			d := dataOf(e)
			_, err := fmt.Fprintf(a.out, "%-6d %s %s %-14s %-24s %s\n", e.Seq, e.At.Local().Format("15:04:05"), shortID(e.Run),
				oneLine(e.Type), dash(oneLine(e.Step)), oneLine(cmp.Or(d.Reason, d.Summary)))
			return err
		}
		if *follow {
			return a.api().Stream(cmd.Context(), f, print)
		}
		for f.Limit = 200; ; {
			page, err := a.api().Events(cmd.Context(), f)
			if err != nil {
				return err
			}
			for _, e := range page {
				if err := print(e); err != nil {
					return err
				}
				f.After = e.Seq
			}
			if len(page) < f.Limit {
				return nil
			}
		}
	}
	return cmd
}
