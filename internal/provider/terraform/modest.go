package terraform

import (
	"errors"
	"regexp/syntax"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// An evaluation cannot be cancelled, and a short rule can ask for days of it. So what is
// evaluated is small, and all that is judged of a module has one measure of fuel: what asks
// for more is left to a plan.
const (
	maxElements = 1000     // of a value
	maxText     = 64 << 10 // of all texts in a value
	maxRule     = 4 << 10  // of the text of a rule
	maxFuel     = 2_000_000
)

type fuel struct{ left int }

func (f *fuel) take(n int) bool {
	if f == nil || n > f.left {
		return false
	}
	f.left -= n
	return true
}

// A size is what there is in a value.
type size struct{ elements, bytes int }

// work is what a function may do with a value: some compare each element to each.
func (s size) work() int { return 1 + s.elements*s.elements/4 + s.bytes/16 }

var errImmodest = errors.New("more than is judged here")

// measure is how much there is in values; not ok for more than is judged, and for a number,
// or a text that could become one, that would be written with thousands of digits: 1e9999999
// is short, and takes minutes to become a text.
func measure(values ...cty.Value) (s size, ok bool) {
	for _, v := range values {
		if v == cty.NilVal || v.Type().IsCapsuleType() {
			continue
		}
		err := cty.Walk(v, func(at cty.Path, v cty.Value) (bool, error) {
			s.elements++
			if len(at) > 0 {
				switch step := at[len(at)-1].(type) {
				case cty.GetAttrStep:
					s.bytes += len(step.Name)
				case cty.IndexStep:
					if step.Key.IsKnown() && step.Key.Type() == cty.String {
						s.bytes += len(step.Key.AsString())
					}
				}
			}
			if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
				s.bytes += len(v.AsString())
			}
			if s.elements > maxElements || s.bytes > maxText || !fewDigits(v) {
				return false, errImmodest
			}
			return true, nil
		})
		if err != nil {
			return s, false
		}
	}
	return s, true
}

func fewDigits(v cty.Value) bool {
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.Number && v.Type() != cty.String {
		return true
	}
	if v.Type() == cty.String {
		text := v.AsString()
		if text == "" || !strings.Contains("0123456789+-.", text[:1]) {
			return true
		}
		if len(text) > maxDigits {
			return strings.Trim(text, "0123456789.eEpP+-_") != ""
		}
		n, err := cty.ParseNumberVal(text)
		if err != nil {
			return true
		}
		v = n
	}
	e := v.AsBigFloat().MantExp(nil)
	return e <= 1<<12 && e >= -1<<12
}

// verbatim reports whether an expression is nothing but a value as it is written, as
// terraform wants descriptions and defaults.
func verbatim(e hcl.Expression) bool {
	return made(e, func(n hclsyntax.Node) bool {
		_, minus := n.(*hclsyntax.UnaryOpExpr)
		return minus
	})
}

// typelike reports whether an expression can be that of a type, of few enough parts. What a
// list of anything has in common is found by comparing each to each.
func typelike(e hcl.Expression) (parts int, ok bool) {
	anything := false
	ok = made(e, func(n hclsyntax.Node) bool {
		parts++
		switch n := n.(type) {
		case *hclsyntax.FunctionCallExpr, *hclsyntax.UnaryOpExpr:
			return true
		case *hclsyntax.ScopeTraversalExpr:
			anything = anything || n.Traversal.RootName() == "any"
			return true
		}
		return false
	})
	return parts, ok && (!anything || parts < 200)
}

// made reports whether an expression is made of values as they are written, and of what else
// is taken; of JSON it always is. Each is asked for, values too.
func made(e hcl.Expression, also func(hclsyntax.Node) bool) bool {
	node, ok := e.(hclsyntax.Expression)
	if !ok {
		return e != nil
	}
	all := true
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics { // it has none
		taken := also(n)
		switch n := n.(type) {
		case *hclsyntax.LiteralValueExpr:
			taken = fewDigits(n.Val)
		case *hclsyntax.TemplateExpr, *hclsyntax.TupleConsExpr, *hclsyntax.ObjectConsExpr, *hclsyntax.ObjectConsKeyExpr, *hclsyntax.ParenthesesExpr:
			taken = true
		}
		all = all && taken
		return nil
	})
	return all
}

