package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
