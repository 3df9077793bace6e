package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A verb is one %... or {:...} of a format.
type verb struct {
	fill        string
	align       byte // < > ^ =, 0 if not given
	sign        byte // + - or space, 0 if not given
	alt, zero   bool
	group       byte // , or _
	width, prec int64
	hasPrec     bool
	kind        byte
}

// percent is Python's s % args.
func (r *renderer) percent(s string, arg, format any) (any, error) {
	args, isTuple := arg.(tuple)
	if !isTuple {
		args = tuple{arg}
	}
	named, _ := arg.(*Dict)
	_, safe := format.(markup)
	f := &percentFormat{r: r, args: args, named: named, safe: safe}
	var b strings.Builder
	for i := 0; i < len(s); {
		n := strings.IndexByte(s[i:], '%')
		if n < 0 {
			b.WriteString(s[i:])
			break
		}
		b.WriteString(s[i : i+n])
		text, size, err := f.verb(s[i+n:])
		if err == nil {
			err = r.spend(n + len(text))
		}
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
		i += n + size
	}
	_, isList := arg.(*list)
	if f.used < len(args) && named == nil && !isList {
		return nil, failf("the format has fewer places than there are values")
	}
	return like(format, b.String()), r.spend(len(s))
}

type percentFormat struct {
	r     *renderer
	args  []any
	named *Dict
	safe  bool
	used  int
}

func (f *percentFormat) next() (any, error) {
	if f.used >= len(f.args) {
		return nil, failf("the format has more places than there are values")
	}
	f.used++
	return f.args[f.used-1], nil
}

// star reads a number, or * for one of the values.
func (f *percentFormat) star(s string, i int) (n int64, next int, err error) {
	if i < len(s) && s[i] == '*' {
		v, err := f.next()
		if err != nil {
			return 0, i, err
		}
		n, isInt := asInt(v)
		if !isInt {
			err = failf("* in a format needs a whole number, not %s", typeName(v))
		}
		return n, i + 1, err
	}
	j := i
	for j < len(s) && isDigit(s[j]) {
		j++
	}
	n, err = strconv.ParseInt("0"+s[i:j], 10, 64)
	if err != nil {
		err = failf("value is too large: the width of a format")
	}
	return n, j, err
}

// verb formats what stands at the start of s and returns its length.
func (f *percentFormat) verb(s string) (text string, size int, err error) {
	arg, i, err := f.mapped(s)
	if err != nil {
		return "", 0, err
	}
	v, i, err := f.parse(s, i)
	if err != nil {
		return "", 0, err
	}
	if v.kind == '%' {
		return "%", i, nil
	}
	if _, none := arg.(absent); none {
		if arg, err = f.next(); err != nil {
			return "", 0, err
		}
	}
	if u, ok := arg.(*undefined); ok {
		return "", 0, u.err()
	}
	if s, ok := asText(arg); ok {
		if err := f.r.spend(4 * len(s)); err != nil {
			return "", 0, err
		}
	}
	text, err = f.format(v, arg)
	return text, i, err
}

// mapped returns the value that %(name) names, or absent.
func (f *percentFormat) mapped(s string) (arg any, next int, err error) {
	if !strings.HasPrefix(s, "%(") {
		return absent{}, 1, nil
	}
	n := strings.IndexByte(s, ')')
	if n < 0 || f.named == nil {
		return nil, 0, failf("a format with names needs a map")
	}
	arg, ok := f.named.get(s[2:n])
	if !ok {
		return nil, 0, failf("the format names %q, which the map does not have", cutPlace(s[2:n]))
	}
	return arg, n + 1, nil
}

// parse reads flags, width, precision and kind from i on.
func (f *percentFormat) parse(s string, i int) (v verb, next int, err error) {
	v.fill = " "
	for ; i < len(s) && strings.IndexByte("#0- +", s[i]) >= 0; i++ {
		switch c := s[i]; c {
		case '#':
			v.alt = true
		case '0':
			v.zero = true
		case '-':
			v.align = '<'
		default:
			if v.sign != '+' {
				v.sign = c
			}
		}
	}
	if v.width, i, err = f.star(s, i); err != nil {
		return v, 0, err
	}
	if v.width < 0 {
		v.align, v.width = '<', -v.width
	}
	if i < len(s) && s[i] == '.' {
		if v.prec, i, err = f.star(s, i+1); err != nil {
			return v, 0, err
		}
		v.prec, v.hasPrec = max(0, v.prec), true
	}
	for i < len(s) && strings.IndexByte("hlL", s[i]) >= 0 {
		i++
	}
	if i >= len(s) {
		return v, 0, failf("the format ends in the middle of a place")
	}
	v.kind = s[i]
	return v, i + 1, nil
}

func (f *percentFormat) format(v verb, arg any) (string, error) {
	if v.align == 0 {
		v.align = '>'
	}
	if strings.IndexByte("srac", v.kind) >= 0 {
		v.zero = false
		text, err := f.textOf(v, arg)
		if err != nil {
			return "", err
		}
		return f.r.aligned(v, "", text)
	}
	if v.zero && v.align != '<' {
		v.fill, v.align = "0", '='
	}
	switch v.kind {
	case 'd', 'i', 'u', 'x', 'X', 'o':
		n, ok := asInt(arg)
		if x, isFloat := arg.(float64); isFloat && (v.kind == 'd' || v.kind == 'i' || v.kind == 'u') && math.Abs(x) < 1<<62 {
			n, ok = int64(x), true
		}
		if !ok {
			return "", failf("%%%c needs a number, not %s", v.kind, typeName(arg))
		}
		return f.r.formatInt(v, n)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		x, ok := number(arg)
		if !ok {
			return "", failf("%%%c needs a number, not %s", v.kind, typeName(arg))
		}
		if !v.hasPrec {
			v.prec, v.hasPrec = 6, true
		}
		return f.r.formatFloat(v, x)
	}
	return "", failf("unknown place %%%c in a format", v.kind)
}

// textOf is the value as %s, %r or %c prints it.
func (f *percentFormat) textOf(v verb, arg any) (text string, err error) {
	switch v.kind {
	case 'c':
		n, ok := asInt(arg)
		text, isText := asText(arg)
		if ok && n >= 0 && n <= utf8.MaxRune {
			text = string(rune(n))
		} else if !isText || utf8.RuneCountInString(text) != 1 {
			return "", failf("%%c needs one character")
		}
		return text, nil
	case 's':
		text, err = f.r.text(arg)
	default:
		text, err = f.r.repr(arg)
	}
	if _, isSafe := arg.(markup); f.safe && !isSafe {
		text = htmlEscapes.Replace(text)
	}
	return f.cutPrec(v, text), err
}

func (f *percentFormat) cutPrec(v verb, s string) string {
	if v.hasPrec {
		if runes := []rune(s); int64(len(runes)) > v.prec {
			return string(runes[:v.prec])
		}
	}
	return s
}
