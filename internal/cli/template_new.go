package cli

import (
	"embed"
	"io/fs"

	"github.com/pave-platform/pave/internal/template"
	"github.com/spf13/cobra"
)

// starter is the template of a template.
//
//go:embed all:starter
var starter embed.FS

func (a *app) templateNew() *cobra.Command {
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Start a template of your own, one that works from the first minute",
		Long: "Write a small template that works: a service in Go with its tests and two checks. Change\n" +
			"it step by step; lint, render and test say how it fares.",
		Example: examples("pave template new web-service", "pave template new web-service --out templates/web --team platform"),
		Args:    exactly("the NAME of the template"),
	}
	var out, team string
	cmd.Flags().StringVar(&out, "out", "", "the `DIR` to make; NAME without")
	cmd.Flags().StringVar(&team, "team", "platform", "the `TEAM` that keeps it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkNames([2]string{"name", args[0]}, [2]string{"team", team}); err != nil {
			return err
		}
		if out == "" {
			out = args[0]
		}
		folder, err := fs.Sub(starter, "starter")
		if err != nil {
			return err
		}
		t, err := template.Load(folder)
		if err != nil {
			return err
		}
		tree, err := t.Render(cmd.Context(), template.Vars{Name: args[0], Team: team})
		if err != nil {
			return err
		}
		if err := writeTree(cmd.Context(), out, tree.Files); err != nil {
			return err
		}
		a.say("template %s is in %s: %d files", args[0], out, len(tree.Files))
		a.say("  try it    pave template test %s", dotted(out))
		a.say("  serve it  pave create service --name NAME --team TEAM --template %s", dotted(out))
		return nil
	}
	return cmd
}

// dotted writes a folder so that it is not taken for the name of a template.
func dotted(dir string) string {
	if dir[0] == '/' || dir[0] == '.' {
		return dir
	}
	return "./" + dir
}
