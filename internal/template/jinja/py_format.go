package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A verb is one %... or {:...} of a format.
type verb struct {
	fill              string
	align             byte // < > ^ =, 0 if not given
	sign              byte // + - or space, 0 if not given
	alt, zero         bool
	group             byte // , or _
	width, prec       int64
	hasPrec, hasWidth bool
	kind              byte
}

// percent is Python's s % args.
func (r *renderer) percent(s string, arg, like_ any) (any, error) {
	args, isTuple := arg.(tuple)
	if !isTuple {
		args = tuple{arg}
	}
	named, _ := arg.(*Dict)
	_, safe := like_.(markup)
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
	return like(like_, b.String()), r.spend(len(s))
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
func (f *percentFormat) star(s string, i int) (n int64, next int, ok bool, err error) {
	if i < len(s) && s[i] == '*' {
		v, err := f.next()
		if err != nil {
			return 0, i, false, err
		}
		n, isInt := asInt(v)
		if !isInt {
			err = failf("* in a format needs a whole number, not %s", typeName(v))
		}
		return n, i + 1, true, err
	}
	j := i
	for j < len(s) && isDigit(s[j]) {
		j++
	}
	n, err = strconv.ParseInt("0"+s[i:j], 10, 64)
	if err != nil {
		err = failf("the width of a format is too large")
	}
	return n, j, j > i, err
}

// verb formats what stands at the start of s and returns its length.
func (f *percentFormat) verb(s string) (text string, size int, err error) {
	i := 1
	var arg any
	hasArg := false
	if i < len(s) && s[i] == '(' {
		n := strings.IndexByte(s, ')')
		if n < 0 || f.named == nil {
			return "", 0, failf("a format with names needs a map")
		}
		if arg, hasArg = f.named.get(s[i+1 : n]); !hasArg {
			return "", 0, failf("the format names %q, which the map does not have", cutPlace(s[i+1:n]))
		}
		i = n + 1
	}
	v := verb{fill: " "}
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
	if v.width, i, v.hasWidth, err = f.star(s, i); err != nil {
		return "", 0, err
	}
	if v.width < 0 {
		v.align, v.width = '<', -v.width
	}
	if i < len(s) && s[i] == '.' {
		if v.prec, i, _, err = f.star(s, i+1); err != nil {
			return "", 0, err
		}
		v.hasPrec = true
	}
	for i < len(s) && strings.IndexByte("hlL", s[i]) >= 0 {
		i++
	}
	if i >= len(s) {
		return "", 0, failf("the format ends in the middle of a place")
	}
	v.kind = s[i]
	if v.kind == '%' {
		return "%", i + 1, nil
	}
	if !hasArg {
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
	return text, i + 1, err
}

func (f *percentFormat) format(v verb, arg any) (string, error) {
	if v.align == 0 {
		v.align = '>'
	}
	switch v.kind {
	case 's', 'r', 'a':
		text, err := f.r.text(arg)
		if v.kind != 's' {
			text, err = f.r.repr(arg)
		}
		if _, isSafe := arg.(markup); f.safe && !isSafe {
			text = htmlEscapes.Replace(text)
		}
		if err != nil {
			return "", err
		}
		v.zero = false
		return f.r.aligned(v, "", f.cutPrec(v, text))
	case 'c':
		n, ok := asInt(arg)
		text, isText := asText(arg)
		if ok && n >= 0 && n <= utf8.MaxRune {
			text = string(rune(n))
		} else if !isText || utf8.RuneCountInString(text) != 1 {
			return "", failf("%%c needs one character")
		}
		v.zero = false
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

func (f *percentFormat) cutPrec(v verb, s string) string {
	if v.hasPrec {
		if runes := []rune(s); int64(len(runes)) > v.prec {
			return string(runes[:v.prec])
		}
	}
	return s
}

// aligned fills sign and text up to the width of v.
func (r *renderer) aligned(v verb, sign, text string) (string, error) {
	size := int64(utf8.RuneCountInString(sign) + utf8.RuneCountInString(text))
	if v.width <= size {
		return sign + text, nil
	}
	n := v.width - size
	if err := r.spendTimes(len(v.fill), n); err != nil {
		return "", err
	}
	left := int64(0)
	switch v.align {
	case '>':
		left = n
	case '^':
		left = n / 2
	case '=':
		return sign + strings.Repeat(v.fill, int(n)) + text, nil
	}
	return strings.Repeat(v.fill, int(left)) + sign + text + strings.Repeat(v.fill, int(n-left)), nil
}

func signOf(v verb, negative bool) string {
	switch {
	case negative:
		return "-"
	case v.sign == '+' || v.sign == ' ':
		return string(v.sign)
	}
	return ""
}

func (r *renderer) formatInt(v verb, n int64) (string, error) {
	abs := new(big.Int).Abs(big.NewInt(n))
	base, prefix := 10, ""
	switch v.kind {
	case 'x', 'X':
		base, prefix = 16, "0"+string(v.kind)
	case 'o':
		base, prefix = 8, "0o"
	case 'b':
		base, prefix = 2, "0b"
	}
	text := abs.Text(base)
	if v.kind == 'X' {
		text = strings.ToUpper(text)
	}
	if v.hasPrec {
		if err := r.spendTimes(1, v.prec); err != nil {
			return "", err
		}
		text = strings.Repeat("0", int(max(0, v.prec-int64(len(text))))) + text
	}
	if v.group != 0 {
		size := 3
		if base != 10 {
			size = 4
		}
		text = grouped(text, string(v.group), size)
	}
	sign := signOf(v, n < 0)
	if v.alt {
		sign += prefix
	}
	return r.aligned(r.groupedZeros(v, len(sign), &text), sign, text)
}

// groupedZeros puts the commas also between the zeros that fill a number.
func (r *renderer) groupedZeros(v verb, sign int, text *string) verb {
	if v.group == 0 || v.fill != "0" || v.align != '=' || v.width > 1000 {
		return v
	}
	whole, rest := *text, ""
	if i := strings.IndexAny(whole, ".eE%"); i >= 0 {
		whole, rest = whole[:i], whole[i:]
	}
	digits := strings.ReplaceAll(whole, string(v.group), "")
	for int64(len(grouped(digits, string(v.group), 3))+len(rest)+sign) < v.width {
		digits = "0" + digits
	}
	*text = grouped(digits, string(v.group), 3) + rest
	return v
}

func grouped(digits, sep string, size int) string {
	n := len(digits) % size
	parts := []string{}
	if n > 0 {
		parts = append(parts, digits[:n])
	}
	for ; n < len(digits); n += size {
		parts = append(parts, digits[n:n+size])
	}
	return strings.Join(parts, sep)
}

func (r *renderer) formatFloat(v verb, x float64) (string, error) {
	if v.prec > 1000 {
		return "", failf("the precision of a format is larger than 1000")
	}
	negative := math.Signbit(x) && !math.IsNaN(x)
	abs := math.Abs(x)
	var text string
	switch {
	case math.IsInf(abs, 0) || math.IsNaN(abs):
		text = strings.TrimPrefix(floatText(abs), "+")
		if v.fill == "0" && v.align == '=' {
			v.fill, v.align = " ", '>'
		}
	case v.kind == '%':
		text = strconv.FormatFloat(abs*100, 'f', int(v.prec), 64) + "%"
	case v.kind == 'g' || v.kind == 'G':
		text = general(abs, int(max(v.prec, 1)), v.alt)
	default:
		text = strconv.FormatFloat(abs, v.kind|0x20, int(v.prec), 64)
	}
	if v.kind >= 'A' && v.kind <= 'Z' {
		text = strings.ToUpper(text)
	}
	if v.alt && v.prec == 0 && !strings.Contains(text, ".") {
		text += "."
	}
	if v.group != 0 {
		whole, rest := text, ""
		if i := strings.IndexAny(text, ".e%"); i >= 0 {
			whole, rest = text[:i], text[i:]
		}
		text = grouped(whole, string(v.group), 3) + rest
	}
	sign := signOf(v, negative)
	return r.aligned(r.groupedZeros(v, len(sign), &text), sign, text)
}

// general is %g: the shorter of a plain and an exponent form.
func general(x float64, prec int, alt bool) string {
	e := strconv.FormatFloat(x, 'e', prec-1, 64)
	mantissa, exp, _ := strings.Cut(e, "e")
	n, _ := strconv.Atoi(exp)
	if n >= -4 && n < prec {
		mantissa, exp = strconv.FormatFloat(x, 'f', prec-1-n, 64), ""
	} else {
		exp = "e" + exp
	}
	if !alt && strings.Contains(mantissa, ".") {
		mantissa = strings.TrimSuffix(strings.TrimRight(mantissa, "0"), ".")
	}
	return mantissa + exp
}
