package jinja

import (
	"crypto/rand"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

func pyListFilters() map[string]*filter {
	length := fn("", func(c *call) (any, error) {
		n, err := c.r.length(c.value)
		return int64(n), err
	})
	return map[string]*filter{
		"attr":       fn("name", filterAttr),
		"batch":      fn("linecount fill_with?", filterBatch),
		"count":      length,
		"length":     length,
		"dictsort":   fn("case_sensitive? by? reverse?", filterDictSort),
		"first":      fn("", filterFirst),
		"last":       fn("", filterLast),
		"groupby":    fn("attribute default? case_sensitive?", filterGroupBy),
		"items":      fn("!", filterItems),
		"join":       fn("d? attribute?", filterJoin),
		"list":       fn("", filterList),
		"map":        {open: true, fn: filterMap},
		"max":        fn("case_sensitive? attribute?", extreme(1)),
		"min":        fn("case_sensitive? attribute?", extreme(-1)),
		"random":     fn("", filterRandom),
		"reject":     {open: true, fn: choose(false, false)},
		"rejectattr": {open: true, fn: choose(false, true)},
		"select":     {open: true, fn: choose(true, false)},
		"selectattr": {open: true, fn: choose(true, true)},
		"reverse":    fn("", filterReverse),
		"slice":      fn("slices fill_with?", filterSlice),
		"sort":       fn("reverse? case_sensitive? attribute?", filterSort),
		"sum":        fn("attribute? start?", filterSum),
		"unique":     fn("case_sensitive? attribute?", filterUnique),
	}
}

func (c *call) items() ([]any, error) { return c.r.items(c.value) }

// nothing stands for an element that is not there.
func (c *call) nothing(msg string) *undefined { return &undefined{t: c.r.t, pos: c.pos, msg: msg} }

// copied returns the items in a list of their own.
func (c *call) copied() ([]any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	return slices.Clone(items), c.r.spendItems(len(items))
}

// getter returns what looks up an attribute such as "a.b.0" of an item; with none
// it is the item itself. fold makes strings lower case.
func (c *call) getter(attribute any, otherwise any, fold bool) (func(any) (any, error), error) {
	var path []any
	switch a := attribute.(type) {
	case nil, absent:
	case string:
		for _, p := range strings.Split(a, ".") {
			if n, err := strconv.ParseInt(p, 10, 64); err == nil && n >= 0 {
				path = append(path, n)
			} else {
				path = append(path, p)
			}
		}
	case int64:
		path = []any{a}
	default:
		return nil, failf("attribute of %s must be a string or a number, not %s", c.name, typeName(a))
	}
	_, none := otherwise.(absent)
	return func(v any) (any, error) {
		for _, p := range path {
			var err error
			if v, err = c.r.itemOf(v, p, c.pos); err != nil {
				return nil, err
			}
			if _, missing := v.(*undefined); missing && !none && otherwise != nil {
				v = otherwise
			}
		}
		if s, ok := asText(v); ok && fold {
			return like(v, strings.ToLower(s)), c.r.spend(len(s))
		}
		return v, c.r.scan(64)
	}, nil
}

// keyGetter is getter for a filter whose arguments case and attr are case_sensitive
// and attribute.
func (c *call) keyGetter(sensitive, attr int) (func(any) (any, error), error) {
	exact, err := c.truth(sensitive)
	if err != nil {
		return nil, err
	}
	return c.getter(c.args[attr], absent{}, !exact)
}

func filterAttr(c *call) (any, error) {
	name, err := c.str(0, "")
	if err != nil {
		return nil, err
	}
	if v, ok := c.r.own(c.value, name, c.pos); ok {
		return v, nil
	}
	if isDunder(name) {
		return nil, failf("attribute %q cannot be used in a template", name)
	}
	return c.r.noKey(c.value, name, c.pos), nil
}

func filterBatch(c *call) (any, error) {
	items, err := c.copied()
	if err != nil {
		return nil, err
	}
	n, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	var out, row []any
	for _, x := range items {
		if int64(len(row)) == n {
			out, row = append(out, &list{row}), nil
		}
		row = append(row, x)
	}
	if row == nil {
		return &generator{items: out}, nil
	}
	if missing := n - int64(len(row)); c.some(1) && missing > 0 {
		if err := c.r.spendTimes(16, missing); err != nil {
			return nil, err
		}
		row = append(row, slices.Repeat([]any{c.args[1]}, int(missing))...)
	}
	return &generator{items: append(out, &list{row})}, nil
}

func filterSlice(c *call) (any, error) {
	items, err := c.copied()
	if err != nil {
		return nil, err
	}
	n, err := c.int(0, 0)
	if err == nil {
		err = c.r.spendTimes(64, n)
	}
	if err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, failf("slice needs a number above zero")
	}
	size, extra, offset := len(items)/int(n), len(items)%int(n), 0
	var out []any
	for i := range int(n) {
		start := offset + i*size
		if i < extra {
			offset++
		}
		part := slices.Clone(items[start : offset+(i+1)*size])
		if c.some(1) && i >= extra {
			part = append(part, c.args[1])
		}
		out = append(out, &list{part})
	}
	return &generator{items: out}, nil
}

