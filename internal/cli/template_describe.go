package cli

import (
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
)

// describeTemplate prints what a golden path asks for, gives, consists of, was, and
// who uses it.
func (a *app) describeTemplate(t pave.TemplateDetail) {
	a.pairs([][2]string{{"Name", t.Name}, {"Version", t.Version}, {"Format", t.Format}, {"Title", t.Title}, {"About", t.Description},
		{"Owner", t.Owner}, {"Aliases", strings.Join(t.Aliases, ", ")}, {"Source", t.Source}, {"Resources", strings.Join(t.Resources, ", ")},
		{"Digest", t.Digest}})
	for _, note := range t.Notes {
		fmt.Fprintf(a.out, "%s %s\n", a.paint(yellow, "note:"), oneLine(note))
	}
	a.heading("Inputs (--input NAME=VALUE)")
	var inputs table
	for _, f := range t.Fields {
		what := f.Rule
		switch {
		case f.Required:
			what += "; required"
		case f.Default != "":
			what += "; " + f.Default + " without"
		}
		inputs.rows = append(inputs.rows, []any{f.Name, what, f.Description})
	}
	a.indented(inputs)
	a.heading(fmt.Sprintf("Files (%d, of an example)", t.Files))
	for _, path := range t.Tree {
		fmt.Fprintf(a.out, "  %s\n", oneLine(path))
	}
	a.heading("Versions")
	versions := table{titles: []string{"VERSION", "FIRST SEEN", "SOURCE", "DIGEST"}}
	for _, v := range t.Versions {
		versions.rows = append(versions.rows, []any{v.Version, v.Created, v.Source, fmt.Sprintf("%.19s", v.Digest)})
	}
	a.indented(versions)
	a.heading("Services")
	services := table{titles: []string{"SERVICE", "TEAM", "VERSION"}}
	for _, s := range t.Services {
		services.rows = append(services.rows, []any{s.Service, s.Team, s.Version})
	}
	a.indented(services)
}
