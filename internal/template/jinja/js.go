package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsNumber is a number of JavaScript: whole ones are int64 here.
func jsNumber(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 && (f != 0 || !math.Signbit(f)) {
		return int64(f)
	}
	return f
}

// jsTruth is JavaScript's. A key that is missing is false; a variable that is
// missing is an error.
func jsTruth(v any) (bool, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case float64:
		return v != 0 && !math.IsNaN(v), nil
	case string:
		return v != "", nil
	case *undefined:
		if v.isRoot {
			return false, v.err()
		}
		return false, nil
	}
	return true, nil
}

// jsText is String(v), but for null, which prints as nothing.
func (r *renderer) jsText(v any) (string, error) {
	w := &writer{r: r}
	w.jsText(v, 0)
	if w.err == nil {
		w.err = r.spend(w.b.Len())
	}
	return w.b.String(), w.err
}

func (w *writer) jsText(v any, depth int) {
	if !w.more(depth) {
		return
	}
	switch v := v.(type) {
	case nil:
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		w.b.WriteString(jsFloatText(v))
	case string:
		w.b.WriteString(v)
	case markup:
		w.b.WriteString(string(v))
	case *list:
		w.jsItems(v.items, depth)
	case tuple:
		w.jsItems(v, depth)
	case *pattern:
		w.b.WriteString("/" + v.source + "/" + v.flag)
	case *undefined:
		w.err = v.err()
	case *macro, *builtin, *joiner:
		w.err = failf("%s has no text", typeName(v)).with("call it: put () after its name")
	default:
		w.b.WriteString("[object Object]")
	}
}

func (w *writer) jsItems(items []any, depth int) {
	for i, x := range items {
		if i > 0 {
			w.b.WriteByte(',')
		}
		if u, missing := x.(*undefined); missing && !u.isRoot {
			continue
		}
		if w.jsText(x, depth+1); w.err != nil {
			return
		}
	}
}

// jsFloatText is Number.prototype.toString.
func jsFloatText(f float64) string {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	case abs >= 1e21 || abs < 1e-6:
		mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		return mantissa + "e" + exp[:1] + strings.TrimLeft(exp[1:], "0")
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// jsStrictEqual is ===.
func jsStrictEqual(a, b any) bool {
	if x, ok := a.(*undefined); ok {
		_, ok = b.(*undefined)
		return ok && x != nil
	}
	switch a.(type) {
	case int64, float64:
		x, _ := number(a)
		if _, isBool := b.(bool); isBool {
			return false
		}
		y, ok := number(b)
		return ok && x == y
	case tuple:
		return false
	}
	if _, isTuple := b.(tuple); isTuple {
		return false
	}
	return a == b
}

// jsEqual is ==.
func (r *renderer) jsEqual(a, b any) (bool, error) {
	_, noA := a.(*undefined)
	_, noB := b.(*undefined)
	if noA || noB || a == nil || b == nil {
		return (noA || a == nil) && (noB || b == nil), nil
	}
	if isPrimitive(a) != isPrimitive(b) {
		if isPrimitive(b) {
			a, b = b, a
		}
		text, err := r.text(b)
		if err != nil {
			return false, err
		}
		return r.jsEqual(a, text)
	}
	if !isPrimitive(a) || isTextual(a) && isTextual(b) {
		return jsStrictEqual(a, b), nil
	}
	x, err := r.jsToNumber(a)
	if err != nil {
		return false, err
	}
	y, err := r.jsToNumber(b)
	return x == y, err
}

// jsCompare is a comparison, or in.
func (r *renderer) jsCompare(op string, a, b any) (bool, error) {
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok && (u.isRoot || op != "==" && op != "!=" && op != "===" && op != "!==") {
			return false, u.err()
		}
	}
	switch op {
	case "==":
		return r.jsEqual(a, b)
	case "!=":
		ok, err := r.jsEqual(a, b)
		return !ok, err
	case "===":
		return jsStrictEqual(a, b), nil
	case "!==":
		return !jsStrictEqual(a, b), nil
	case "in":
		return r.jsContains(b, a)
	}
	n, err := r.jsOrder(a, b, op)
	switch op {
	case "<":
		return n < 0, err
	case "<=":
		return n <= 0, err
	case ">":
		return n > 0 && n != unordered, err
	}
	return n >= 0 && n != unordered, err
}

// jsOrder compares two strings as text, anything else as numbers.
func (r *renderer) jsOrder(a, b any, _ string) (int, error) {
	if !isPrimitive(a) {
		text, err := r.text(a)
		if err != nil {
			return 0, err
		}
		a = text
	}
	if !isPrimitive(b) {
		text, err := r.text(b)
		if err != nil {
			return 0, err
		}
		b = text
	}
	s, okA := a.(string)
	t, okB := b.(string)
	if okA && okB {
		return compareUTF16(s, t), r.scan(min(len(s), len(t)))
	}
	x, err := r.jsToNumber(a)
	if err != nil {
		return 0, err
	}
	y, err := r.jsToNumber(b)
	if math.IsNaN(x) || math.IsNaN(y) {
		return unordered, err
	}
	return compareOrdered(x, y), err
}

// compareUTF16 orders strings by code units, as JavaScript does.
func compareUTF16(s, t string) int {
	a, b := []rune(s), []rune(t)
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			x, y := utf16.Encode(a[i:i+1]), utf16.Encode(b[i:i+1])
			for j := range min(len(x), len(y)) {
				if x[j] != y[j] {
					return compareOrdered(int64(x[j]), int64(y[j]))
				}
			}
		}
	}
	return compareOrdered(int64(len(a)), int64(len(b)))
}

func (r *renderer) jsContains(all, v any) (bool, error) {
	switch all := all.(type) {
	case string:
		s, err := r.concatText(v)
		return strings.Contains(all, s), err
	case *list:
		for _, x := range all.items {
			if jsStrictEqual(x, v) {
				return true, nil
			}
		}
		return false, r.scan(16 * len(all.items))
	case *Dict:
		s, err := r.concatText(v)
		_, ok := all.get(s)
		return ok, err
	}
	return false, failf("\"in\" needs a list, map or string, not %s", typeName(all))
}
