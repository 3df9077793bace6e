package jinja

import (
	"crypto/rand"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

func jsGroupBy(c *call) (any, error) {
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	get, err := c.jsAttr(0)
	if err != nil {
		return nil, err
	}
	out := NewDict()
	for _, x := range items {
		k, err := get(x)
		if err != nil {
			return nil, err
		}
		key, err := c.r.concatText(k)
		if err != nil {
			return nil, err
		}
		v, ok := out.get(key)
		if !ok {
			v = &list{}
			out.put(key, v)
		}
		group := v.(*list)
		group.items = append(group.items, x)
	}
	return out, c.r.spendItems(6 * out.Len())
}

func jsJoin(c *call) (any, error) {
	if _, isText := asText(c.value); isText {
		return nil, c.wrong("a list")
	}
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	sep, err := c.argText(0, "")
	if err != nil {
		return nil, err
	}
	get, err := c.jsAttr(1)
	if err != nil {
		return nil, err
	}
	return c.r.join(items, sep, func(x any) (string, error) {
		v, err := get(x)
		if err != nil {
			return "", err
		}
		return c.r.text(v)
	})
}

func jsLengthFilter(c *call) (any, error) {
	switch v := c.value.(type) {
	case string, markup:
		s, _ := asText(v)
		return int64(jsLength(s)), c.r.scan(len(s))
	case *list, tuple:
		return int64(len(sequence(v))), nil
	case *Dict:
		return int64(v.Len()), nil
	case nil:
		return int64(0), nil
	}
	if c.value == false {
		return int64(0), nil
	}
	return nil, c.wrong("a list, map or string")
}

func jsListFilter(c *call) (any, error) {
	d, ok := c.value.(*Dict)
	if !ok {
		items, err := c.jsItems()
		return &list{items}, err
	}
	var out []any
	for _, i := range jsKeys(d) {
		pair := NewDict()
		pair.put("key", d.keys[i])
		pair.put("value", d.vals[i])
		out = append(out, pair)
	}
	return &list{out}, c.r.spendItems(12 * len(out))
}

func filterJSRandom(c *call) (any, error) {
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return c.nothing("the list is empty"), nil
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(items))))
	if err != nil {
		return nil, failf("random: %s", err)
	}
	return items[n.Int64()], nil
}

func jsChoose(want bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		items, err := c.jsItems()
		if err != nil {
			return nil, err
		}
		name, err := c.str(0, "truthy")
		if err != nil {
			return nil, err
		}
		test := c.r.env.tests[name]
		if test == nil {
			return nil, failf("%s: unknown test %q", c.name, cutPlace(name)).with("%s", didYouMean(name, sortedKeys(c.r.env.tests), ""))
		}
		var args []any
		if c.given(1) {
			args = c.args[1:2]
		}
		kept := []any{}
		for _, x := range items {
			v, err := c.nested(test, name, x, args, nil)
			if err != nil {
				return nil, err
			}
			if (v == true) == want {
				kept = append(kept, x)
			}
		}
		return &list{kept}, nil
	}
}

func jsChooseAttr(want bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		items, err := c.jsItems()
		if err != nil {
			return nil, err
		}
		name, err := c.argText(0, "")
		if err != nil {
			return nil, err
		}
		kept := []any{}
		for _, x := range items {
			v, err := c.r.attr(x, name, c.pos)
			if err != nil {
				return nil, err
			}
			ok, err := jsTruth(v)
			if err != nil {
				return nil, err
			}
			if ok == want {
				kept = append(kept, x)
			}
		}
		return &list{kept}, nil
	}
}

func jsReverse(c *call) (any, error) {
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	slices.Reverse(items)
	if isTextual(c.value) {
		s, err := c.r.join(items, "", c.r.text)
		return like(c.value, s), err
	}
	return &list{items}, nil
}

func jsSort(c *call) (any, error) {
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	reverse, err := c.truth(0)
	if err != nil {
		return nil, err
	}
	exact, err := c.truth(1)
	if err != nil {
		return nil, err
	}
	get, err := c.jsAttr(2)
	if err != nil {
		return nil, err
	}
	return &list{items}, c.r.sortItems(items, reverse, func(x any) (any, error) {
		v, err := get(x)
		if s, ok := v.(string); ok && !exact {
			v = strings.ToLower(s)
		}
		return v, err
	})
}

func jsSum(c *call) (any, error) {
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	get, err := c.jsAttr(0)
	if err != nil {
		return nil, err
	}
	total := any(int64(0))
	for _, x := range items {
		v, err := get(x)
		if err != nil {
			return nil, err
		}
		if u, ok := v.(*undefined); ok {
			return nil, u.err()
		}
		if total, err = c.r.jsBinary("+", total, v); err != nil {
			return nil, err
		}
	}
	start := any(int64(0))
	if c.given(1) {
		start = c.args[1]
	}
	return c.r.jsBinary("+", start, total)
}

func jsRound(c *call) (any, error) {
	f, err := c.r.jsToNumber(c.value)
	if err != nil {
		return nil, err
	}
	precision, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	method, err := c.str(1, "common")
	if err != nil {
		return nil, err
	}
	round := func(f float64) float64 {
		whole := math.Floor(f)
		if f-whole >= 0.5 {
			whole++
		}
		return math.Copysign(whole, f)
	}
	switch method {
	case "ceil":
		round = math.Ceil
	case "floor":
		round = math.Floor
	}
	factor := math.Pow(10, float64(min(max(precision, -400), 400)))
	f = round(f*factor) / factor
	return c.r.finite(f, "round", c.value, nil, nil)
}

var (
	jsIntPrefix   = regexp.MustCompile(`^[+-]?[0-9a-zA-Z]+`)
	jsFloatPrefix = regexp.MustCompile(`^[+-]?(Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)`)
)

func jsInt(c *call) (any, error) {
	base, err := c.int(1, 10)
	if err != nil {
		return nil, err
	}
	s, err := c.r.concatText(c.value)
	if err != nil {
		return nil, err
	}
	s = jsIntPrefix.FindString(strings.TrimFunc(s, isSpace))
	digits := strings.ToLower(strings.TrimLeft(s, "+-"))
	if base == 0 {
		base = 10
	}
	if rest, ok := strings.CutPrefix(digits, "0x"); ok && base == 16 {
		digits = rest
	}
	f, n := 0.0, 0
	for _, d := range []byte(digits) {
		v := int64(d - '0')
		if d >= 'a' {
			v = int64(d-'a') + 10
		}
		if v >= base || n > 400 {
			break
		}
		f = f*float64(base) + float64(v)
		n++
	}
	if n == 0 {
		return c.numberOr(0)
	}
	if strings.HasPrefix(s, "-") {
		f = -f
	}
	return jsNumber(f + 0), nil
}

// numberOr is the default argument of int and float; without one the original gives
// undefined.
func (c *call) numberOr(i int) (any, error) {
	if c.given(i) {
		return c.args[i], nil
	}
	s, _ := c.text()
	return nil, failf("%s: %q is not a number", c.name, cutPlace(s)).with("give it a default: | %s(0)", c.name)
}

func jsFloat(c *call) (any, error) {
	s, err := c.r.concatText(c.value)
	if err != nil {
		return nil, err
	}
	s = jsFloatPrefix.FindString(strings.TrimFunc(s, isSpace))
	if s == "" {
		return c.numberOr(0)
	}
	return jsNumber(jsParse(s)), nil
}
