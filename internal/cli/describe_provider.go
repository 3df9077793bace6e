package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// describeProvider prints what a binding tells a provider: what has to be told, by which
// flag, and what holds where nothing is.
func (a *app) describeProvider(p pave.Provider) {
	a.pairs([][2]string{{"Kind", p.Kind}, {"Name", p.Name}, {"Bound in", cmp.Or(strings.Join(p.Bound, ", "), "nothing")}})
	for _, flag := range []string{"--set", "--secret"} {
		t := table{titles: []string{strings.ToUpper(strings.TrimPrefix(flag, "--")), "WITHOUT", "WHAT IT IS"}}
		for _, f := range p.Fields {
			if f.Secret == (flag == "--secret") {
				t.rows = append(t.rows, []any{f.Name, withoutIt(f), whatItIs(f)})
			}
		}
		if len(t.rows) > 0 {
			a.heading("Told by " + flag)
			a.indented(t)
		}
	}
	told := ""
	if slices.Contains([]string{"terraform", "hcp-terraform"}, p.Name) {
		told = " --module SOURCE"
		a.say("it is told what its module asks for: pave add module SOURCE --kind %s shows that", oneLine(p.Kind))
	}
	for _, f := range p.Fields {
		if f.Required {
			told += map[bool]string{false: " --set " + f.Name + "=" + strings.ToUpper(f.Name), true: " --secret " + f.Name + " < FILE"}[f.Secret]
		}
	}
	a.say("next: pave bind ENVIRONMENT|default %s %s%s", oneLine(p.Kind), oneLine(p.Name), oneLine(told))
}

func withoutIt(f pave.BindingField) string {
	if f.Required {
		return "(needed)"
	}
	return dash(f.Default)
}

// whatItIs is a description, with the values there are where it does not name them.
func whatItIs(f pave.BindingField) string {
	if len(f.OneOf) == 0 || slices.Equal(f.OneOf, []string{"true", "false"}) {
		return f.Description
	}
	return f.Description + ": " + strings.Join(f.OneOf, ", ")
}
