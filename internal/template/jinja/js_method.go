package jinja

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode/utf16"
)

// jsMethods are the methods of nunjucks.
func jsMethods() *methods {
	number := map[string]*filter{
		"toString": fn("", func(c *call) (any, error) { return c.text() }),
		"toFixed":  fn("digits?", toFixed),
	}
	return &methods{
		text: jsStringMethods(), list: jsListMethods(), tuple: jsListMethods(), whole: number, float: number,
		dict: map[string]*filter{"hasOwnProperty": fn("key", func(c *call) (any, error) {
			key, err := c.argText(0, "")
			_, ok := c.value.(*Dict).get(key)
			return ok, err
		})},
		pattern: map[string]*filter{"test": fn("text", func(c *call) (any, error) {
			s, err := c.argText(0, "")
			p := c.value.(*pattern)
			if err == nil {
				err = c.r.scan(p.cost * len(s))
			}
			return err == nil && p.re.MatchString(s), err
		})},
	}
}

func toFixed(c *call) (any, error) {
	n, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > 100 {
		return nil, failf("toFixed takes 0 to 100 digits")
	}
	f, _ := number(c.value)
	if math.Abs(f) >= 1e21 || math.IsNaN(f) {
		return jsFloatText(f), nil
	}
	// Of two texts equally near, JavaScript takes that of the larger number.
	scaled := new(big.Rat).SetFloat64(math.Abs(f))
	scaled.Mul(scaled, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)))
	scaled.Add(scaled, big.NewRat(1, 2))
	digits := new(big.Int).Div(scaled.Num(), scaled.Denom()).String()
	digits = strings.Repeat("0", max(0, int(n)+1-len(digits))) + digits
	if whole := len(digits) - int(n); n > 0 {
		digits = digits[:whole] + "." + digits[whole:]
	}
	if f < 0 {
		digits = "-" + digits
	}
	return digits, nil
}

func jsMap(f func(string) string) *filter {
	return fn("", func(c *call) (any, error) {
		s, _ := asText(c.value)
		return f(s), c.r.spend(3 * len(s))
	})
}

func jsStringMethods() map[string]*filter {
	return map[string]*filter{
		"toLowerCase": jsMap(strings.ToLower), "toUpperCase": jsMap(upper), "toString": jsMap(func(s string) string { return s }),
		"trim":       jsMap(func(s string) string { return strings.TrimFunc(s, isSpace) }),
		"trimStart":  jsMap(func(s string) string { return strings.TrimLeftFunc(s, isSpace) }),
		"trimEnd":    jsMap(func(s string) string { return strings.TrimRightFunc(s, isSpace) }),
		"startsWith": fn("text", jsHas(strings.HasPrefix)), "endsWith": fn("text", jsHas(strings.HasSuffix)),
		"includes": fn("text", jsHas(strings.Contains)),
		"indexOf":  fn("text", jsFind(strings.Index)), "lastIndexOf": fn("text", jsFind(strings.LastIndex)),
		"split":   fn("separator? limit?", jsSplit),
		"replace": fn("old new", jsReplaceMethod(false)), "replaceAll": fn("old new", jsReplaceMethod(true)),
		"slice": fn("start? end?", jsSlice), "substring": fn("start? end?", jsSubstring),
		"charAt":   fn("index?", jsCharAt),
		"repeat":   fn("count", jsRepeat),
		"padStart": fn("width fill?", jsPad(true)), "padEnd": fn("width fill?", jsPad(false)),
		"concat": {open: true, fn: func(c *call) (any, error) {
			return c.r.join(append([]any{c.value}, c.args...), "", c.r.concatText)
		}},
	}
}

func jsHas(f func(s, part string) bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		part, err := c.argText(0, "undefined")
		return f(s, part), err
	}
}

func jsFind(f func(s, part string) int) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		part, err := c.argText(0, "undefined")
		i := f(s, part)
		if i > 0 {
			i = jsLength(s[:i])
		}
		return int64(i), err
	}
}

func jsSplit(c *call) (any, error) {
	s, _ := asText(c.value)
	var parts []string
	switch sep := c.otherwise(0).(type) {
	case nil:
		parts = []string{s}
	case *pattern:
		if err := c.r.scan(sep.cost * len(s)); err != nil {
			return nil, err
		}
		if err := c.r.spend(40 * len(s)); err != nil {
			return nil, err
		}
		parts = sep.re.Split(s, -1)
	default:
		text, err := c.argText(0, "")
		if err != nil {
			return nil, err
		}
		if err := c.r.spendTimes(16, int64(strings.Count(s, text))); err != nil {
			return nil, err
		}
		parts = strings.Split(s, text)
	}
	limit, err := c.int(1, int64(len(parts)))
	if err != nil {
		return nil, err
	}
	c.value = ""
	return c.texts(parts[:max(0, min(int(limit), len(parts)))])
}

