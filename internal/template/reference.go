package template

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

var checkPattern = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$`)

// checkVariables holds variables to their rules; what they refer to must be among
// the template's resources.
func (t *Template) checkVariables() error {
	for _, name := range slices.Sorted(maps.Keys(t.Variables)) {
		field, value := "variables."+name, t.Variables[name]
		if err := pave.CheckVariable(name); err != nil {
			return err
		}
		switch ref, isRef := pave.ParseReference(value); {
		case isRef:
			if err := t.checkReference(field, ref); err != nil {
				return err
			}
		case strings.Contains(value, "{{"):
			return pave.BadField(field, value, "is neither text nor a reference", "for example: ${{ resources.database.host }}")
		case len(value) > MaxInput || strings.ContainsRune(value, 0):
			return pave.BadField(field, shown(value), "is too long", "at most 4096 characters")
		}
	}
	return nil
}

func (t *Template) checkReference(field string, ref pave.Reference) error {
	kinds := []string{}
	for _, r := range t.Resources {
		kinds = append(kinds, r.Kind)
	}
	if !slices.Contains(kinds, ref.Kind) {
		return pave.BadField(field, ref.Kind, "is no resource of this template", "its resources are "+strings.Join(kinds, ", "))
	}
	if outs := pave.Outputs[ref.Kind]; !slices.Contains(outs, ref.Output) {
		hint := "a " + ref.Kind + " gives " + strings.Join(outs, ", ")
		if near := pave.DidYouMean(ref.Output, outs); near != "" {
			hint = "did you mean " + near + "?"
		}
		return pave.BadField(field, ref.Output, "is no output of a "+ref.Kind, hint)
	}
	return nil
}

// check refuses what nothing can make: a service would silently be without it.
func (r Resource) check() error {
	kinds := pave.BackingKinds
	if !slices.Contains(kinds, r.Kind) {
		return pave.BadField("resources.kind", r.Kind, "is no kind of resource", meantOr(r.Kind, kinds))
	}
	if engines := pave.EnginesOf(r.Kind); !slices.Contains(engines, r.Engine) {
		return pave.BadField("resources.engine", r.Engine, "is no engine of a "+r.Kind, meantOr(r.Engine, engines))
	}
	return nil
}

// checkEngines refuses what nothing can make.
func (t *Template) checkEngines() error {
	for _, kind := range slices.Sorted(maps.Keys(t.Engines)) {
		for _, engine := range t.Engines[kind] {
			if _, err := pave.FindEngine(kind, engine); err != nil {
				return pave.BadField("engines."+kind, engine, "is no engine of a "+kind, pave.HintOf(err))
			}
		}
	}
	return nil
}

// Takes refuses an engine that the template's code does not speak to.
func (t *Template) Takes(kind, engine string) error {
	if all, some := t.Engines[kind]; some && engine != "" && !slices.Contains(all, engine) {
		return pave.BadField(kind, engine, "is nothing that the template "+t.Name+" speaks to", "one of "+strings.Join(append(slices.Clone(all), "none"), ", "))
	}
	return nil
}

// meantOr is a hint: the choice that was probably meant, else all.
func meantOr(value string, choices []string) string {
	if near := pave.DidYouMean(value, choices); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(choices, ", ")
}

// settable are the names that a check may set beside the inputs.
var settable = []string{"name", "team", "description", "database", "cache", "queue", "bucket", "environments", "inputs"}

// checkChecks holds the checks to their rules.
func (t *Template) checkChecks() error {
	seen := map[string]bool{}
	for _, c := range t.Checks {
		if !checkPattern.MatchString(c.Name) {
			return pave.BadField("checks.name", c.Name, "must be a name of a-z, 0-9 and '-'", "for example: with-database")
		}
		if seen[c.Name] {
			return pave.BadField("checks.name", c.Name, "stands there twice", "give each check a name of its own")
		}
		seen[c.Name] = true
		for _, name := range slices.Sorted(maps.Keys(c.Set)) {
			if known := append(t.Inputs.names(), settable...); !slices.Contains(known, strings.TrimPrefix(name, "inputs.")) {
				return pave.BadField("checks.set", name, "is not an input of this template", meantOr(name, known))
			}
		}
		for _, r := range c.Requests {
			if !strings.HasPrefix(r.Path, "/") {
				return pave.BadField("checks.requests.path", r.Path, "must begin with /", "for example: path: /")
			}
			if r.Status != 0 && (r.Status < 100 || r.Status > 599) {
				return pave.BadField("checks.requests.status", "", "must be a status of HTTP", "for example: status: 200")
			}
		}
	}
	return nil
}
