package terraform

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/zclconf/go-cty/cty"
)

// HCP is the provider by which HCP Terraform runs the modules, and TokenVariable what it
// is called with.
const (
	HCP           = "hcp-terraform"
	TokenVariable = "TFE_TOKEN"
)

// Order is what a module is run with for a resource, wherever it runs.
type Order struct {
	Module  pave.Module
	Inputs  map[string]any
	Imports []byte // a file of import blocks; nil for none
	spec    spec
}

// OrderOf reads the order of a resource from its spec.
func OrderOf(r resource.Resource) (Order, error) {
	s, err := specOf(r)
	if err != nil {
		return Order{}, err
	}
	return Order{Module: s.Module, Inputs: values(r, s), Imports: importBlocks(r, s.Module), spec: s}, nil
}

// Written are the inputs of a module that have parts: their values are read as terraform's
// language, those of the others as they are.
func Written(files fs.FS) map[string]bool {
	found, err := inspect(files)
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	for name, v := range found.vars {
		out[name] = !v.typ.IsPrimitiveType() && v.typ != cty.DynamicPseudoType
	}
	return out
}

// State tells what the module gave out.
func (o Order) State(kind string, r resource.Resource, outputs map[string]Output) (resource.State, error) {
	return stateOf(kind, r, o.spec, outputs)
}

// PlanLines says what a plan does, from terraform show -json.
func PlanLines(data []byte) ([]string, error) { return planLines(data) }

// Explain makes an error of the messages of a plan or an apply that failed.
func Explain(what string, lines []string) error { return explain(what, "it failed", lines) }

// Plain takes the frames off messages.
func Plain(lines []string) []string { return plain(lines) }

// Literal keeps terraform from reading a text as a template.
func Literal(s string) string { return literal(s) }

// Refuse is Conflict where a plan does what was not shown.
func Refuse(lines []string, r resource.Resource) error {
	more := unshown(lines, r.Shown)
	if len(more) == 0 {
		return nil
	}
	what := "do"
	if slices.ContainsFunc(more, takesAway) {
		what = "take away"
	}
	return pave.Errorf(pave.Conflict, "terraform would %s what the plan did not say: %s", what, short(strings.Join(more, "; "), 2000)).
		WithHint("pave plan heal %s shows it; pave heal %[1]s does it", r.Ref.Service)
}
