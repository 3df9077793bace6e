package jinja

import "slices"

func jsListMethods() map[string]*filter {
	all := map[string]*filter{
		"join": fn("separator?", func(c *call) (any, error) {
			sep, err := c.argText(0, ",")
			if err != nil {
				return nil, err
			}
			return c.r.join(sequence(c.value), sep, c.r.text)
		}),
		"includes": fn("value", func(c *call) (any, error) { i, err := jsIndexOf(c); return i.(int64) >= 0, err }),
		"indexOf":  fn("value", jsIndexOf),
		"slice": fn("start? end?", func(c *call) (any, error) {
			items := sequence(c.value)
			from, to, err := c.span(int64(len(items)))
			if err == nil {
				err = c.r.spendItems(int(to - from))
			}
			return &list{slices.Clone(items[from:to])}, err
		}),
		"concat": {open: true, fn: func(c *call) (any, error) {
			out := slices.Clone(sequence(c.value))
			for _, a := range c.args {
				if l, ok := a.(*list); ok {
					out = append(out, l.items...)
				} else {
					out = append(out, a)
				}
			}
			return &list{out}, c.r.spendItems(2 * len(out))
		}},
		"toString": fn("", func(c *call) (any, error) { return c.text() }),
	}
	for name, m := range jsChanging() {
		all[name] = m
	}
	return all
}

// jsChanging are the methods that change a list.
func jsChanging() map[string]*filter {
	own := func(f func(c *call, l *list) (any, error)) func(c *call) (any, error) {
		return func(c *call) (any, error) {
			l, ok := c.value.(*list)
			if !ok {
				return nil, c.wrong("a list")
			}
			return f(c, l)
		}
	}
	return map[string]*filter{
		"push": {open: true, fn: own(func(c *call, l *list) (any, error) {
			l.items = append(l.items, c.args...)
			return int64(len(l.items)), c.r.spendItems(2 * len(c.args))
		})},
		"unshift": {open: true, fn: own(func(c *call, l *list) (any, error) {
			l.items = append(slices.Clone(c.args), l.items...)
			return int64(len(l.items)), c.r.spendItems(len(l.items))
		})},
		"pop": fn("", own(func(c *call, l *list) (any, error) {
			if len(l.items) == 0 {
				return c.nothing("the list is empty"), nil
			}
			v := l.items[len(l.items)-1]
			l.items = l.items[:len(l.items)-1]
			return v, nil
		})),
		"shift": fn("", own(func(c *call, l *list) (any, error) {
			if len(l.items) == 0 {
				return c.nothing("the list is empty"), nil
			}
			v := l.items[0]
			l.items = slices.Clone(l.items[1:])
			return v, c.r.spendItems(len(l.items))
		})),
		"reverse": fn("", own(func(c *call, l *list) (any, error) {
			slices.Reverse(l.items)
			return l, c.r.scan(64 * len(l.items))
		})),
		"sort": fn("", own(func(c *call, l *list) (any, error) {
			return l, c.r.sortItems(l.items, false, func(x any) (any, error) { return c.r.text(x) })
		})),
	}
}

func jsIndexOf(c *call) (any, error) {
	for i, x := range sequence(c.value) {
		if err := c.r.scan(64); err != nil {
			return int64(-1), err
		}
		if jsStrictEqual(x, c.args[0]) {
			return int64(i), nil
		}
	}
	return int64(-1), nil
}

// jsListFilters are the filters of nunjucks on lists and maps.
func jsListFilters() map[string]*filter {
	return map[string]*filter{
		"batch":      fn("linecount fill?", jsBatch),
		"dictsort":   fn("case_sensitive? by?", jsDictSort),
		"first":      fn("", jsEnd(false)),
		"last":       fn("", jsEnd(true)),
		"groupby":    fn("attribute", jsGroupBy),
		"join":       fn("separator? attribute?", jsJoin),
		"length":     fn("", jsLengthFilter),
		"list":       fn("", jsListFilter),
		"random":     fn("", filterJSRandom),
		"reject":     fn("test? argument?", jsChoose(false)),
		"select":     fn("test? argument?", jsChoose(true)),
		"rejectattr": fn("attribute", jsChooseAttr(false)),
		"selectattr": fn("attribute", jsChooseAttr(true)),
		"reverse":    fn("", jsReverse),
		"slice":      fn("slices fill?", jsSliceFilter),
		"sort":       fn("reverse? case_sensitive? attribute?", jsSort),
		"sum":        fn("attribute? start?", jsSum),
	}
}

func (c *call) jsItems() ([]any, error) {
	if _, ok := c.value.(*Dict); ok || c.value == nil {
		return nil, c.wrong("a list")
	}
	items, err := c.r.jsItems(c.value)
	if err == nil {
		err = c.r.spendItems(len(items))
	}
	return slices.Clone(items), err
}

func jsBatch(c *call) (any, error) {
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	n, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	var out []any
	for i, x := range items {
		if n > 0 && int64(i)%n == 0 || len(out) == 0 {
			out = append(out, &list{})
		}
		row := out[len(out)-1].(*list)
		row.items = append(row.items, x)
	}
	if ok, err := c.truth(1); ok && len(out) > 0 {
		row := out[len(out)-1].(*list)
		missing := n - int64(len(row.items))
		if err := c.r.spendTimes(16, missing); err != nil {
			return nil, err
		}
		row.items = append(row.items, slices.Repeat([]any{c.args[1]}, int(max(0, missing)))...)
	} else if err != nil {
		return nil, err
	}
	return &list{out}, c.r.spendItems(4 * len(out))
}

func jsSliceFilter(c *call) (any, error) {
	items, err := c.jsItems()
	if err != nil {
		return nil, err
	}
	fill := c.args[1]
	if ok, err := c.truth(1); !ok || err != nil {
		fill = absent{}
	}
	c.value, c.args[1] = &list{items}, fill
	v, err := filterSlice(c)
	if err != nil {
		return nil, err
	}
	return &list{v.(*generator).items}, nil
}

func jsDictSort(c *call) (any, error) {
	d, ok := c.value.(*Dict)
	if !ok {
		return nil, c.wrong("a map")
	}
	exact, err := c.truth(0)
	if err != nil {
		return nil, err
	}
	by, err := c.str(1, "key")
	if err != nil {
		return nil, err
	}
	if by != "key" && by != "value" {
		return nil, failf("dictsort sorts by key or value, not by %q", cutPlace(by))
	}
	var pairs []any
	for _, i := range jsKeys(d) {
		pairs = append(pairs, &list{[]any{d.keys[i], d.vals[i]}})
	}
	if err := c.r.spendItems(4 * len(pairs)); err != nil {
		return nil, err
	}
	return &list{pairs}, c.r.sortItems(pairs, false, func(x any) (any, error) {
		v := x.(*list).items[map[string]int{"key": 0, "value": 1}[by]]
		if s, ok := v.(string); ok && !exact {
			v = upper(s)
		}
		return v, nil
	})
}

func jsEnd(last bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		items, err := c.jsItems()
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return c.nothing("the list is empty"), nil
		}
		if last {
			return items[len(items)-1], nil
		}
		return items[0], nil
	}
}

// jsAttr looks up a path such as a.b in an item.
func (c *call) jsAttr(i int) (func(any) (any, error), error) {
	if ok, err := c.truth(i); !ok || err != nil {
		return func(x any) (any, error) { return x, nil }, err
	}
	path, err := c.argText(i, "")
	if err != nil {
		return nil, err
	}
	return c.getter(path, absent{}, false)
}
