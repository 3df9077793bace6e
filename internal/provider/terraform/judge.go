package terraform

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/pave-platform/pave"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// A variable is what the values of an input are held against. It judges as terraform does,
// without running it.
type variable struct {
	typ      cty.Type // any where it has none, or one that is not understood
	parts    *typeexpr.Defaults
	fallback hcl.Expression // its default; nil for none
	nullable bool
	rules    []rule
	weight   int   // of its type
	fuel     *fuel // for all that is judged of its module
}

// A rule is a validation of a variable.
type rule struct {
	condition, message hcl.Expression
	at                 hcl.Range
}

func variableOf(content *hcl.BodyContent, f *fuel) variable {
	v := variable{fuel: f, typ: cty.DynamicPseudoType, fallback: exprOf(content.Attributes["default"]), nullable: true}
	t := typeOf(exprOf(content.Attributes["type"]))
	if weight, ok := typelike(t); ok && f.take(weight) {
		if typ, parts, diags := typeexpr.TypeConstraintWithDefaults(t); !diags.HasErrors() {
			v.typ, v.parts, v.weight = typ, parts, weight
		}
	}
	if n := content.Attributes["nullable"]; n != nil {
		v.nullable = yes(n)
	}
	for _, b := range content.Blocks {
		body, _, _ := b.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "condition"}, {Name: "error_message"}}})
		v.rules = append(v.rules, rule{exprOf(body.Attributes["condition"]), exprOf(body.Attributes["error_message"]), b.DefRange})
	}
	return v
}

// typeOf is the expression of a type, which is a text in JSON; nil for none, or one that is
// too deep.
func typeOf(e hcl.Expression) hcl.Expression {
	if _, ok := e.(hclsyntax.Expression); ok || e == nil {
		return e
	}
	text := textOf(e)
	if tame([]byte(text), "") != nil {
		return nil
	}
	parsed, diags := hclsyntax.ParseExpression([]byte(text), e.Range().Filename, e.StartRange().Start)
	if diags.HasErrors() {
		return nil
	}
	return parsed
}

// judge says why terraform would refuse a value of the input, and which of its rules a plan
// alone can judge. Of a secret value nothing is said.
func (v variable) judge(name string, value cty.Value, secret bool) (why string, left []string) {
	if value.IsNull() && !v.nullable {
		if v.fallback != nil {
			return "", nil // it is its default then
		}
		return "which the module does not take", nil
	}
	value, err := v.convert(value)
	if err != nil && secret {
		return "which is no " + typeName(v.typ), nil
	}
	if err != nil {
		return fmt.Sprintf("which is no %s: %s", typeName(v.typ), err), nil
	}
	for _, r := range v.rules {
		switch met := v.eval(r.condition, name, value); {
		case met == cty.NilVal || met.Type() != cty.Bool:
			left = append(left, fmt.Sprintf("the rule of input %s at %s:%d is judged by the plan of a service, not here", name, path.Base(r.at.Filename), r.at.Start.Line))
		case met.False():
			return "which the module refuses: " + v.message(r, name, value, secret), nil
		}
	}
	return "", left
}

// convert is what the input makes of a value. One that is too large is not known.
func (v variable) convert(value cty.Value) (cty.Value, error) {
	s, ok := measure(value)
	cost := s.elements * (1 + v.weight)
	if v.typ != cty.DynamicPseudoType && v.typ.HasDynamicTypes() {
		cost += s.elements * s.elements // each is compared to each for what they have in common
	}
	if !ok || !v.fuel.take(cost) {
		return cty.DynamicVal, nil
	}
	if v.parts != nil && !value.IsNull() {
		value = v.parts.Apply(value)
	}
	value, err := convert.Convert(value, v.typ)
	if err != nil {
		return value, err
	}
	if _, ok := measure(value); !ok {
		return cty.DynamicVal, nil
	}
	return value, nil
}

