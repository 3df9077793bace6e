package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) status() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status NAME", Short: "Show what a service is doing now, as observed",
		Long: "Show what a service is doing now: each environment with its address, release, processes\n" +
			"and traffic (requests, errors and latency from the router), and the state of what it has.\n" +
			"Everything is observed in this call.",
		Example: examples("pave status payment-processor", "pave status payment-processor --json status,deployments",
			"pave status payment-processor --jq '.deployments[].url'"),
		Args: exactly("the name of a service"), ValidArgsFunction: a.completeArg(serviceNames),
	}
	v := viewFlags(cmd, pave.Status{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := nameArg(args[0]); err != nil {
			return err
		}
		st, err := a.api().Status(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, st)
		}
		if v.output == "name" {
			fmt.Fprintln(a.out, st.Status)
			return nil
		}
		a.printStatus(st)
		return nil
	}
	return cmd
}

func (a *app) printStatus(st pave.Status) {
	fmt.Fprintf(a.out, "%s is %s   (team %s, observed %s)\n", st.Service, oneLine(st.Status), st.Team, st.Observed.Local().Format("15:04:05"))
	a.deployments(st)
	if len(st.Infrastructure) > 0 {
		a.heading("Resources")
		a.indented(a.resourceTable(st.Infrastructure))
	}
	a.printDrift(st)
	a.printUndeclared(st)
	if st.Run != nil {
		fmt.Fprintf(a.out, "\nRun %s (%s) is %s", shortID(st.Run.ID), oneLine(st.Run.Title), st.Run.State)
		if st.Run.Reason != "" {
			fmt.Fprintf(a.out, ": %s", oneLine(st.Run.Reason))
		}
		fmt.Fprintf(a.out, "\n  next: pave watch %s\n", shortID(st.Run.ID))
	}
}

// printDrift says what differs from what was applied, and what to do about it.
func (a *app) printDrift(st pave.Status) {
	if len(st.Drift) == 0 {
		return
	}
	a.heading("Drift")
	for _, r := range st.Drift {
		fmt.Fprintf(a.out, "  %s %s\n", a.paint(yellow, r.Ref.String()), driftText(r))
	}
	fmt.Fprintf(a.out, "  next: pave plan heal %s\n", st.Service)
}

// driftText is one line about what differs, and since when.
func driftText(r pave.Resource) string {
	return fmt.Sprintf("%s (since %s)", oneLine(strings.Join(r.Drift, "; ")), r.DriftSince.Local().Format(time.DateTime))
}

// deployments prints a block for each environment.
func (a *app) deployments(st pave.Status) {
	for _, d := range st.Deployments {
		release := "no release"
		if d.Release != nil {
			release = fmt.Sprintf("release %d (%.7s)", d.Release.Number, oneLine(d.Release.Commit))
		}
		fmt.Fprintf(a.out, "\n  %s: %s, %s, %s\n", d.Environment, dash(oneLine(d.Health)), release, dash(oneLine(d.Sync)))
		if d.Reason != "" {
			fmt.Fprintf(a.out, "    reason     %s\n", oneLine(d.Reason))
		}
		fmt.Fprintf(a.out, "    url        %s\n", dash(oneLine(d.URL)))
		if d.Address != "" {
			fmt.Fprintf(a.out, "    address    %s\n", oneLine(d.Address))
		}
		for _, i := range d.Instances {
			fmt.Fprintf(a.out, "    process    %s\n", instance(i))
		}
		if t := d.Traffic; t != nil {
			fmt.Fprintf(a.out, "    traffic    %d requests, %d errors, %.1f/s, p50 %.1f ms, p95 %.1f ms, p99 %.1f ms\n",
				t.Requests, t.Errors, t.PerSecond, t.P50, t.P95, t.P99)
		}
		for _, l := range d.LastLines {
			fmt.Fprintf(a.out, "    | %s\n", oneLine(l))
		}
	}
}

func instance(i pave.Instance) string {
	words := []string{oneLine(i.Name)}
	if i.PID > 0 {
		words = append(words, fmt.Sprintf("pid %d", i.PID), fmt.Sprintf("port %d", i.Port))
	}
	words = append(words, map[bool]string{true: "ready", false: "not ready"}[i.Ready])
	if i.Restarts > 0 {
		words = append(words, plural(i.Restarts, "restart"))
	}
	if i.LastExit != "" {
		words = append(words, "last exit: "+oneLine(i.LastExit))
	}
	return strings.Join(words, ", ")
}

// resourceTable is what a service has, for people.
func (a *app) resourceTable(all []pave.Resource) table {
	var t table
	for _, f := range a.foldResources(all) {
		r := f.first
		state := string(r.State)
		if r.Ready {
			state = "ready"
		}
		t.rows = append(t.rows, []any{r.Ref.Kind, dash(string(r.Ref.Env)), f.named(r.ExternalID), r.Provider, state, r.Reason})
	}
	return t
}
