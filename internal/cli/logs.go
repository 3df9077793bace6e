package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) logs() *cobra.Command {
	cmd := &cobra.Command{
		Use: "logs NAME|RUN", Short: "Show what a service's processes, or a run's jobs, write",
		Long: "Show what the processes of a service write in one environment, or the jobs of a run.\n" +
			"With -f it goes on, also over restarts of the server and of the service.",
		Example: examples("pave logs payment-processor", "pave logs payment-processor -f --env production --tail 20", "pave logs run_01JD4T9XK2M7"),
		Args:    exactly("the name of a service or the id of a run"), ValidArgsFunction: a.completeArg(servicesAndRuns),
	}
	v := viewFlags(cmd, pave.LogLine{})
	var q pave.LogQuery
	f := cmd.Flags()
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on with what comes")
	f.StringVar(&q.Env, "env", "", "`ENVIRONMENT`; the lowest-ranked without")
	f.IntVar(&q.Tail, "tail", 0, "begin with the last `N` lines; -1 is all; 100 without, for a run all")
	times := f.Bool("timestamps", false, "with the time of each line")
	complete(cmd, "env", environmentNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		return a.showLogs(cmd.Context(), args[0], q, v, *times)
	}
	return cmd
}

func (a *app) showLogs(ctx context.Context, name string, q pave.LogQuery, v *view, times bool) error {
	print := func(l pave.LogLine) error {
		if v.data() {
			return v.writeLine(ctx, a.out, l)
		}
		line := a.paint(dim, oneLine(l.Source)+" |") + " " + strings.TrimRight(clean(l.Text), "\n")
		if times {
			line = l.At.UTC().Format("2006-01-02T15:04:05.000Z ") + line
		}
		_, err := fmt.Fprintln(a.out, line)
		return err
	}
	if strings.HasPrefix(name, "run_") {
		if err := runArg(name); err != nil {
			return err
		}
		return a.runLog(ctx, name, q, print)
	}
	if err := nameArg(name); err != nil {
		return err
	}
	return a.api().Logs(ctx, name, q, print)
}

// runLog prints the log of a run; the server gives it whole, the last lines are
// taken here.
func (a *app) runLog(ctx context.Context, id string, q pave.LogQuery, print func(pave.LogLine) error) error {
	tail := q.Tail
	if q.Follow || tail <= 0 {
		return a.api().RunLog(ctx, id, q, print)
	}
	var last []pave.LogLine
	err := a.api().RunLog(ctx, id, q, func(l pave.LogLine) error {
		if last = append(last, l); len(last) > tail {
			last = last[1:]
		}
		return nil
	})
	for _, l := range last {
		if err := print(l); err != nil {
			return err
		}
	}
	return err
}
