package jinja

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// truth reports whether v is true.
func (r *renderer) truth(v any) (bool, error) {
	if r.js {
		return jsTruth(v)
	}
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case float64:
		return v != 0, nil
	case *undefined:
		if v.soft {
			return false, nil
		}
		return false, v.err()
	case *generator, *macro, *builtin, *namespace, *cycler, *joiner, *module:
		return true, nil
	}
	n, err := r.length(v)
	return n > 0, err
}

// length is Python's len.
func (r *renderer) length(v any) (int, error) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), r.scan(len(v))
	case markup:
		return utf8.RuneCountInString(string(v)), r.scan(len(v))
	case *list:
		return len(v.items), nil
	case tuple:
		return len(v), nil
	case *Dict:
		return v.Len(), nil
	case *view:
		return v.d.Len(), nil
	case *intRange:
		return int(min(v.len(), math.MaxInt32)), nil
	case *loop:
		return len(v.items), nil
	case *undefined:
		if v.soft {
			return 0, nil
		}
		return 0, v.err()
	}
	return 0, failf("%s has no length", typeName(v))
}

// items are what one gets going over v.
func (r *renderer) items(v any) ([]any, error) {
	switch v := v.(type) {
	case *list:
		return v.items, nil
	case tuple:
		return v, nil
	case *generator:
		rest := v.items[v.i:]
		v.i = len(v.items)
		return rest, nil
	case *undefined:
		if v.soft {
			return nil, nil
		}
		return nil, v.err()
	case *loop:
		return nil, failf("the loop cannot be gone through")
	}
	n, err := r.length(v)
	if err != nil {
		return nil, failf("%s cannot be gone through", typeName(v))
	}
	if err := r.spendItems(n); err != nil {
		return nil, err
	}
	out := make([]any, 0, n)
	switch v := v.(type) {
	case string, markup:
		s, _ := asText(v)
		for i, c := range s {
			out = append(out, s[i:i+utf8.RuneLen(c)])
		}
	case *Dict:
		out = append(out, v.keys...)
	case *view:
		return v.items(), r.spendItems(3 * n)
	case *intRange:
		for i := range int64(n) {
			out = append(out, v.start+i*v.step)
		}
	}
	return out, nil
}

func (v *view) items() []any {
	switch v.kind {
	case "keys":
		return slices.Clone(v.d.keys)
	case "values":
		return slices.Clone(v.d.vals)
	}
	out := make([]any, v.d.Len())
	for i, k := range v.d.keys {
		out[i] = tuple{k, v.d.vals[i]}
	}
	return out
}

func (v *intRange) len() int64 {
	switch {
	case v.step > 0 && v.stop > v.start:
		return int64((uint64(v.stop)-uint64(v.start)-1)/uint64(v.step)) + 1
	case v.step < 0 && v.stop < v.start:
		return int64((uint64(v.start)-uint64(v.stop)-1)/uint64(-v.step)) + 1
	}
	return 0
}

// equal is Python's ==.
func (r *renderer) equal(a, b any) (bool, error) { return r.equalAt(a, b, 0) }

func (r *renderer) equalAt(a, b any, depth int) (bool, error) {
	if depth > maxValueDepth {
		return false, failf("value is nested deeper than %d levels", maxValueDepth)
	}
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok && !u.soft {
			return false, u.err()
		}
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return x == y, nil
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y, nil
	}
	if x, ok := asText(a); ok {
		y, ok := asText(b)
		return ok && x == y, r.scan(min(len(x), len(y)))
	}
	return r.equalOthers(a, b, depth)
}

// equalOthers compares what is neither number nor text.
func (r *renderer) equalOthers(a, b any, depth int) (bool, error) {
	switch x := a.(type) {
	case nil:
		return b == nil, nil
	case *undefined:
		_, ok := b.(*undefined)
		return ok, nil
	case *list:
		if y, ok := b.(*list); ok {
			return r.equalItems(x.items, y.items, depth)
		}
	case tuple:
		if y, ok := b.(tuple); ok {
			return r.equalItems(x, y, depth)
		}
	case *Dict:
		if y, ok := b.(*Dict); ok {
			return r.equalDicts(x, y, depth)
		}
	case *intRange:
		if y, ok := b.(*intRange); ok {
			return *x == *y, nil
		}
	default:
		h, ok := hash(a)
		g, ok2 := hash(b)
		return ok && ok2 && h == g, nil
	}
	return false, nil
}

