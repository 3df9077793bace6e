package cli

import (
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) imports() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import PROVIDER", Short: "Let the catalog know the repositories of an organisation",
		Long: "Let the catalog know the repositories of an organisation on a git host that is bound. Nothing is\n" +
			"changed there, and none becomes a service by it: pave adopt ADDRESS does that. The catalog looks\n" +
			"again each hour.",
		Example: examples("pave import github", "pave import github --org myorg --json repositories"),
		Args:    exactly("a provider, such as github"), ValidArgsFunction: a.completeArg(fixed("github", "gitlab", "gitea")),
	}
	r := pave.ImportRequest{}
	cmd.Flags().StringVar(&r.Org, "org", "", "`NAME` of the organisation or group; that of the binding without")
	v := viewFlags(cmd, pave.Imported{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		r.Provider = args[0]
		out, err := a.api().Import(cmd.Context(), r)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, out)
		}
		t := table{titles: []string{"REPOSITORY", "LANGUAGE", "BRANCH", "VISIBILITY", "PUSHED"}}
		for _, r := range out.Repositories {
			pushed := "-"
			if !r.Pushed.IsZero() {
				pushed = r.Pushed.UTC().Format(time.DateOnly)
			}
			visibility := r.Visibility
			if r.Archived {
				visibility += ", archived"
			}
			t.rows = append(t.rows, []any{oneLine(r.Name), dash(oneLine(r.Language)), oneLine(r.Branch), visibility, pushed})
		}
		a.writeTable(t)
		fmt.Fprintf(a.out, "%s: repositories known: %d, with a service of pave: %d\n", oneLine(out.Org), len(out.Repositories), len(out.Services))
		if out.Gone > 0 {
			fmt.Fprintf(a.out, "%d known before are not there any more.\n", out.Gone)
		}
		fmt.Fprintf(a.out, "  Adopt one  pave adopt ADDRESS --name NAME --team TEAM\n  See them   pave list entities\n")
		return nil
	}
	return cmd
}
