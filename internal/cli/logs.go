package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) logs() *cobra.Command {
	cmd := &cobra.Command{
		Use: "logs NAME|RUN", Short: "Show what a service's processes, or a run's jobs, write",
		Long: "Show what the processes of a service write in one environment, or the jobs of a run.\n" +
			"With -f it goes on, also over restarts of the server and of the service. --since, --grep and\n" +
			"--instance pick lines of all that is kept; --tail counts those that are picked, with -f those\n" +
			"it picks from.",
		Example: examples("pave logs payment-processor", "pave logs payment-processor -f --env production --tail 20",
			"pave logs payment-processor --since 10m --grep 'level=(warn|error)'", "pave logs run_01JD4T9XK2M7"),
		Args: exactly("the name of a service or the id of a run"), ValidArgsFunction: a.completeArg(servicesAndRuns),
	}
	v := viewFlags(cmd, pave.LogLine{})
	var q pave.LogQuery
	var p pick
	f := cmd.Flags()
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on with what comes")
	f.StringVar(&q.Env, "env", "", "`ENVIRONMENT`; the lowest-ranked without")
	f.IntVar(&q.Tail, "tail", 0, "begin with the last `N` lines; -1 is all; 100 without, for a run all")
	f.DurationVar(&p.since, "since", 0, "only lines of the last `TIME`, such as 10m")
	f.StringVar(&p.grep, "grep", "", "only lines that match this `PATTERN` (RE2)")
	f.StringVar(&p.instance, "instance", "", "only lines of the processes, or steps, whose `NAME` begins so")
	times := f.Bool("timestamps", false, "with the time of each line")
	complete(cmd, "env", environmentNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		return a.showLogs(cmd.Context(), args[0], q, p, v, *times)
	}
	return cmd
}

// A pick says which lines of a log are wanted.
type pick struct {
	since          time.Duration
	grep, instance string
	pattern        *regexp.Regexp
	after          time.Time
}

func (p *pick) check() error {
	if p.since < 0 {
		return pave.BadField("since", p.since.String(), "must not be negative", "--since 10m")
	}
	if p.since > 0 {
		p.after = time.Now().Add(-p.since)
	}
	var err error
	if p.pattern, err = regexp.Compile(p.grep); err != nil {
		return pave.BadField("grep", oneLine(p.grep), "is no pattern: "+err.Error(), "--grep 'level=(warn|error)'")
	}
	return nil
}

func (p *pick) any() bool { return p.since > 0 || p.grep != "" || p.instance != "" }

func (p *pick) wants(l pave.LogLine) bool {
	return !l.At.Before(p.after) && p.pattern.MatchString(l.Text) && strings.HasPrefix(l.Source, p.instance)
}

func (a *app) showLogs(ctx context.Context, name string, q pave.LogQuery, p pick, v *view, times bool) error {
	print := func(l pave.LogLine) error {
		if !p.wants(l) {
			return nil
		}
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
	read := func(q pave.LogQuery, each func(pave.LogLine) error) error { return a.api().Logs(ctx, name, q, each) }
	if strings.HasPrefix(name, "run_") {
		if err := runArg(name); err != nil {
			return err
		}
		read = func(q pave.LogQuery, each func(pave.LogLine) error) error { return a.api().RunLog(ctx, name, q, each) }
	} else if err := nameArg(name); err != nil {
		return err
	} else if !p.any() || q.Follow && q.Tail > 0 {
		return read(q, print)
	}
	tail := q.Tail
	if q.Tail = -1; q.Follow || tail <= 0 {
		return read(q, print)
	}
	return lastLines(tail, func(each func(pave.LogLine) error) error {
		return read(q, func(l pave.LogLine) error {
			if !p.wants(l) {
				return nil
			}
			return each(l)
		})
	}, print)
}

// lastLines prints the last lines of what read gives.
func lastLines(n int, read func(func(pave.LogLine) error) error, print func(pave.LogLine) error) error {
	var last []pave.LogLine
	err := read(func(l pave.LogLine) error {
		if last = append(last, l); len(last) > n {
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