func (r *renderer) equalItems(a, b []any, depth int) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	if err := r.scan(64 * len(a)); err != nil {
		return false, err
	}
	for i := range a {
		if ok, err := r.equalAt(a[i], b[i], depth+1); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (r *renderer) equalDicts(a, b *Dict, depth int) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	if err := r.scan(64 * a.Len()); err != nil {
		return false, err
	}
	for i, k := range a.keys {
		v, ok := b.get(k)
		if !ok {
			return false, nil
		}
		if ok, err := r.equalAt(a.vals[i], v, depth+1); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// unordered is the order of a number and NaN.
const unordered = 2

// order compares two values as Python's < does: numbers, strings, and lists or tuples
// of them.
func (r *renderer) order(a, b any, op string) (int, error) {
	return r.orderAt(a, b, op, 0)
}

func (r *renderer) orderAt(a, b any, op string, depth int) (int, error) {
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			return 0, u.err()
		}
	}
	if x, ok := asInt(a); ok {
		if y, ok := asInt(b); ok {
			return compareOrdered(x, y), nil
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			if math.IsNaN(x) || math.IsNaN(y) {
				return unordered, nil
			}
			return compareOrdered(x, y), nil
		}
	}
	if x, ok := asText(a); ok {
		if y, ok := asText(b); ok {
			return strings.Compare(x, y), r.scan(min(len(x), len(y)))
		}
	}
	x, y, ok := bothLists(a, b)
	if !ok || depth > maxValueDepth {
		return 0, failf("cannot compare %s with %s by %s", typeName(a), typeName(b), op)
	}
	if err := r.scan(64 * min(len(x), len(y))); err != nil {
		return 0, err
	}
	for i := range min(len(x), len(y)) {
		same, err := r.equalAt(x[i], y[i], depth+1)
		if err != nil {
			return 0, err
		}
		if !same {
			return r.orderAt(x[i], y[i], op, depth+1)
		}
	}
	return compareOrdered(int64(len(x)), int64(len(y))), nil
}

func bothLists(a, b any) (x, y []any, ok bool) {
	if l, isList := a.(*list); isList {
		if m, isList := b.(*list); isList {
			return l.items, m.items, true
		}
	}
	if l, isTuple := a.(tuple); isTuple {
		if m, isTuple := b.(tuple); isTuple {
			return l, m, true
		}
	}
	return nil, nil, false
}

func compareOrdered[T int64 | float64](x, y T) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// contains is Python's "v in all".
func (r *renderer) contains(all, v any) (bool, error) {
	switch all := all.(type) {
	case string, markup:
		s, ok := asText(v)
		if u, missing := v.(*undefined); missing {
			return false, u.err()
		}
		if !ok {
			return false, failf("in a string there can only be a string, not %s", typeName(v))
		}
		text, _ := asText(all)
		return strings.Contains(text, s), r.scan(len(text))
	case *Dict:
		if u, missing := v.(*undefined); missing {
			return false, u.err()
		}
		if _, ok := hash(v); !ok {
			return false, failf("%s cannot be a key", typeName(v))
		}
		_, ok := all.get(v)
		return ok, nil
	case *intRange:
		n, ok := asInt(v)
		if f, isFloat := v.(float64); isFloat && f == math.Trunc(f) && math.Abs(f) < 1<<62 {
			n, ok = int64(f), true
		}
		last := all.start + (all.len()-1)*all.step
		return ok && all.len() > 0 && n >= min(all.start, last) && n <= max(all.start, last) && (n-all.start)%all.step == 0, nil
	case *undefined:
		return false, all.err()
	}
	items, err := r.items(all)
	if err != nil {
		return false, failf("\"in\" needs a list, map or string, not %s", typeName(all))
	}
	if err := r.scan(64 * len(items)); err != nil {
		return false, err
	}
	var failed error
	found := slices.ContainsFunc(items, func(x any) bool {
		ok, err := r.equal(x, v)
		if err != nil {
			failed = err
		}
		return ok || err != nil
	})
	return found && failed == nil, failed
}
