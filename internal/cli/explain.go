package cli

import (
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) explain() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain NAME", Short: "Show each resource of a service: provider, state, age, name outside, where to look deeper",
		Long: "Show each resource of a service as it is now: by which provider, in which state, how old\n" +
			"that knowledge is, its exact name outside pave, and the commands that show more.",
		Example: examples("pave explain payment-processor", "pave explain payment-processor --jq '.[].external_id'"),
		Args:    exactly("the name of a service"), ValidArgsFunction: a.completeArg(serviceNames),
	}
	v := viewFlags(cmd, pave.Resource{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := nameArg(args[0]); err != nil {
			return err
		}
		all, err := a.api().Explain(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		switch {
		case v.data():
			return v.write(cmd.Context(), a.out, all)
		case v.output == "name":
			for _, r := range all {
				fmt.Fprintln(a.out, oneLine(r.Ref.String()))
			}
			return nil
		}
		at, err := a.endpoint(cmd.Context())
		if err != nil {
			return err
		}
		a.printExplain(args[0], at.Version, all)
		return nil
	}
	return cmd
}

func (a *app) printExplain(name, version string, all []pave.Resource) {
	fmt.Fprintf(a.out, "%s, on pave %s\n", name, oneLine(version))
	now := time.Now()
	var t table
	for _, r := range all {
		mark := a.paint(red, "[!]")
		switch {
		case r.State == pave.ResourceAside:
			mark = "[ ]"
		case r.Ready:
			mark = a.paint(green, "[+]")
		}
		t.rows = append(t.rows, []any{painted(mark), r.Ref.Kind, dash(string(r.Ref.Env)), r.Provider, explainState(r, now), r.ExternalID, r.Reason})
	}
	a.writeAligned(t)
	for _, r := range all {
		if len(r.Drift) > 0 {
			fmt.Fprintf(a.out, "%s %s %s\n", a.paint(yellow, "drift:"), oneLine(r.Ref.String()), driftText(r))
		}
	}
	fmt.Fprintln(a.out, "\nLook deeper:")
	for _, r := range all {
		for _, l := range r.Look {
			fmt.Fprintf(a.out, "  %-12s %s\n", r.Ref.Kind, oneLine(l))
		}
	}
	for _, l := range []string{"pave status " + name, "pave logs " + name + " -f", "pave list runs --service " + name,
		"pave describe service " + name} {
		fmt.Fprintf(a.out, "  %-12s %s\n", "service", l)
	}
}

func explainState(r pave.Resource, now time.Time) string {
	switch {
	case r.State == pave.ResourceAside:
		return "set aside, kept until " + r.KeptUntil.UTC().Format(time.DateOnly)
	case r.Observed.IsZero():
		return string(r.State) + ", never seen"
	}
	return fmt.Sprintf("%s, seen %s ago", r.State, age(now, r.Observed))
}
