package jinja

import (
	"math"
	"strings"
)

// jsTests are the tests of nunjucks.
func jsTests() map[string]*filter {
	all := map[string]*filter{
		"callable":  is(func(v any) bool { _, missing := v.(*undefined); return !missing && isCallable(v) }),
		"defined":   is(func(v any) bool { _, missing := v.(*undefined); return !missing }),
		"undefined": is(func(v any) bool { _, missing := v.(*undefined); return missing }),
		"escaped":   is(func(v any) bool { _, ok := v.(markup); return ok }),
		"null":      is(func(v any) bool { return v == nil }),
		"number":    is(func(v any) bool { _, ok := number(v); _, isBool := v.(bool); return ok && !isBool }),
		"string":    is(func(v any) bool { _, ok := v.(string); return ok }),
		"mapping":   is(jsIsMapping),
		"iterable":  is(jsIsIterable),
		"truthy":    fn("!", func(c *call) (any, error) { return jsTruth(c.value) }),
		"falsy":     fn("!", func(c *call) (any, error) { ok, err := jsTruth(c.value); return !ok && err == nil, err }),
		"lower":     fn("", jsCase(strings.ToLower)),
		"upper":     fn("", jsCase(upper)),
		"even":      fn("", jsRemainder(func(f float64) bool { return math.Mod(f, 2) == 0 })),
		"odd":       fn("", jsRemainder(func(f float64) bool { return math.Mod(f, 2) == 1 })),
		"divisibleby": fn("other", func(c *call) (any, error) {
			a, err := c.r.jsToNumber(c.value)
			if err != nil {
				return nil, err
			}
			b, err := c.r.jsToNumber(c.args[0])
			return math.Mod(a, b) == 0, err
		}),
	}
	for op, names := range map[string][]string{
		"===": {"eq", "equalto", "sameas"}, "!==": {"ne"}, ">": {"gt", "greaterthan"}, ">=": {"ge"}, "<": {"lt", "lessthan"}, "<=": {"le"},
	} {
		for _, name := range names {
			test := compares(op)
			test.undef = op == "===" || op == "!=="
			all[name] = test
		}
	}
	return all
}

func jsIsMapping(v any) bool {
	switch v.(type) {
	case *Dict, markup, *cycler, *loop, *pattern:
		return true
	}
	return false
}

func jsIsIterable(v any) bool {
	switch v.(type) {
	case *list, tuple, string, markup:
		return true
	}
	return false
}

func jsCase(f func(string) string) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, ok := asText(c.value)
		if !ok {
			return nil, c.wrong("a string")
		}
		return f(s) == s, c.r.scan(len(s))
	}
}

func jsRemainder(f func(float64) bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		n, err := c.r.jsToNumber(c.value)
		return f(n), err
	}
}

// jsGlobals are the functions of nunjucks.
func jsGlobals() map[string]any {
	return map[string]any{
		"range": &builtin{"range", jsRange},
		"cycler": &builtin{"cycler", func(c *call) (any, error) {
			if len(c.args) == 0 {
				return nil, failf("cycler needs values")
			}
			return &cycler{items: c.args, i: -1, js: true}, nil
		}},
		"joiner": &builtin{"joiner", func(c *call) (any, error) {
			sep, err := c.argText(0, ",")
			if sep == "" {
				sep = ","
			}
			return &joiner{sep: sep}, err
		}},
	}
}

func jsRange(c *call) (any, error) {
	var n [3]float64
	for i := range min(3, len(c.args)) {
		var err error
		if n[i], err = c.r.jsToNumber(c.args[i]); err != nil {
			return nil, err
		}
	}
	start, stop, step := n[0], n[1], n[2]
	if len(c.args) < 2 {
		start, stop = 0, n[0]
	}
	if len(c.args) < 3 || step == 0 {
		step = 1
	}
	count := math.Ceil((stop - start) / step)
	if math.IsNaN(count) || count <= 0 {
		return &list{}, nil
	}
	if count > maxRange {
		return nil, failf("a range may have at most %d elements", maxRange)
	}
	if err := c.r.spendItems(2 * int(count)); err != nil {
		return nil, err
	}
	items := make([]any, 0, int(count))
	for x := start; step > 0 && x < stop || step < 0 && x > stop; x += step {
		items = append(items, jsNumber(x))
		if len(items) > int(count) {
			break
		}
	}
	return &list{items}, nil
}
