package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// intOf reads a whole number as Python's int does: base 0 and 16, 8, 2 with prefix,
// _ between digits, white space around.
func intOf(s string, base int) (int64, bool, error) {
	s = strings.TrimFunc(s, isSpace)
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return 0, false, nil
	}
	prefix := map[int]string{16: "0x", 8: "0o", 2: "0b"}[base]
	if lower := strings.ToLower(digits); prefix != "" && strings.HasPrefix(lower, prefix) {
		digits = strings.TrimPrefix(digits[2:], "_")
	}
	if base != 0 {
		digits = strings.ReplaceAll(digits, "_", "")
	} else if len(digits) > 1 && digits[0] == '0' && isDigit(digits[1]) {
		if strings.Trim(digits, "0_") != "" {
			return 0, false, nil
		}
		digits = "0"
	}
	if len(digits) > 5000 || base < 0 || base == 1 || base > 36 {
		return 0, false, nil
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return 0, false, nil
	}
	if strings.HasPrefix(s, "-") {
		n.Neg(n)
	}
	if !n.IsInt64() {
		return 0, false, overflow()
	}
	return n.Int64(), true, nil
}

// floatOf reads a number as Python's float does.
func floatOf(s string) (float64, bool) {
	s = strings.ToLower(strings.TrimFunc(s, isSpace))
	if strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") || strings.Contains(s, "0x") || strings.ContainsAny(s, "p") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

func filterInt(c *call) (any, error) {
	base, err := c.int(1, 10)
	if err != nil {
		return nil, err
	}
	otherwise := any(int64(0))
	if c.given(0) {
		otherwise = c.args[0]
	}
	var f float64
	switch v := c.value.(type) {
	case bool, int64:
		n, _ := asInt(v)
		return n, nil
	case float64:
		f = v
	case string, markup:
		s, _ := asText(v)
		n, ok, err := intOf(s, int(base))
		if ok || err != nil {
			return n, err
		}
		if f, ok = floatOf(s); !ok {
			return otherwise, nil
		}
	default:
		return otherwise, nil
	}
	if math.IsNaN(f) {
		return otherwise, nil
	}
	if math.Abs(f) >= 1<<63 {
		return nil, overflow()
	}
	return int64(f), nil
}

func filterFloat(c *call) (any, error) {
	switch v := c.value.(type) {
	case string, markup:
		s, _ := asText(v)
		if f, ok := floatOf(s); ok {
			return f, nil
		}
	default:
		if f, ok := number(v); ok {
			return f, nil
		}
	}
	if c.given(0) {
		return c.args[0], nil
	}
	return 0.0, nil
}

func filterRound(c *call) (any, error) {
	precision, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	method, err := c.str(1, "common")
	if err != nil {
		return nil, err
	}
	f, ok := number(c.value)
	if !ok {
		return nil, c.wrong("a number")
	}
	precision = min(max(precision, -400), 400)
	scale := math.Pow(10, float64(precision))
	switch method {
	case "common":
		if n, ok := asInt(c.value); ok {
			return roundInt(n, precision)
		}
		return roundFloat(f, precision), nil
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	}
	return nil, failf("round: method must be common, ceil or floor, not %q", cutPlace(method))
}

// roundFloat rounds half to even on the exact decimal value, as Python does.
func roundFloat(f float64, precision int64) float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) || f == 0 {
		return f
	}
	if precision >= 0 {
		r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
		return r
	}
	scale := math.Pow(10, float64(-precision))
	if math.IsInf(scale, 0) {
		return math.Copysign(0, f)
	}
	return math.RoundToEven(f/scale) * scale
}

func roundInt(n, precision int64) (any, error) {
	if precision >= 0 {
		return n, nil
	}
	if precision < -19 {
		return int64(0), nil
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(-precision), nil)
	q, m := new(big.Int).DivMod(big.NewInt(n), scale, new(big.Int))
	switch twice := new(big.Int).Lsh(m, 1); {
	case twice.Cmp(scale) > 0, twice.Cmp(scale) == 0 && q.Bit(0) == 1:
		q.Add(q, big.NewInt(1))
	}
	if q.Mul(q, scale); !q.IsInt64() {
		return nil, overflow()
	}
	return q.Int64(), nil
}

func filterFileSize(c *call) (any, error) {
	binary, err := c.truth(0)
	if err != nil {
		return nil, err
	}
	f, ok := number(c.value)
	if s, isText := asText(c.value); isText {
		f, ok = floatOf(s)
	}
	if !ok {
		return nil, c.wrong("a number")
	}
	base, units := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base, units = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	switch {
	case f == 1:
		return "1 Byte", nil
	case f < base:
		return strconv.FormatInt(int64(f), 10) + " Bytes", nil
	}
	unit := base
	for i, name := range units {
		unit *= base
		if f < unit || i == len(units)-1 {
			return strconv.FormatFloat(base*f/unit, 'f', 1, 64) + " " + name, nil
		}
	}
	return "", nil
}
