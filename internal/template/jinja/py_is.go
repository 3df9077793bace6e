package jinja

import (
	"math"
	"slices"
)

// is makes a test that takes what is not defined.
func is(f func(v any) bool) *filter {
	return fn("!", func(c *call) (any, error) { return f(c.value), nil })
}

// ofText is a test of the text of the value.
func ofText(f func(s string) bool) *filter {
	return fn("", func(c *call) (any, error) {
		s, err := c.text()
		return f(s), err
	})
}

// compares is a test that compares with its argument.
func compares(op string) *filter {
	return fn("other", func(c *call) (any, error) { return c.r.compareOp(op, c.value, c.args[0]) })
}

// pyTests are the tests of jinja2.
func pyTests() map[string]*filter {
	all := map[string]*filter{
		"defined":     is(func(v any) bool { _, missing := v.(*undefined); return !missing }),
		"undefined":   is(func(v any) bool { _, missing := v.(*undefined); return missing }),
		"none":        is(func(v any) bool { return v == nil }),
		"boolean":     is(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":        is(func(v any) bool { b, ok := v.(bool); return ok && b }),
		"false":       is(func(v any) bool { b, ok := v.(bool); return ok && !b }),
		"integer":     is(func(v any) bool { _, ok := v.(int64); return ok }),
		"float":       is(func(v any) bool { _, ok := v.(float64); return ok }),
		"number":      is(func(v any) bool { _, ok := number(v); return ok }),
		"string":      is(func(v any) bool { _, ok := asText(v); return ok }),
		"mapping":     is(func(v any) bool { _, ok := v.(*Dict); return ok }),
		"escaped":     is(func(v any) bool { _, ok := v.(markup); return ok }),
		"callable":    is(isCallable),
		"sequence":    is(isSequence),
		"iterable":    fn("", func(c *call) (any, error) { return isIterable(c.value), nil }),
		"lower":       ofText(isLower),
		"upper":       ofText(isUpper),
		"odd":         fn("", remainder(2, 1)),
		"even":        fn("", remainder(2, 0)),
		"divisibleby": fn("num", divisible),
		"sameas":      fn("other !", sameAs),
		"in":          fn("seq", func(c *call) (any, error) { return c.r.contains(c.args[0], c.value) }),
		"filter":      fn("", named(func(r *renderer, name string) bool { return r.env.filters[name] != nil })),
		"test":        fn("", named(func(r *renderer, name string) bool { return r.env.tests[name] != nil })),
	}
	for op, names := range map[string][]string{
		"==": {"eq", "equalto"}, "!=": {"ne"}, ">": {"gt", "greaterthan"}, ">=": {"ge"}, "<": {"lt", "lessthan"}, "<=": {"le"},
	} {
		for _, name := range append(names, op) {
			all[name] = compares(op)
		}
	}
	return all
}

func isCallable(v any) bool {
	switch v.(type) {
	case *macro, *builtin, *loop, *joiner, *undefined:
		return true
	}
	return false
}

func isSequence(v any) bool {
	switch v.(type) {
	case string, markup, *list, tuple, *Dict, *intRange:
		return true
	}
	return false
}

func isIterable(v any) bool {
	switch v.(type) {
	case *generator, *view, *loop:
		return true
	}
	return isSequence(v)
}

func remainder(by, want float64) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		f, ok := number(c.value)
		if !ok {
			return nil, c.wrong("a number")
		}
		return math.Abs(math.Mod(f, by)) == want, nil
	}
}

func divisible(c *call) (any, error) {
	v, err := c.r.pyBinary("%", c.value, c.args[0])
	if err != nil {
		return nil, err
	}
	return c.r.equal(v, int64(0))
}

// sameAs is Python's "is": small numbers and equal strings are one object.
func sameAs(c *call) (any, error) {
	switch c.value.(type) {
	case nil, bool, int64, float64, string, markup:
		return typeName(c.value) == typeName(c.args[0]) && c.value == c.args[0], nil
	case tuple:
		other, ok := c.args[0].(tuple)
		mine := c.value.(tuple)
		return ok && len(mine) == len(other) && (len(mine) == 0 || &mine[0] == &other[0]), nil
	}
	if _, isTuple := c.args[0].(tuple); isTuple {
		return false, nil
	}
	return c.value == c.args[0], nil
}

func named(has func(r *renderer, name string) bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		name, ok := asText(c.value)
		return ok && has(c.r, name), nil
	}
}

// pyGlobals are the functions of jinja2, but for lipsum.
func pyGlobals() map[string]any {
	return map[string]any{
		"range": &builtin{"range", rangeOf},
		"dict": &builtin{"dict", func(c *call) (any, error) {
			d := NewDict()
			return d, c.fill(d)
		}},
		"namespace": &builtin{"namespace", func(c *call) (any, error) {
			ns := &namespace{NewDict()}
			return ns, c.fill(ns.d)
		}},
		"cycler": &builtin{"cycler", func(c *call) (any, error) {
			if len(c.args) == 0 {
				return nil, failf("cycler needs values")
			}
			return &cycler{items: slices.Clone(c.args)}, nil
		}},
		"joiner": &builtin{"joiner", func(c *call) (any, error) {
			args := append(slices.Clone(c.args), any(absent{}))
			for _, k := range c.kw {
				args[0] = k.value
			}
			c.args = args
			sep, err := c.str(0, ", ")
			return &joiner{sep: sep}, err
		}},
		"self": selfRef{},
	}
}

func rangeOf(c *call) (any, error) {
	if len(c.args) < 1 || len(c.args) > 3 || len(c.kw) > 0 {
		return nil, failf("range takes one to three numbers")
	}
	n := [3]int64{0, 0, 1}
	for i := range c.args {
		v, ok := asInt(c.args[i])
		if !ok {
			return nil, c.bad(i, "a whole number")
		}
		n[i] = v
	}
	if len(c.args) == 1 {
		n[0], n[1] = 0, n[0]
	}
	if n[2] == 0 {
		return nil, failf("the step of range cannot be zero")
	}
	out := &intRange{n[0], n[1], n[2]}
	if out.len() > maxRange {
		return nil, failf("a range may have at most %d elements", maxRange)
	}
	return out, nil
}

const maxRange = 1_000_000

func (v *cycler) attr(name string) (any, bool) {
	switch name {
	case "current":
		if v.i < 0 {
			return nil, true
		}
		return v.items[v.i], true
	case "next":
		return &builtin{"next", func(*call) (any, error) {
			if v.js {
				v.i = (v.i + 1) % len(v.items)
				return v.items[v.i], nil
			}
			x := v.items[v.i]
			v.i = (v.i + 1) % len(v.items)
			return x, nil
		}}, true
	case "reset":
		return &builtin{"reset", func(*call) (any, error) {
			if v.i = 0; v.js {
				v.i = -1
			}
			return nil, nil
		}}, true
	}
	return nil, false
}
