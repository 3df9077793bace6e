package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/pave-platform/pave"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
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
}

// A rule is a validation of a variable.
type rule struct {
	condition, message hcl.Expression
	at                 hcl.Range
}

func variableOf(content *hcl.BodyContent) variable {
	v := variable{typ: cty.DynamicPseudoType, fallback: exprOf(content.Attributes["default"]), nullable: true}
	if t := typeOf(exprOf(content.Attributes["type"])); t != nil && modest(t) {
		if typ, parts, diags := typeexpr.TypeConstraintWithDefaults(t); !diags.HasErrors() {
			v.typ, v.parts = typ, parts
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
	if v.parts != nil && !value.IsNull() {
		value = v.parts.Apply(value)
	}
	value, err := convert.Convert(value, v.typ)
	if err == nil && !modestValue(value) {
		value = cty.DynamicVal
	}
	if err != nil && secret {
		return "which is no " + typeName(v.typ), nil
	}
	if err != nil {
		return fmt.Sprintf("which is no %s: %s", typeName(v.typ), err), nil
	}
	for _, r := range v.rules {
		switch met, known := r.met(name, value); {
		case !known:
			left = append(left, fmt.Sprintf("the rule of input %s at %s:%d is judged by the plan of a service, not here", name, path.Base(r.at.Filename), r.at.Start.Line))
		case !met:
			return "which the module refuses: " + r.text(name, value, secret), nil
		}
	}
	return "", left
}

// met evaluates a rule that needs nothing but the value. It is not known where a function is
// another one in terraform, or where it fails.
func (r rule) met(name string, value cty.Value) (met, known bool) {
	if !closed(r.condition, name) {
		return false, false
	}
	out, diags := r.condition.Value(scope(name, value))
	if diags.HasErrors() || !out.IsKnown() || out.IsNull() || out.Type() != cty.Bool {
		return false, false
	}
	return out.True(), true
}

// text is the message of a rule. One that tells a secret value is not.
func (r rule) text(name string, value cty.Value, secret bool) string {
	otherwise := fmt.Sprintf("the rule at %s:%d", path.Base(r.at.Filename), r.at.Start.Line)
	if !closed(r.message, name) {
		return otherwise
	}
	in := scope(name, value)
	if secret {
		in = nil
	}
	out, diags := r.message.Value(in)
	if diags.HasErrors() || !out.IsKnown() || out.IsNull() || out.Type() != cty.String {
		return otherwise
	}
	return short(strings.Join(strings.Fields(out.AsString()), " "), 300)
}

func scope(name string, value cty.Value) *hcl.EvalContext {
	return &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{name: value})}, Functions: functions}
}

// closed reports whether an expression needs nothing but the variable itself and functions
// that are the same here: a call of another one within can() would be false in silence.
func closed(e hcl.Expression, name string) bool {
	node, ok := e.(hclsyntax.Expression)
	if !ok || !modest(e) {
		return false
	}
	for _, t := range node.Variables() {
		if t.RootName() != "var" || len(t) < 2 {
			return false
		}
		if step, ok := t[1].(hcl.TraverseAttr); !ok || step.Name != name {
			return false
		}
	}
	all := true
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics { // it has none
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			if _, known := functions[call.Name]; !known {
				all = false
			}
		}
		return nil
	})
	return all
}

// modest reports whether an expression holds no number that would be written with thousands
// of digits: 1e9999999 is short, and takes minutes to become a text.
func modest(e hcl.Expression) bool {
	node, ok := e.(hclsyntax.Expression)
	all := true
	if ok { // texts of JSON are not evaluated
		_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics { // it has none
			if l, ok := n.(*hclsyntax.LiteralValueExpr); ok && !modestValue(l.Val) {
				all = false
			}
			return nil
		})
	}
	return all
}

func modestValue(v cty.Value) bool {
	err := cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.Number {
			if e := v.AsBigFloat().MantExp(nil); e > 1<<12 || e < -1<<12 {
				return false, errors.New("too many digits")
			}
		}
		return true, nil
	})
	return err == nil
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
	if !modest(e) {
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
