package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

// topAtOnce is how many services are asked for at once.
const topAtOnce = 8

func (a *app) top() *cobra.Command {
	cmd := &cobra.Command{
		Use: "top", Short: "Show all services by their traffic",
		Long: "Show all services, one line for each environment, the busiest first: requests a second in the\n" +
			"last minute, errors and latency as the router counts them, processes and their restarts.",
		Example: examples("pave top", "pave top --jq '.[] | select(.deployments[].health != \"healthy\") | .service'"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.Status{})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		all, err := a.statuses(cmd.Context())
		if err != nil {
			return err
		}
		switch {
		case v.data():
			return v.write(cmd.Context(), a.out, all)
		case v.output == "name":
			for _, st := range all {
				fmt.Fprintln(a.out, st.Service)
			}
			return nil
		}
		a.writeTable(topTable(all))
		return nil
	}
	return cmd
}

// statuses asks for the status of every service; one that went meanwhile is left out.
func (a *app) statuses(ctx context.Context) ([]pave.Status, error) {
	services, err := a.api().Services(ctx, false)
	if err != nil {
		return nil, err
	}
	all, errs := make([]pave.Status, len(services)), make([]error, len(services))
	var group sync.WaitGroup
	slots := make(chan struct{}, topAtOnce)
	for i, s := range services {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			all[i], errs[i] = a.api().Status(ctx, string(s.Name))
		})
	}
	group.Wait()
	out := []pave.Status{}
	for i, err := range errs {
		if err != nil && pave.CodeOf(err) != pave.NotFound {
			return nil, err
		}
		if err == nil {
			out = append(out, all[i])
		}
	}
	return out, nil
}

// topTable has a line for each environment, the busiest first.
func topTable(all []pave.Status) table {
	type line struct {
		service pave.Name
		d       pave.Deployment
		t       pave.Traffic
	}
	var lines []line
	for _, st := range all {
		for _, d := range st.Deployments {
			l := line{service: st.Service, d: d}
			if d.Traffic != nil {
				l.t = *d.Traffic
			}
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(b.t.PerSecond, a.t.PerSecond) })
	t := table{titles: []string{"SERVICE", "ENVIRONMENT", "HEALTH", "REQUESTS/S", "P50", "P95", "P99", "REQUESTS", "ERRORS", "PROCESSES", "RESTARTS"}}
	ms := func(v float64) string { return fmt.Sprintf("%.1f ms", v) }
	for _, l := range lines {
		restarts := 0
		for _, i := range l.d.Instances {
			restarts += i.Restarts
		}
		t.rows = append(t.rows, []any{l.service, l.d.Environment, l.d.Health, fmt.Sprintf("%.1f", l.t.PerSecond), ms(l.t.P50), ms(l.t.P95),
			ms(l.t.P99), l.t.Requests, l.t.Errors, len(l.d.Instances), restarts})
	}
	return t
}