// eval evaluates an expression that needs nothing but the value. It is NilVal where that is
// not known: where a function is another one in terraform, where it fails, or takes long.
func (v variable) eval(e hcl.Expression, name string, value cty.Value) cty.Value {
	node, ok := e.(hclsyntax.Expression)
	if !ok || !v.fuel.affords(node, value) || !closed(node, name) {
		return cty.NilVal
	}
	all := &hcl.EvalContext{Functions: map[string]function.Function{"can": tryfunc.CanFunc, "try": tryfunc.TryFunc}}
	for name, fn := range functions {
		all.Functions[name] = v.fuel.bounded(name, fn)
	}
	all.Variables = map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{name: value})}
	out, diags := node.Value(all)
	if diags.HasErrors() || !out.IsKnown() || out.IsNull() {
		return cty.NilVal
	}
	return out
}

// message is that of a rule. One that would tell a secret value is not known.
func (v variable) message(r rule, name string, value cty.Value, secret bool) string {
	if secret {
		value = cty.DynamicVal
	}
	out := v.eval(r.message, name, value)
	if out == cty.NilVal || out.Type() != cty.String {
		return fmt.Sprintf("the rule at %s:%d", path.Base(r.at.Filename), r.at.Start.Line)
	}
	return short(strings.Join(strings.Fields(out.AsString()), " "), 300)
}

// closed reports whether an expression needs nothing but the variable itself and functions
// that are the same here: a call of another one within can() would be false in silence.
func closed(e hclsyntax.Expression, name string) bool {
	for _, t := range e.Variables() {
		if t.RootName() != "var" || len(t) < 2 {
			return false
		}
		if step, ok := t[1].(hcl.TraverseAttr); !ok || step.Name != name {
			return false
		}
	}
	all := true
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics { // it has none
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name != "can" && call.Name != "try" {
			_, known := functions[call.Name]
			all = all && known
		}
		return nil
	})
	return all
}

// valueOf is a value as terraform reads it from a file of JSON.
func valueOf(v any) (cty.Value, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return cty.NilVal, err
	}
	typ, err := ctyjson.ImpliedType(text)
	if err != nil {
		return cty.NilVal, err
	}
	return ctyjson.Unmarshal(text, typ)
}

// literalOf is a value as terraform reads it from its environment: what has a type of parts
// is written in its language. Without a type it is not known.
func (v variable) literalOf(text string) (value cty.Value, ok bool) {
	switch {
	case v.typ == cty.DynamicPseudoType:
		return cty.DynamicVal, true
	case v.typ.IsPrimitiveType():
		return cty.StringVal(text), true
	}
	if tame([]byte(text), "") != nil {
		return cty.DynamicVal, true
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	if !verbatim(e) {
		return cty.DynamicVal, true
	}
	value, diags = e.Value(nil)
	return value, !diags.HasErrors()
}

// takes reports whether an input can be what pave fills in with a word.
func (v variable) takes(word string) bool {
	from := cty.String
	if word == pave.FillTags {
		from = cty.Map(cty.String)
	}
	return v.typ == cty.DynamicPseudoType || from.Equals(v.typ) || convert.GetConversionUnsafe(from, v.typ) != nil
}

func typeName(t cty.Type) string {
	if t == cty.DynamicPseudoType {
		return "value"
	}
	return short(typeexpr.TypeString(t.WithoutOptionalAttributesDeep()), 80)
}

// flag is how a value is given.
func (v variable) flag(name string) string {
	text := name + "=" + v.example()
	if strings.Contains(text, `"`) {
		text = "'" + text + "'"
	}
	return "--set " + text
}

// example is how a value is written.
func (v variable) example() string {
	switch t := v.typ; {
	case t == cty.Number:
		return "NUMBER"
	case t == cty.Bool:
		return "true or false"
	case t.IsListType(), t.IsSetType(), t.IsTupleType():
		return `["A","B"]`
	case t.IsMapType(), t.IsObjectType():
		return `{"KEY":"VALUE"}`
	}
	return "VALUE"
}
