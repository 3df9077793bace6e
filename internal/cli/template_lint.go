package cli

import (
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/template"
	"github.com/spf13/cobra"
)

func (a *app) templateLint() *cobra.Command {
	cmd := &cobra.Command{
		Use: "lint SOURCE", Short: "Check a template and say what is wrong, with file and line",
		Long: "Check a template as the server does before it serves one: keys, names, versions, inputs,\n" +
			"conditions, every expression, paths; then what is probably not meant: inputs that nothing\n" +
			"uses, expressions in files that are not rendered, a tree that nothing says how to build.\n" +
			"Exit code 2 for an error and, with --strict, 1 for a note.",
		Example: examples("pave template lint ./web-service", "pave template lint gh:team/templates//service@main --strict"),
		Args:    sourceArg(),
	}
	strict := cmd.Flags().Bool("strict", false, "a note fails the command too")
	a.completeSource(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := a.loadTemplate(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		notes := append(t.Notes(), t.Lint()...)
		if note := buildable(cmd, t); note != "" {
			notes = append(notes, note)
		}
		for _, note := range notes {
			fmt.Fprintf(a.out, "%s %s\n", a.paint(yellow, "[!]"), oneLine(note))
		}
		a.say("%s %s (%s): no errors, %s", t.Name, t.Version, t.Format, plural(len(notes), "note"))
		if *strict && len(notes) > 0 {
			return &exitError{code: exitFailed}
		}
		return nil
	}
	return cmd
}

// buildable says why a service of the template could not be built, or nothing.
func buildable(cmd *cobra.Command, t *template.Template) string {
	v := template.Vars{Name: "sample", Team: "sample", Environments: []string{"staging"}, Database: t.Engine(pave.KindDatabase),
		Cache: t.Engine(pave.KindCache), Queue: t.Engine(pave.KindQueue), Bucket: t.Engine(pave.KindBucket), Inputs: t.Sample()}
	tree, err := t.Render(cmd.Context(), v)
	if err != nil {
		return "with sample inputs: " + err.Error()
	}
	if _, err := pipeline.Detect(tree.FS(), t.Run); err != nil {
		return err.Error()
	}
	return ""
}