// A weigher looks through a rule for what may take long. It is left to a plan where one
// loop is within another, or joins texts; where a loop makes texts or numbers; and where
// numbers are made of texts that are put together.
type weigher struct {
	nodes, choices, loops, within, sums, texts int
	heavy                                      bool
}

var arithmetic = map[*hclsyntax.Operation]bool{hclsyntax.OpAdd: true, hclsyntax.OpSubtract: true, hclsyntax.OpMultiply: true,
	hclsyntax.OpDivide: true, hclsyntax.OpModulo: true, hclsyntax.OpNegate: true}

func (w *weigher) Enter(n hclsyntax.Node) hcl.Diagnostics {
	w.nodes++
	switch n := n.(type) {
	case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
		w.loops++
		w.within++
		w.heavy = w.heavy || w.within > 1
	case *hclsyntax.TemplateJoinExpr:
		w.heavy = true
	case *hclsyntax.TemplateExpr:
		if len(n.Parts) > 1 {
			w.texts++
			w.heavy = w.heavy || w.within > 0
		}
	case *hclsyntax.ConditionalExpr:
		w.choices++
	case *hclsyntax.BinaryOpExpr:
		w.sum(n.Op)
	case *hclsyntax.UnaryOpExpr:
		w.sum(n.Op)
	case *hclsyntax.LiteralValueExpr:
		w.heavy = w.heavy || !fewDigits(n.Val)
	}
	return nil
}

func (w *weigher) sum(op *hclsyntax.Operation) {
	if arithmetic[op] {
		w.sums++
		w.heavy = w.heavy || w.within > 0
	}
}

func (w *weigher) Exit(n hclsyntax.Node) hcl.Diagnostics {
	switch n.(type) {
	case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
		w.within--
	}
	return nil
}

// affords takes the fuel for a rule that is about a value.
func (f *fuel) affords(rule hclsyntax.Expression, value cty.Value) bool {
	at := rule.Range()
	s, ok := measure(value)
	if !ok || at.End.Byte-at.Start.Byte > maxRule {
		return false
	}
	var w weigher
	_ = hclsyntax.Walk(rule, &w) // it has none
	if w.heavy || w.sums > 8 || w.sums > 0 && w.texts > 0 {
		return false
	}
	times := 1
	if w.loops > 0 {
		times = min(maxElements, s.elements+s.bytes+at.End.Byte-at.Start.Byte)
	}
	return f.take(times * (w.nodes*(1+s.elements/8+s.bytes/512) + w.choices*s.elements*s.elements/4))
}

// bounded is a function whose result is not known where there is more in what it is given,
// or gives, than is judged, or no fuel is left. An error can() would take for a no.
func (f *fuel) bounded(name string, fn function.Function) function.Function {
	return function.New(&function.Spec{
		Params: fn.Params(), VarParam: fn.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			s, ok := measure(args...)
			if !ok || !f.take(s.work()) || strings.HasPrefix(name, "regex") && !f.take(matching(args)) {
				return cty.DynamicPseudoType, nil
			}
			return fn.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, typ cty.Type) (cty.Value, error) {
			if typ == cty.DynamicPseudoType {
				return cty.DynamicVal, nil
			}
			out, err := fn.Call(args)
			if err != nil {
				return out, err
			}
			if s, ok := measure(out); !ok || !f.take(s.work()) {
				return cty.UnknownVal(typ), nil
			}
			return out, nil
		},
	})
}

// matching is what a regular expression may do: a{1000} is as long as a thousand of them.
func matching(args []cty.Value) int {
	for _, v := range args {
		if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
			return 1 // nothing is matched
		}
	}
	re, err := syntax.Parse(args[0].AsString(), syntax.Perl)
	if err != nil {
		return 1
	}
	return lengthOf(re) * (10 + len(args[1].AsString()))
}

func lengthOf(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += lengthOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return min(n, maxFuel)
}
