package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// jsToNumber is Number(v).
func (r *renderer) jsToNumber(v any) (float64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case bool, int64, float64:
		f, _ := number(v)
		return f, nil
	case string:
		return jsParse(v), r.scan(len(v))
	case *undefined:
		return 0, v.err()
	}
	s, err := r.text(v)
	return jsParse(s), err
}

func jsParse(s string) float64 {
	s = strings.TrimFunc(s, isSpace)
	if s == "" {
		return 0
	}
	lower := strings.ToLower(s)
	for prefix, base := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if digits, ok := strings.CutPrefix(lower, prefix); ok && len(digits) < 1000 && digits != "" && !strings.ContainsAny(digits, "+-_") {
			if n, ok := new(big.Int).SetString(digits, base); ok {
				f, _ := new(big.Float).SetInt(n).Float64()
				return f
			}
			return math.NaN()
		}
	}
	switch s {
	case "Infinity", "+Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	if strings.Trim(lower, "0123456789.e+-") != "" {
		return math.NaN()
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

func (r *renderer) jsUnary(op string, v any) (any, error) {
	f, err := r.jsToNumber(v)
	switch op {
	case "-":
		f = -f
	case "floor":
		f = math.Floor(f)
	}
	return r.finite(f, op, v, nil, err)
}

// finite is the number, but an error where the original would print "NaN".
func (r *renderer) finite(f float64, op string, a, b any, err error) (any, error) {
	if err != nil || !math.IsNaN(f) {
		return jsNumber(f), err
	}
	if x, ok := a.(float64); ok && math.IsNaN(x) {
		return f, nil
	}
	if b == nil {
		return nil, failf("%q needs a number, not %s", op, typeName(a))
	}
	return nil, failf("%q does not go with %s and %s", op, typeName(a), typeName(b)).
		with("join text with ~; a name with a hyphen is read as ['the-name']")
}

// jsBinary is an arithmetic operator of JavaScript.
func (r *renderer) jsBinary(op string, a, b any) (any, error) {
	if op == "+" {
		if !isPrimitive(a) || !isPrimitive(b) || isTextual(a) || isTextual(b) {
			return r.jsConcat(a, b)
		}
	}
	if x, ok := a.(int64); ok && op != "/" && op != "**" {
		if y, ok := b.(int64); ok && abs64(x) < 1<<53 && abs64(y) < 1<<26 && (op != "*" || abs64(x) < 1<<26 && x > 0 && y > 0) && (op != "%" || y != 0 && x > 0) {
			return smallMath(op, x, y), nil
		}
	}
	x, err := r.jsToNumber(a)
	if err != nil {
		return nil, err
	}
	y, err := r.jsToNumber(b)
	var f float64
	switch op {
	case "+":
		f = x + y
	case "-":
		f = x - y
	case "*":
		f = x * y
	case "/":
		f = x / y
	case "%":
		f = math.Mod(x, y)
	case "**":
		f = math.Pow(x, y)
		if math.Abs(x) == 1 && math.IsInf(y, 0) {
			f = math.NaN()
		}
	}
	return r.finite(f, op, a, b, err)
}

func abs64(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

func smallMath(op string, x, y int64) int64 {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	}
	return x % y
}

func isPrimitive(v any) bool {
	switch v.(type) {
	case nil, bool, int64, float64, string:
		return true
	}
	return false
}

// jsConcat is + where one side is text.
func (r *renderer) jsConcat(a, b any) (any, error) {
	x, err := r.concatText(a)
	if err != nil {
		return nil, err
	}
	y, err := r.concatText(b)
	if err == nil {
		err = r.spend(len(x) + len(y))
	}
	return x + y, err
}
