package jinja

import (
	"math"
	"slices"
	"strings"
)

// methods are the methods of each kind of value.
type methods struct {
	text, list, tuple, dict, whole, float, pattern map[string]*filter
}

func (m *methods) of(v any) map[string]*filter {
	switch v.(type) {
	case string, markup:
		return m.text
	case *list:
		return m.list
	case tuple:
		return m.tuple
	case *Dict:
		return m.dict
	case int64:
		return m.whole
	case float64:
		return m.float
	case *pattern:
		return m.pattern
	}
	return nil
}

// pyMethods are the methods of jinja2.
func pyMethods() *methods {
	return &methods{
		text: pyStringMethods(), list: pyListMethods(), dict: pyDictMethods(),
		tuple: map[string]*filter{"count": fn("value", countItems), "index": fn("value", indexOfItem)},
		float: map[string]*filter{"is_integer": fn("", func(c *call) (any, error) {
			f := c.value.(float64)
			return f == math.Trunc(f), nil
		})},
	}
}

func pyListMethods() map[string]*filter {
	return map[string]*filter{
		"append": fn("value", func(c *call) (any, error) {
			l := c.value.(*list)
			l.items = append(l.items, c.args[0])
			return nil, c.r.spendItems(2)
		}),
		"extend": fn("values", func(c *call) (any, error) {
			l := c.value.(*list)
			more, err := c.r.items(c.args[0])
			if err == nil {
				err = c.r.spendItems(2 * len(more))
			}
			if err != nil {
				return nil, err
			}
			l.items = append(l.items, more...)
			return nil, nil
		}),
		"insert":  fn("index value", insertItem),
		"pop":     fn("index?", popItem),
		"remove":  fn("value", removeItem),
		"index":   fn("value", indexOfItem),
		"count":   fn("value", countItems),
		"copy":    fn("", func(c *call) (any, error) { return c.copyItems() }),
		"clear":   fn("", func(c *call) (any, error) { c.value.(*list).items = nil; return nil, nil }),
		"reverse": fn("", func(c *call) (any, error) { slices.Reverse(c.value.(*list).items); return nil, nil }),
		"sort": fn("reverse?", func(c *call) (any, error) {
			reverse, err := c.truth(0)
			if err != nil {
				return nil, err
			}
			return nil, c.r.sortItems(c.value.(*list).items, reverse, func(x any) (any, error) { return x, nil })
		}),
	}
}

func (c *call) copyItems() (any, error) {
	items := slices.Clone(c.value.(*list).items)
	return &list{items}, c.r.spendItems(len(items))
}

// sequence are the items of a list or tuple.
func sequence(v any) []any {
	switch v := v.(type) {
	case *list:
		return v.items
	case tuple:
		return v
	}
	return nil
}

// find returns where x is among the items, or -1.
func (r *renderer) find(items []any, x any) (int, error) {
	for i, y := range items {
		same, err := r.equal(x, y)
		if err == nil {
			err = r.scan(64)
		}
		if err != nil {
			return -1, err
		}
		if same {
			return i, nil
		}
	}
	return -1, nil
}

func indexOfItem(c *call) (any, error) {
	i, err := c.r.find(sequence(c.value), c.args[0])
	if err == nil && i < 0 {
		err = failf("the value is not in the list")
	}
	return int64(i), err
}

func countItems(c *call) (any, error) {
	n := int64(0)
	for _, x := range sequence(c.value) {
		same, err := c.r.equal(x, c.args[0])
		if err == nil {
			err = c.r.scan(64)
		}
		if err != nil {
			return nil, err
		}
		if same {
			n++
		}
	}
	return n, nil
}

func insertItem(c *call) (any, error) {
	l := c.value.(*list)
	i, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	n := int64(len(l.items))
	if i < 0 {
		i = max(i+n, 0)
	}
	l.items = slices.Insert(l.items, int(min(i, n)), c.args[1])
	return nil, c.r.spendItems(len(l.items))
}

func popItem(c *call) (any, error) {
	l := c.value.(*list)
	i, err := c.int(0, -1)
	if err != nil {
		return nil, err
	}
	n := int64(len(l.items))
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, failf("pop: index is outside the %d elements of the list", n)
	}
	v := l.items[i]
	l.items = slices.Delete(l.items, int(i), int(i)+1)
	return v, c.r.scan(16 * len(l.items))
}

func removeItem(c *call) (any, error) {
	l := c.value.(*list)
	i, err := c.r.find(l.items, c.args[0])
	if err == nil && i < 0 {
		err = failf("remove: the value is not in the list")
	}
	if err != nil {
		return nil, err
	}
	l.items = slices.Delete(l.items, i, i+1)
	return nil, nil
}

// sortItems sorts in place by key; the order of equal elements stays.
func (r *renderer) sortItems(items []any, reverse bool, key func(any) (any, error)) error {
	type keyed struct{ key, item any }
	all := make([]keyed, len(items))
	if err := r.spendItems(2 * len(items)); err != nil {
		return err
	}
	for i, x := range items {
		k, err := key(x)
		if err != nil {
			return err
		}
		all[i] = keyed{k, x}
	}
	var failed error
	slices.SortStableFunc(all, func(a, b keyed) int {
		if failed != nil {
			return 0
		}
		if failed = r.scan(64); failed != nil {
			return 0
		}
		less := r.order
		if r.js {
			less = r.jsOrder
		}
		n, err := less(a.key, b.key, "<")
		if err != nil {
			failed = err
		}
		if n == unordered {
			n = 0
		}
		if reverse {
			return -n
		}
		return n
	})
	for i := range items {
		items[i] = all[i].item
	}
	return failed
}

func hasPrefixOf(s string, v any, has func(s, p string) bool) (ok, isText bool) {
	if p, isText := asText(v); isText {
		return has(s, p), true
	}
	parts, isTuple := v.(tuple)
	if !isTuple {
		return false, false
	}
	for _, x := range parts {
		p, isText := asText(x)
		if !isText {
			return false, false
		}
		ok = ok || has(s, p)
	}
	return ok, true
}

func affixed(has func(s, p string) bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		s, err := c.sub(s, 1)
		if err != nil {
			return nil, err
		}
		ok, isText := hasPrefixOf(s, c.args[0], has)
		if !isText {
			return nil, c.bad(0, "a string, or a tuple of strings")
		}
		return ok, nil
	}
}

// sub is s from the i-th argument to the one after, in characters.
func (c *call) sub(s string, i int) (string, error) {
	if !c.some(i) && !c.some(i+1) {
		return s, nil
	}
	runes := []rune(s)
	n := int64(len(runes))
	bound := func(j int, otherwise int64) (int64, error) {
		v, err := c.int(j, otherwise)
		if v < 0 {
			v = max(v+n, 0)
		}
		return min(v, n), err
	}
	from, err := bound(i, 0)
	if err != nil {
		return "", err
	}
	to, err := bound(i+1, n)
	if err != nil || from > to {
		return "", err
	}
	return string(runes[from:to]), c.r.spend(4 * len(s))
}

var pyHasPrefix, pyHasSuffix = affixed(strings.HasPrefix), affixed(strings.HasSuffix)
