package platform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// resolveSetVariable: revision n -> n+1 with further variables.
func (p *Platform) resolveSetVariable(ctx context.Context, r pave.SetVariable) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	var bad problems
	if len(r.Variables) == 0 {
		return tr, pave.BadField("variables", "", "are needed", "pave set variable NAME=VALUE --service "+r.Service)
	}
	names := slices.Sorted(maps.Keys(r.Variables))
	for _, name := range names {
		bad.add(pave.CheckVariable(name))
		bad.add(checkValue(tr, name, r.Variables[name]))
		bad.add(notLinked(tr.from, "variable", name, r.Service))
		bad.add(notBackings(tr.from, "variable", name))
		if err := p.notRoles(ctx, tr.service.ID, "variable", name); err != nil && !bad.add(err) {
			return tr, err
		}
		if isSecret(tr.from, name) {
			bad.add(pave.BadField("variable", name, "is a secret of "+r.Service,
				fmt.Sprintf("pave unset secret %s --service %s, then set it as a variable", name, r.Service)))
		}
	}
	if err := bad.err(); err != nil {
		return tr, err
	}
	tr.notes = keepsOwn(tr.from, env, names, func(s pave.Settings) map[string]string { return s.Variables })
	return tr.settings(env, func(s *pave.Settings) {
		if s.Variables == nil {
			s.Variables = map[string]string{}
		}
		maps.Copy(s.Variables, r.Variables)
	}), nil
}

// resolveUnsetVariable: revision n -> n+1 with fewer variables.
func (p *Platform) resolveUnsetVariable(ctx context.Context, r pave.UnsetVariable) (transition, error) {
	tr, env, err := p.ofSettings(ctx, r.Service, r.Verb(), r.Environment)
	if err != nil {
		return tr, err
	}
	if len(r.Names) == 0 {
		return tr, pave.BadField("names", "", "are needed", "pave unset variable NAME --service "+r.Service)
	}
	of := func(s pave.Settings) map[string]string { return s.Variables }
	for _, name := range r.Names {
		if err := isSet(tr.from, env, "variable", name, of); err != nil {
			return tr, err
		}
	}
	return tr.unset(env, r.Names, of), nil
}

// checkValue holds the value of a variable to its rules.
func checkValue(tr transition, name, value string) error {
	ref, isReference := pave.ParseReference(value)
	switch {
	case isReference:
		return checkReference(tr, ref)
	case strings.Contains(value, "${{"):
		return pave.BadField(name, value, "is neither text nor a reference", "for example: ${{ resources.database.host }}")
	case len(value) > pave.MaxValue:
		return pave.BadField(name, value[:20]+"...", "is too long", fmt.Sprintf("at most %d bytes", pave.MaxValue))
	case strings.ContainsRune(value, 0):
		return pave.BadField(name, "", "has a NUL byte", "take it out")
	}
	return nil
}

func checkReference(tr transition, ref pave.Reference) error {
	outputs, known := pave.Outputs[ref.Kind]
	kinds := slices.Sorted(maps.Keys(pave.Outputs))
	switch {
	case !known:
		return pave.BadField("reference", ref.Kind, "is no kind that variables may refer to", didYouMean(ref.Kind, kinds))
	case !slices.Contains(outputs, ref.Output):
		return pave.BadField("reference", ref.Output, "is no output of a "+ref.Kind, didYouMean(ref.Output, outputs))
	case tr.from.Engine(ref.Kind) == "":
		return pave.BadField("reference", ref.Kind, fmt.Sprintf("is nothing that %s has", tr.service.Name),
			fmt.Sprintf("pave add %s --service %s", ref.Kind, tr.service.Name))
	}
	return nil
}

// didYouMean is a hint about what a value could have been.
func didYouMean(value string, choices []string) string {
	if near := pave.DidYouMean(value, choices); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(choices, ", ")
}

// Variables lists the variables of a service's processes beside those that every one
// gets.
func (p *Platform) Variables(ctx context.Context, name string) ([]pave.Variable, error) {
	svc, err := p.serviceNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return nil, err
	}
	w := rev.Wanted
	var fromTemplate map[string]string
	if t, err := p.Templates.Get(ctx, w.Digest); err == nil {
		fromTemplate = t.Variables
	}
	out := []pave.Variable{}
	for _, r := range w.Resources {
		for _, v := range r.Variables() {
			out = append(out, pave.Variable{Name: v.Name, Value: fmt.Sprintf("${{ resources.%s.%s }}", r.Kind, v.Output), Origin: r.Kind + " " + r.Engine})
		}
	}
	roles, err := p.roleVariables(ctx, svc.ID)
	if err != nil {
		return nil, err
	}
	for _, env := range slices.Sorted(maps.Keys(roles)) {
		out = append(out, pave.Variable{Name: roles[env], Value: "${{ resources.role.role }}", Environment: env, Origin: pave.KindRole})
	}
	for _, env := range append([]pave.Name{""}, w.Environments...) {
		all := w.In[env].Variables
		if env == "" {
			all = w.Variables
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			v := pave.Variable{Name: name, Value: all[name], Environment: env, Origin: "set"}
			if was, ok := fromTemplate[name]; ok && was == all[name] && env == "" {
				v.Origin = "template " + w.Template + " " + w.Version
			}
			out = append(out, v)
		}
	}
	return out, nil
}
