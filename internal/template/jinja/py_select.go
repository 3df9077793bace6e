package jinja

import (
	"strings"
)

func filterGroupBy(c *call) (any, error) {
	items, err := c.copied()
	if err != nil {
		return nil, err
	}
	exact, err := c.truth(2)
	if err != nil {
		return nil, err
	}
	get, err := c.getter(c.args[0], c.args[1], !exact)
	if err != nil {
		return nil, err
	}
	plain, err := c.getter(c.args[0], c.args[1], false)
	if err != nil {
		return nil, err
	}
	if err := c.r.sortItems(items, false, get); err != nil {
		return nil, err
	}
	var out []any
	var last any
	for i, x := range items {
		k, err := get(x)
		if err != nil {
			return nil, err
		}
		same := false
		if i > 0 {
			if same, err = c.r.equal(k, last); err != nil {
				return nil, err
			}
		}
		if same {
			group := out[len(out)-1].(tuple)[1].(*list)
			group.items = append(group.items, x)
			continue
		}
		last = k
		if k, err = plain(x); err != nil {
			return nil, err
		}
		out = append(out, tuple{k, &list{[]any{x}}})
	}
	return &list{out}, c.r.spendItems(6 * len(out))
}

// filterMap applies a filter, or looks up an attribute, for each item.
func filterMap(c *call) (any, error) {
	items, err := c.copied()
	if err != nil {
		return nil, err
	}
	each := func(any) (any, error) { return nil, failf("map needs the name of a filter, or attribute=") }
	if len(c.args) > 0 {
		name, ok := asText(c.args[0])
		f := c.r.env.filters[name]
		if !ok || f == nil {
			return nil, failf("map: unknown filter %q", cutPlace(name)).with("%s", didYouMean(name, sortedKeys(c.r.env.filters), ""))
		}
		each = func(x any) (any, error) { return c.nested(f, name, x, c.args[1:], c.kw) }
	} else {
		attribute, otherwise := any(absent{}), any(absent{})
		for _, k := range c.kw {
			switch k.name {
			case "attribute":
				attribute = k.value
			case "default":
				otherwise = k.value
			default:
				return nil, failf("map has no argument %q", k.name)
			}
		}
		if _, none := attribute.(absent); !none {
			if each, err = c.getter(attribute, otherwise, false); err != nil {
				return nil, err
			}
		}
	}
	for i, x := range items {
		if items[i], err = each(x); err != nil {
			return nil, err
		}
	}
	return &generator{items: items}, nil
}

// nested applies another filter or test.
func (c *call) nested(f *filter, name string, value any, args []any, kw []kwarg) (any, error) {
	if err := c.r.step(c.pos); err != nil {
		return nil, err
	}
	if err := c.r.enter(c.pos); err != nil {
		return nil, err
	}
	defer c.r.leave()
	return f.apply(&call{r: c.r, pos: c.pos, name: name, value: value, args: args, kw: kw})
}

// choose is select, reject and those by attribute.
func choose(want, byAttr bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		items, err := c.items()
		if err != nil {
			return nil, err
		}
		get := func(x any) (any, error) { return x, nil }
		args := c.args
		if byAttr {
			if len(args) == 0 {
				return nil, failf("%s needs the name of an attribute", c.name)
			}
			if get, err = c.getter(args[0], absent{}, false); err != nil {
				return nil, err
			}
			args = args[1:]
		}
		test := func(x any) (any, error) { return x, nil }
		if len(args) > 0 {
			name, ok := asText(args[0])
			f := c.r.env.tests[name]
			if !ok || f == nil {
				return nil, failf("%s: unknown test %q", c.name, cutPlace(name)).with("%s", didYouMean(name, sortedKeys(c.r.env.tests), ""))
			}
			test = func(x any) (any, error) { return c.nested(f, name, x, args[1:], c.kw) }
		}
		var kept []any
		for _, x := range items {
			v, err := get(x)
			if err != nil {
				return nil, err
			}
			if v, err = test(v); err != nil {
				return nil, err
			}
			ok, err := c.r.truth(v)
			if err != nil {
				return nil, err
			}
			if ok == want {
				kept = append(kept, x)
			}
		}
		return &generator{items: kept}, c.r.spendItems(len(kept))
	}
}

func extreme(sign int) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		items, err := c.items()
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return c.nothing("there is no item to take"), nil
		}
		get, err := c.keyGetter(0, 1)
		if err != nil {
			return nil, err
		}
		best := items[0]
		bestKey, err := get(best)
		for _, x := range items[1:] {
			if err != nil {
				break
			}
			var k any
			if k, err = get(x); err != nil {
				break
			}
			var n int
			if n, err = c.r.order(k, bestKey, "<"); n*sign > 0 && n != unordered {
				best, bestKey = x, k
			}
		}
		return best, err
	}
}

func filterSort(c *call) (any, error) {
	items, err := c.copied()
	if err != nil {
		return nil, err
	}
	reverse, err := c.truth(0)
	if err != nil {
		return nil, err
	}
	attrs, ok := c.args[2].(string)
	if !ok || !strings.Contains(attrs, ",") {
		get, err := c.keyGetter(1, 2)
		if err != nil {
			return nil, err
		}
		return &list{items}, c.r.sortItems(items, reverse, get)
	}
	exact, err := c.truth(1)
	if err != nil {
		return nil, err
	}
	var gets []func(any) (any, error)
	for _, a := range strings.Split(attrs, ",") {
		get, err := c.getter(a, absent{}, !exact)
		if err != nil {
			return nil, err
		}
		gets = append(gets, get)
	}
	err = c.r.sortItems(items, reverse, func(x any) (any, error) {
		key := make(tuple, len(gets))
		for i, get := range gets {
			if key[i], err = get(x); err != nil {
				return nil, err
			}
		}
		return key, c.r.spendItems(len(gets))
	})
	return &list{items}, err
}

func filterSum(c *call) (any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	get, err := c.getter(c.args[0], absent{}, false)
	if err != nil {
		return nil, err
	}
	total := any(int64(0))
	if c.given(1) {
		total = c.args[1]
	}
	if _, isText := asText(total); isText {
		return nil, failf("sum cannot add strings").with("use | join")
	}
	for _, x := range items {
		v, err := get(x)
		if err != nil {
			return nil, err
		}
		if u, ok := v.(*undefined); ok {
			return nil, u.err()
		}
		if total, err = c.r.pyBinary("+", total, v); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func filterUnique(c *call) (any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	get, err := c.keyGetter(0, 1)
	if err != nil {
		return nil, err
	}
	seen := map[any]bool{}
	var out []any
	for _, x := range items {
		k, err := get(x)
		if err != nil {
			return nil, err
		}
		h, ok := hash(k)
		if !ok {
			return nil, failf("unique cannot compare %s", typeName(k))
		}
		if !seen[h] {
			seen[h] = true
			out = append(out, x)
		}
	}
	return &generator{items: out}, c.r.spendItems(4 * len(out))
}
