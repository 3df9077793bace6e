package jinja

import (
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsLength is the length of a string in code units.
func jsLength(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// jsOwn returns an attribute that values of this kind have in JavaScript.
func (r *renderer) jsOwn(base any, name string) (any, bool) {
	switch b := base.(type) {
	case string, markup:
		if s, _ := asText(b); name == "length" {
			_ = r.scan(len(s)) // where it is too much, the next step fails
			return int64(jsLength(s)), true
		}
	case *list:
		if name == "length" {
			return int64(len(b.items)), true
		}
	case tuple:
		if name == "length" {
			return int64(len(b)), true
		}
	case *Dict:
		v, ok := b.get(name)
		return v, ok
	}
	return nil, false
}

// jsItem is base[key].
func (r *renderer) jsItem(base, key any, pos int) (any, error) {
	name, err := r.text(key)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(n) != name || n < 0 {
		return r.attr(base, name, pos)
	}
	switch b := base.(type) {
	case *list:
		if n < len(b.items) {
			return b.items[n], nil
		}
	case tuple:
		if n < len(b) {
			return b[n], nil
		}
	case string, markup:
		s, _ := asText(b)
		if err := r.scan(len(s)); err != nil {
			return nil, err
		}
		if n < len(s) {
			if units := utf16.Encode([]rune(s)); n < len(units) {
				return string(utf16.Decode(units[n : n+1])), nil
			}
		}
	default:
		return r.attr(base, name, pos)
	}
	return &undefined{t: r.t, pos: pos, msg: "index " + name + " is outside the elements of " + typeName(base)}, nil
}

// jsItems are what for goes over with one variable, and what filters on lists take.
func (r *renderer) jsItems(v any) ([]any, error) {
	switch v := v.(type) {
	case *list:
		return v.items, nil
	case tuple:
		return v, nil
	case *generator:
		return v.items, nil
	case nil:
		return nil, nil
	case string, markup:
		s, _ := asText(v)
		if err := r.spendItems(2 * len(s)); err != nil {
			return nil, err
		}
		var out []any
		for i, c := range s {
			out = append(out, s[i:i+utf8.RuneLen(c)])
		}
		return out, nil
	case *undefined:
		return nil, v.err()
	}
	f := failf("%s cannot be gone through", typeName(v))
	if _, ok := v.(*Dict); ok {
		f = f.with("name key and value: for key, value in ...")
	}
	return nil, f
}

// jsKeys returns the places of the keys in the order of JavaScript: whole numbers
// first.
func jsKeys(d *Dict) []int {
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	index := func(i int) int {
		s := keyText(d.keys[i])
		if n, err := strconv.ParseUint(s, 10, 31); err == nil && strconv.FormatUint(n, 10) == s {
			return int(n)
		}
		return 1 << 40
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareOrdered(int64(index(a)), int64(index(b))) })
	return order
}