func filterDictSort(c *call) (any, error) {
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
	reverse, err := c.truth(2)
	if err != nil {
		return nil, err
	}
	pairs, err := c.r.items(&view{d, "items"})
	if err != nil {
		return nil, err
	}
	get, err := c.getter(map[string]any{"key": int64(0), "value": int64(1)}[by], absent{}, !exact)
	if err != nil {
		return nil, err
	}
	return &list{pairs}, c.r.sortItems(pairs, reverse, get)
}

func filterFirst(c *call) (any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	if g, ok := c.value.(*generator); ok && len(items) > 0 {
		g.i -= len(items) - 1
	}
	if len(items) == 0 {
		return c.nothing("there is no first item"), nil
	}
	return items[0], nil
}

func filterLast(c *call) (any, error) {
	if _, ok := c.value.(*generator); ok {
		return nil, failf("last needs a list").with("put | list before it")
	}
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return c.nothing("there is no last item"), nil
	}
	return items[len(items)-1], nil
}

func filterRandom(c *call) (any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return c.nothing("there is no random item"), nil
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(items))))
	if err != nil {
		return nil, failf("random: %s", err)
	}
	return items[n.Int64()], nil
}

func filterItems(c *call) (any, error) {
	if u, ok := c.value.(*undefined); ok {
		return nil, u.err()
	}
	d, ok := c.value.(*Dict)
	if !ok {
		return nil, c.wrong("a map")
	}
	items, err := c.r.items(&view{d, "items"})
	return &generator{items: items}, err
}

func filterJoin(c *call) (any, error) {
	items, err := c.items()
	if err != nil {
		return nil, err
	}
	sep, err := c.argText(0, "")
	if err != nil {
		return nil, err
	}
	if c.given(0) && c.args[0] == nil {
		sep = "None"
	}
	get, err := c.getter(c.args[1], absent{}, false)
	if err != nil {
		return nil, err
	}
	return c.r.join(items, sep, func(x any) (string, error) {
		v, err := get(x)
		if err != nil {
			return "", err
		}
		if u, ok := v.(*undefined); ok {
			return "", u.err()
		}
		return c.r.text(v)
	})
}

func filterList(c *call) (any, error) {
	items, err := c.copied()
	return &list{items}, err
}

func filterReverse(c *call) (any, error) {
	if s, ok := asText(c.value); ok {
		runes := []rune(s)
		slices.Reverse(runes)
		return like(c.value, string(runes)), c.r.spend(5 * len(s))
	}
	items, err := c.copied()
	slices.Reverse(items)
	return &generator{items: items}, err
}
