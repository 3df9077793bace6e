package jinja

import (
	"math"
	"math/bits"
	"strings"
)

func overflow() error {
	return failf("number is larger than 64 bits").with("use a smaller number, or one with a decimal point")
}

func pyUnary(op string, v any) (any, error) {
	if f, ok := v.(float64); ok {
		if op == "-" {
			return -f, nil
		}
		return f, nil
	}
	n, ok := asInt(v)
	switch {
	case !ok:
		return nil, failf("%q needs a number, not %s", op, typeName(v))
	case op == "+":
		return n, nil
	case n == math.MinInt64:
		return nil, overflow()
	}
	return -n, nil
}

// pyBinary is an arithmetic operator of Python.
func (r *renderer) pyBinary(op string, a, b any) (any, error) {
	if v, done, err := r.pySequences(op, a, b); done || err != nil {
		return v, err
	}
	x, okX := asInt(a)
	y, okY := asInt(b)
	if okX && okY {
		return intMath(op, x, y)
	}
	f, okX := number(a)
	g, okY := number(b)
	if okX && okY {
		return floatMath(op, f, g)
	}
	return nil, failf("%q does not go with %s and %s", op, typeName(a), typeName(b)).with("join text with ~")
}

// pySequences handles + * and % of strings, lists and tuples.
func (r *renderer) pySequences(op string, a, b any) (v any, done bool, err error) {
	switch op {
	case "+":
		return r.join2(a, b)
	case "*":
		if _, ok := asInt(a); ok {
			a, b = b, a
		}
		n, ok := asInt(b)
		if !ok {
			return nil, false, nil
		}
		return r.repeat(a, max(n, 0))
	case "%":
		if s, ok := asText(a); ok {
			text, err := r.percent(s, b, a)
			return text, true, err
		}
	}
	return nil, false, nil
}

// join2 is + of two strings, lists or tuples. What joins escaped text is escaped.
func (r *renderer) join2(a, b any) (any, bool, error) {
	x, okX := asText(a)
	y, okY := asText(b)
	if okX && okY {
		_, safeX := a.(markup)
		_, safeY := b.(markup)
		if safeX != safeY {
			if safeX {
				y = htmlEscapes.Replace(y)
			} else {
				x = htmlEscapes.Replace(x)
			}
		}
		if err := r.spend(len(x) + len(y)); err != nil {
			return nil, true, err
		}
		if safeX || safeY {
			return markup(x + y), true, nil
		}
		return x + y, true, nil
	}
	l, m, ok := bothLists(a, b)
	if !ok {
		return nil, false, nil
	}
	if err := r.spendItems(len(l) + len(m)); err != nil {
		return nil, true, err
	}
	items := append(append(make([]any, 0, len(l)+len(m)), l...), m...)
	if _, isTuple := a.(tuple); isTuple {
		return tuple(items), true, nil
	}
	return &list{items}, true, nil
}

// repeat is * of a string, list or tuple and a number.
func (r *renderer) repeat(v any, n int64) (any, bool, error) {
	if s, ok := asText(v); ok {
		if err := r.spendTimes(len(s), n); err != nil {
			return nil, true, err
		}
		return like(v, strings.Repeat(s, int(n))), true, nil
	}
	var items []any
	switch v := v.(type) {
	case *list:
		items = v.items
	case tuple:
		items = v
	default:
		return nil, false, nil
	}
	if err := r.spendTimes(16*len(items)+16, n); err != nil {
		return nil, true, err
	}
	out := make([]any, 0, len(items)*int(n))
	for range n {
		if len(items) == 0 {
			break
		}
		out = append(out, items...)
	}
	if _, isTuple := v.(tuple); isTuple {
		return tuple(out), true, nil
	}
	return &list{out}, true, nil
}

// spendTimes counts size bytes n times over.
func (r *renderer) spendTimes(size int, n int64) error {
	hi, lo := bits.Mul64(uint64(max(size, 1)), uint64(max(n, 0)))
	if hi != 0 || lo > uint64(r.env.opt.Memory) {
		return r.spend(r.env.opt.Memory + 1)
	}
	return r.spend(int(lo))
}

func intMath(op string, x, y int64) (any, error) {
	switch op {
	case "+":
		if s := x + y; (s > x) == (y > 0) {
			return s, nil
		}
	case "-":
		if d := x - y; (d < x) == (y > 0) {
			return d, nil
		}
	case "*":
		return timesInt(x, y)
	case "**":
		return powInt(x, y)
	case "/":
		if y == 0 {
			return nil, failf("division by zero")
		}
		return float64(x) / float64(y), nil
	default:
		if y == 0 {
			return nil, failf("division by zero")
		}
		if x == math.MinInt64 && y == -1 {
			return nil, overflow()
		}
		q, m := x/y, x%y
		if m != 0 && (m < 0) != (y < 0) {
			q, m = q-1, m+y
		}
		if op == "//" {
			return q, nil
		}
		return m, nil
	}
	return nil, overflow()
}

func timesInt(x, y int64) (any, error) {
	if x == 0 || y == 0 {
		return int64(0), nil
	}
	p := x * y
	if p/y != x || x == math.MinInt64 && y == -1 || y == math.MinInt64 && x == -1 {
		return nil, overflow()
	}
	return p, nil
}

func powInt(x, y int64) (any, error) {
	if y < 0 {
		if x == 0 {
			return nil, failf("zero cannot be raised to a negative power")
		}
		return math.Pow(float64(x), float64(y)), nil
	}
	if x == 1 || x == 0 && y > 0 {
		return x, nil
	}
	if x == -1 {
		return 1 - 2*(y%2), nil
	}
	result := any(int64(1))
	for range min(y, 64) {
		var err error
		if result, err = timesInt(result.(int64), x); err != nil {
			return nil, err
		}
	}
	if y > 64 {
		return nil, overflow()
	}
	return result, nil
}

func floatMath(op string, x, y float64) (any, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "**":
		return powFloat(x, y)
	}
	if y == 0 {
		return nil, failf("division by zero")
	}
	if op == "/" {
		return x / y, nil
	}
	m := math.Mod(x, y)
	if m != 0 && (m < 0) != (y < 0) {
		m += y
	}
	if m == 0 {
		m = math.Copysign(0, y)
	}
	if op == "%" {
		return m, nil
	}
	q := (x - m) / y
	if q == 0 {
		return math.Copysign(0, x/y), nil
	}
	f := math.Floor(q)
	if q-f > 0.5 {
		f++
	}
	return f, nil
}

func powFloat(x, y float64) (any, error) {
	switch {
	case x == 0 && y < 0:
		return nil, failf("zero cannot be raised to a negative power")
	case x < 0 && y != math.Trunc(y):
		return nil, failf("a negative number cannot be raised to a broken power")
	}
	p := math.Pow(x, y)
	if math.IsInf(p, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, failf("number is too large")
	}
	return p, nil
}
