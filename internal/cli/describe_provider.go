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
	if slices.Contains([]string{"terraform", "hcp-terraform"}, p.Name) {
		a.say("it is told what its module asks for: pave add module SOURCE --kind %s shows that", oneLine(p.Kind))
	}
	a.say("next: %s", oneLine(howToHave(p)))
}

// howToHave is the command that makes things by a provider. One that is an engine of this
// machine is chosen service by service, once the first of its kind is bound, which stands
// for this machine.
func howToHave(p pave.Provider) string {
	bound := len(p.Bound) > 0 || p.Name != pave.LocalProvider(p.Kind)
	for _, e := range pave.Backings {
		if e.Kind == p.Kind && e.Provider == p.Name && bound {
			return "pave add " + e.Kind + " --service NAME --engine " + e.Name
		}
	}
	at := "ENVIRONMENT|default"
	if p.Kind == pave.KindRepository {
		at = "default" // a service has one repository
	}
	told := ""
	switch p.Name {
	case "terraform":
		told = " --module SOURCE"
	case "hcp-terraform":
		told = " --org ORG --module SOURCE --secret TFE_TOKEN < FILE"
	}
	for _, f := range p.Fields {
		if f.Required {
			told += map[bool]string{false: " --set " + f.Name + "=" + strings.ToUpper(f.Name), true: " --secret " + f.Name + " < FILE"}[f.Secret]
		}
	}
	return "pave bind " + at + " " + p.Kind + " " + p.Name + told + usualLogin(p.Fields)
}

// usualLogin is how a provider is mostly signed in to that knows several ways, of which
// none is needed by itself.
func usualLogin(fields []pave.BindingField) string {
	has := func(name string) bool {
		return slices.ContainsFunc(fields, func(f pave.BindingField) bool { return f.Name == name })
	}
	switch {
	case slices.ContainsFunc(fields, func(f pave.BindingField) bool { return f.Secret && f.Required }):
		return ""
	case has("secret_id") && has("role"):
		return " --set role=ROLE --secret secret_id < FILE"
	case has("token"):
		return " --secret token < FILE"
	}
	return ""
}

// severalProviders is the error for a name that providers of several kinds have.
func severalProviders(name string, found []any) error {
	var full []string
	for _, o := range found {
		p := o.(pave.Provider)
		full = append(full, p.Kind+"/"+p.Name)
	}
	return pave.Errorf(pave.Invalid, "there is a provider %s of several kinds", oneLine(name)).WithHint("one of %s", strings.Join(full, ", "))
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
