package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatMethod is Python's str.format.
func formatMethod(c *call) (any, error) {
	s, _ := asText(c.value)
	f := &braceFormat{c: c}
	text, err := f.run(s, 0)
	return like(c.value, text), err
}

type braceFormat struct {
	c    *call
	auto int // places without a number so far; -1: they have numbers
}

func (f *braceFormat) run(s string, depth int) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); {
		n := strings.IndexAny(s[i:], "{}")
		if n < 0 {
			b.WriteString(s[i:])
			break
		}
		b.WriteString(s[i : i+n])
		i += n
		if strings.HasPrefix(s[i:], "{{") || strings.HasPrefix(s[i:], "}}") {
			b.WriteByte(s[i])
			i += 2
			continue
		}
		end := closingBrace(s, i)
		if s[i] == '}' || end < 0 || depth > 1 {
			return "", failf("a single %q in a format", s[i:i+1]).with("write it twice")
		}
		text, err := f.place(s[i+1:end], depth)
		if err == nil {
			err = f.c.r.spend(n + len(text))
		}
		if err != nil {
			return "", err
		}
		b.WriteString(text)
		i = end + 1
	}
	return b.String(), f.c.r.spend(len(s))
}

// closingBrace returns where the brace at i is closed, or -1.
func closingBrace(s string, i int) int {
	depth := 0
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return j
			}
		}
	}
	return -1
}

// place formats what stands between two braces.
func (f *braceFormat) place(s string, depth int) (string, error) {
	field, spec, _ := strings.Cut(s, ":")
	field, conversion, converts := strings.Cut(field, "!")
	v, err := f.field(field)
	if err != nil {
		return "", err
	}
	if converts {
		switch conversion {
		case "r", "a":
			v, err = f.c.r.repr(v)
		case "s":
			v, err = f.c.r.text(v)
		default:
			err = failf("unknown conversion !%s in a format", cutPlace(conversion))
		}
		if err != nil {
			return "", err
		}
	}
	if strings.Contains(spec, "{") {
		if spec, err = f.run(spec, depth+1); err != nil {
			return "", err
		}
	}
	return f.c.r.formatSpec(v, spec)
}

// field finds the value of name.attr[key].
func (f *braceFormat) field(s string) (any, error) {
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	v, err := f.first(s[:end])
	for rest := s[end:]; err == nil && rest != ""; {
		if rest[0] == '.' {
			n := strings.IndexAny(rest[1:], ".[")
			if n < 0 {
				n = len(rest) - 1
			}
			own, ok := f.c.r.own(v, rest[1:1+n], f.c.pos)
			if !ok {
				return nil, failf("%s has no attribute %q", typeName(v), cutPlace(rest[1:1+n])).with("for a key write [%s]", cutPlace(rest[1:1+n]))
			}
			v = own
			rest = rest[1+n:]
		} else {
			key, more, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, failf("a bracket in a format is never closed")
			}
			var k any = key
			if n, e := strconv.ParseInt(key, 10, 64); e == nil {
				k = n
			}
			v, err = f.c.r.itemOf(v, k, f.c.pos)
			rest = more
		}
		if u, ok := v.(*undefined); ok && err == nil {
			return nil, u.err()
		}
	}
	return v, err
}

// first finds the argument that a place names, by number or keyword.
func (f *braceFormat) first(name string) (any, error) {
	n, err := strconv.Atoi(name)
	switch {
	case name == "":
		if f.auto < 0 {
			return nil, failf("a format cannot mix {} and {0}")
		}
		n, err = f.auto, nil
		f.auto++
	case err == nil:
		if f.auto > 0 {
			return nil, failf("a format cannot mix {} and {0}")
		}
		f.auto = -1
	}
	if err == nil {
		if n < 0 || n >= len(f.c.args) {
			return nil, failf("the format has more places than there are values")
		}
		return f.c.args[n], nil
	}
	for _, k := range f.c.kw {
		if k.name == name {
			return k.value, nil
		}
	}
	return nil, failf("the format names %q, which was not given", cutPlace(name))
}

