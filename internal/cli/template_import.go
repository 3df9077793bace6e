package cli

import (
	"context"
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/pave-platform/pave/internal/source"
	"github.com/spf13/cobra"
)

func (a *app) templateImport() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import SOURCE", Short: "Let all templates of a repository or zip serve, with a report of each",
		Long: "Let the server offer every template that lies at an address: folders with a template.yaml\n" +
			"or a cookiecutter.json. The report says of each whether it works, works with notes, or\n" +
			"cannot, and why. The server looks again every 15 minutes; the same command does so at\n" +
			"once. A template that breaks keeps its last good version. Exit code 1 if one cannot.",
		Example: examples("pave template import gh:team/templates", "pave template import https://git.example.com/team/templates.git//golden@main",
			"pave template import gh:team/templates --jq '.templates[] | select(.result == \"cannot\")'"),
		Args: sourceArg(),
	}
	v := viewFlags(cmd, pave.TemplateImport{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := refuseFolder(args[0]); err != nil {
			return err
		}
		report, err := a.api().ImportTemplates(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if v.data() {
			if err := v.write(cmd.Context(), a.out, report); err != nil {
				return err
			}
		} else {
			a.printImport(report)
		}
		for _, t := range report.Templates {
			if t.Result == pave.ImportCannot {
				return &exitError{code: exitFailed}
			}
		}
		return nil
	}
	return cmd
}

func (a *app) printImport(report pave.TemplateImport) {
	counts := map[string]int{}
	for _, t := range report.Templates {
		counts[t.Result]++
		mark, name := a.paint(green, "[+]"), t.Name+" "+t.Version
		if t.Result == pave.ImportCannot {
			mark, name = a.paint(red, "[!]"), ""
		}
		fmt.Fprintf(a.out, "%s %s %s %s\n", mark, pad(oneLine(t.Folder), 24), pad(t.Result, 16), oneLine(name))
		if t.Error != "" {
			fmt.Fprintf(a.out, "      %s\n", oneLine(t.Error))
		}
		if t.Hint != "" {
			fmt.Fprintf(a.out, "      next: %s\n", oneLine(t.Hint))
		}
		if t.Serving != "" {
			fmt.Fprintf(a.out, "      version %s goes on serving\n", oneLine(t.Serving))
		}
		for _, note := range t.Notes {
			fmt.Fprintf(a.out, "      note: %s\n", oneLine(note))
		}
	}
	at := ""
	if report.Commit != "" {
		at = fmt.Sprintf(" at %.7s", report.Commit)
	}
	a.say("%s%s: %d work, %d with notes, %d cannot", oneLine(report.Source), at, counts[pave.ImportWorks],
		counts[pave.ImportNotes], counts[pave.ImportCannot])
}

func (a *app) templateSources() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sources", Short: "List where templates were imported from",
		Long:    "List where templates were imported from, at which commit, and what went wrong at the last look.",
		Example: examples("pave template sources", "pave template sources --json address,commit,error"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.TemplateSource{})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		all, err := a.api().TemplateSources(cmd.Context())
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, all)
		}
		if len(all) == 0 {
			a.say("no templates were imported: pave template import SOURCE")
			return nil
		}
		t := table{titles: []string{"SOURCE", "COMMIT", "LOOKED AT", "ERROR"}}
		for _, s := range all {
			t.rows = append(t.rows, []any{s.Address, fmt.Sprintf("%.7s", s.Commit), s.Checked, s.Error})
		}
		a.writeTable(t)
		return nil
	}
	return cmd
}

func (a *app) templateForget() *cobra.Command {
	cmd := &cobra.Command{
		Use: "forget SOURCE", Short: "Let the templates of a source serve no longer",
		Long: "Let the templates that were imported from a source serve no longer. Services made from\n" +
			"them stay as they are, and so do the versions they were made from.",
		Example: examples("pave template forget gh:team/templates", "pave template sources"),
		Args:    sourceArg(),
	}
	cmd.ValidArgsFunction = a.completeArg(templateSourceNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		address, err := canonical(args[0])
		if err != nil {
			return err
		}
		if err := a.api().ForgetTemplates(cmd.Context(), address); err != nil {
			return err
		}
		a.say("the templates of %s serve no longer", oneLine(address))
		return nil
	}
	return cmd
}

func templateSourceNames(ctx context.Context, a *app) ([]string, error) {
	return a.live(ctx, func(c *client.Client) ([]string, error) {
		all, err := c.TemplateSources(ctx)
		return namesFrom(all, func(s pave.TemplateSource) string { return s.Address }), err
	})
}

// canonical writes an address as the server keeps it.
func canonical(ref string) (string, error) {
	at, err := source.Parse(ref)
	return at.String(), err
}
