package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) imports() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import PROVIDER", Short: "Let the catalog know the repositories of an organisation",
		Long: "Let the catalog know the repositories of an organisation on a git host that is bound. Nothing is\n" +
			"changed there, and none becomes a service by it: pave adopt ADDRESS does that. The catalog looks\n" +
			"again each hour.\n\n" +
			"Where a repository has a catalog-info.yaml, what it describes is known too: of 20 seconds' worth\n" +
			"at once, of the others by and by, and again after each push.",
		Example: examples("pave import github", "pave import github --org myorg --json repositories",
			"pave import gitlab --entity-file none", "pave import github --allow Component,API,Group,User"),
		Args: exactly("a provider, such as github"), ValidArgsFunction: a.completeArg(fixed("github", "gitlab", "gitea")),
	}
	r := pave.ImportRequest{}
	cmd.Flags().StringVar(&r.Org, "org", "", "`NAME` of the organisation or group; that of the binding without")
	cmd.Flags().StringVar(&r.EntityFile, "entity-file", "catalog-info.yaml", "`PATH` of the file of each repository that describes entities; none: read none")
	cmd.Flags().StringSliceVar(&r.Allow, "allow", []string{"Component", "System", "API", "Resource", "Location", "Template"}, "`KIND`s of entities that are taken in")
	v := viewFlags(cmd, pave.Imported{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		r.Provider = args[0]
		if r.EntityFile == "" {
			r.EntityFile = "none"
		}
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
		a.describedByFiles(out)
		fmt.Fprintf(a.out, "  Adopt one  pave adopt ADDRESS --name NAME --team TEAM\n  See them   pave list entities\n")
		return nil
	}
	return cmd
}

// describedByFiles says what files of an organisation came to, and what is wrong with them.
func (a *app) describedByFiles(out pave.Imported) {
	if out.EntityFile == "" {
		return
	}
	fmt.Fprintf(a.out, "%s: looked for now: %d, entities known: %d in %d repositories", oneLine(out.EntityFile), out.Read, out.Entities, out.Described)
	if out.Waiting > 0 {
		fmt.Fprintf(a.out, "; still to be read, by and by: %d", out.Waiting)
	}
	fmt.Fprintln(a.out)
	const most = 10
	for i, f := range out.Faults {
		if i == most {
			fmt.Fprintf(a.out, "  and %d more: pave list entities\n", len(out.Faults)-most)
			break
		}
		fmt.Fprintf(a.out, "  ! %s\n", oneLine(strings.TrimPrefix(f.Repository+": "+f.Error, ": ")))
	}
}