func jsReplaceMethod(all bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		repl, err := c.argText(1, "undefined")
		if err != nil {
			return nil, err
		}
		if p, ok := c.args[0].(*pattern); ok {
			return c.r.replacePattern(s, p, repl)
		}
		old, err := c.argText(0, "undefined")
		if err != nil {
			return nil, err
		}
		n := int64(1)
		if all {
			n = -1
		}
		return c.r.replace(s, old, strings.ReplaceAll(repl, "$$", "$"), n)
	}
}

// replacePattern replaces what a regular expression finds: the first, or with the
// flag g all.
func (r *renderer) replacePattern(s string, p *pattern, repl string) (any, error) {
	n := 1
	if strings.Contains(p.flag, "g") {
		n = -1
	}
	if err := r.spend(40 * len(s)); err != nil {
		return nil, err
	}
	if err := r.scan(p.cost * len(s)); err != nil {
		return nil, err
	}
	// $1 and $& of JavaScript are ${1} and ${0} of Go.
	var to strings.Builder
	for i := 0; i < len(repl); i++ {
		switch {
		case repl[i] != '$' || i+1 == len(repl):
			to.WriteString(strings.Replace(repl[i:i+1], "$", "$$", 1))
		case repl[i+1] == '&':
			to.WriteString("${0}")
			i++
		case isDigit(repl[i+1]) && repl[i+1] != '0':
			to.WriteString("${" + repl[i+1:i+2] + "}")
			i++
		default:
			to.WriteString("$$")
			if repl[i+1] == '$' {
				i++
			}
		}
	}
	var out []byte
	last := 0
	for _, m := range p.re.FindAllStringSubmatchIndex(s, n) {
		out = append(out, s[last:m[0]]...)
		before := len(out)
		out = p.re.ExpandString(out, to.String(), s, m)
		if err := r.spend(len(out) - before); err != nil {
			return nil, err
		}
		last = m[1]
	}
	return string(append(out, s[last:]...)), nil
}

// units returns the code units of the value.
func (c *call) units() ([]uint16, error) {
	s, _ := asText(c.value)
	if err := c.r.spend(6 * len(s)); err != nil {
		return nil, err
	}
	return utf16.Encode([]rune(s)), nil
}

// span returns what start and end of slice mean for n elements.
func (c *call) span(n int64) (from, to int64, err error) {
	bound := func(i int, otherwise int64) (int64, error) {
		v, err := c.int(i, otherwise)
		if v < 0 {
			v = max(0, v+n)
		}
		return min(v, n), err
	}
	if from, err = bound(0, 0); err != nil {
		return 0, 0, err
	}
	to, err = bound(1, n)
	return from, max(from, to), err
}

func jsSlice(c *call) (any, error) {
	units, err := c.units()
	if err != nil {
		return nil, err
	}
	from, to, err := c.span(int64(len(units)))
	return string(utf16.Decode(units[from:to])), err
}

func jsSubstring(c *call) (any, error) {
	units, err := c.units()
	if err != nil {
		return nil, err
	}
	n := int64(len(units))
	from, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	to, err := c.int(1, n)
	from, to = min(max(from, 0), n), min(max(to, 0), n)
	return string(utf16.Decode(units[min(from, to):max(from, to)])), err
}

func jsCharAt(c *call) (any, error) {
	units, err := c.units()
	if err != nil {
		return nil, err
	}
	i, err := c.int(0, 0)
	if err != nil || i < 0 || i >= int64(len(units)) {
		return "", err
	}
	return string(utf16.Decode(units[i : i+1])), nil
}

func jsRepeat(c *call) (any, error) {
	s, _ := asText(c.value)
	n, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, failf("repeat needs a number that is not negative")
	}
	if err := c.r.spendTimes(len(s), n); err != nil {
		return nil, err
	}
	return strings.Repeat(s, int(n)), nil
}

func jsPad(start bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		width, err := c.int(0, 0)
		if err != nil {
			return nil, err
		}
		fill, err := c.argText(1, " ")
		if err != nil {
			return nil, err
		}
		n := width - int64(jsLength(s))
		if n <= 0 || fill == "" {
			return s, nil
		}
		if err := c.r.spendTimes(4, n); err != nil {
			return nil, err
		}
		units := utf16.Encode([]rune(fill))
		if err := c.r.spend(len(fill)); err != nil {
			return nil, err
		}
		padding := string(utf16.Decode(slices.Repeat(units, int(n)/len(units)+1)[:n]))
		if start {
			return padding + s, nil
		}
		return s + padding, nil
	}
}