// formatSpec formats v by what stands after the colon.
func (r *renderer) formatSpec(v any, spec string) (string, error) {
	if spec == "" {
		return r.text(v)
	}
	s, err := parseSpec(spec)
	if err != nil {
		return "", err
	}
	// True and false are numbers here, as in Python.
	n, isInt := asInt(v)
	x, isFloat := v.(float64)
	if isInt && s.kind != 0 && strings.IndexByte("eEfFgG%", s.kind) >= 0 {
		x, isFloat, isInt = float64(n), true, false
	}
	if s.align == 0 && (isInt || isFloat) {
		s.align = '>'
		if s.zero {
			s.align, s.fill = '=', "0"
		}
	}
	switch {
	case isInt && (s.kind == 0 || strings.IndexByte("dnbxXo", s.kind) >= 0):
		return r.formatInt(s, n)
	case isInt && s.kind == 'c' && n >= 0 && n <= utf8.MaxRune:
		return r.aligned(s, "", string(rune(n)))
	case isFloat && s.kind == 0 && !s.hasPrec:
		text := floatText(x)
		return r.aligned(s, signOf(s, strings.HasPrefix(text, "-")), strings.TrimPrefix(text, "-"))
	case isFloat && (s.kind == 0 || strings.IndexByte("eEfFgGn%", s.kind) >= 0):
		if !s.hasPrec {
			s.prec, s.hasPrec = 6, true
		}
		if s.kind == 0 || s.kind == 'n' {
			s.kind = 'g'
		}
		return r.formatFloat(s, x)
	}
	return r.formatText(v, s, spec)
}

// formatText formats a string.
func (r *renderer) formatText(v any, s verb, spec string) (string, error) {
	text, isText := asText(v)
	if err := r.spend(4 * len(text)); err != nil {
		return "", err
	}
	if !isText || s.kind != 0 && s.kind != 's' || s.align == '=' {
		return "", failf("the format %q does not go with %s", cutPlace(spec), typeName(v))
	}
	if runes := []rune(text); s.hasPrec && int64(len(runes)) > s.prec {
		text = string(runes[:s.prec])
	}
	if s.align == 0 {
		s.align = '<'
		if s.zero {
			s.fill = "0"
		}
	}
	return r.aligned(s, "", text)
}

// parseSpec reads [[fill]align][sign][#][0][width][,][.precision][type].
func parseSpec(spec string) (verb, error) {
	v := verb{fill: " "}
	rest := spec
	if _, n := utf8.DecodeRuneInString(rest); len(rest) > n && strings.IndexByte("<>^=", rest[n]) >= 0 {
		v.fill, v.align, rest = rest[:n], rest[n], rest[n+1:]
	} else if rest != "" && strings.IndexByte("<>^=", rest[0]) >= 0 {
		v.align, rest = rest[0], rest[1:]
	}
	take := func(set string) byte {
		if rest != "" && strings.IndexByte(set, rest[0]) >= 0 {
			c := rest[0]
			rest = rest[1:]
			return c
		}
		return 0
	}
	digits := func() (int64, bool, error) {
		i := 0
		for i < len(rest) && isDigit(rest[i]) {
			i++
		}
		n, err := strconv.ParseInt("0"+rest[:i], 10, 64)
		rest = rest[i:]
		if err != nil {
			return 0, false, failf("value is too large: the width of a format")
		}
		return n, i > 0, nil
	}
	var err error
	v.sign = take("+- ")
	v.alt = take("#") != 0
	v.zero = take("0") != 0
	if v.width, _, err = digits(); err != nil {
		return v, err
	}
	v.group = take(",_")
	if take(".") != 0 {
		if v.prec, v.hasPrec, err = digits(); err != nil {
			return v, err
		}
		if !v.hasPrec {
			return v, failf("the format %q has no precision after its dot", cutPlace(spec))
		}
	}
	v.kind = take("bcdeEfFgGnosxX%")
	if rest != "" {
		return v, failf("the format %q is not one", cutPlace(spec))
	}
	return v, nil
}
