package jinja

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token reads one token of an expression.
func (l *lexer) token(i int) (token, int, error) {
	src := l.t.src
	c := src[i]
	switch {
	case c == '"' || c == '\'':
		return l.str(i)
	case c >= '0' && c <= '9':
		return l.number(i)
	case c == 'r' && l.js && strings.HasPrefix(src[i:], "r/"):
		return l.regex(i)
	}
	if name := l.nameAt(i); name != "" {
		return token{kind: tokName, text: name, pos: i}, i + len(name), nil
	}
	ops := []string{"==", "!=", "<=", ">=", "**", "//"}
	if l.js {
		ops = append([]string{"===", "!=="}, ops...)
	}
	for _, op := range ops {
		if strings.HasPrefix(src[i:], op) {
			return token{kind: tokOp, text: op, pos: i}, i + len(op), nil
		}
	}
	if strings.IndexByte("|.[](),~<>=+-*/%:{};", c) >= 0 && (c != ';' || !l.js) {
		return token{kind: tokOp, text: src[i : i+1], pos: i}, i + 1, nil
	}
	r, _ := utf8.DecodeRuneInString(src[i:])
	err := l.t.errorAt(i, "unexpected character %q", r)
	if hint, ok := map[rune]string{'&': "join conditions with and", '!': "negate with not", '?': "write: x if condition else y"}[r]; ok {
		err = err.WithHint("%s", hint)
	}
	return token{}, 0, err
}

// nameAt returns the name that starts at i, or "".
func (l *lexer) nameAt(i int) string {
	src, j := l.t.src, i
	for j < len(src) {
		r, n := utf8.DecodeRuneInString(src[j:])
		if r != '_' && !unicode.IsLetter(r) && !(unicode.IsDigit(r) && j > i) && !(r == '$' && l.js) && !(j > i && unicode.IsMark(r)) {
			break
		}
		j += n
	}
	return src[i:j]
}

// number reads digits, with a fraction and an exponent where the dialect has them.
func (l *lexer) number(i int) (token, int, error) {
	src := l.t.src
	digits := func(j int, hex bool) int {
		for j < len(src) && (isDigit(src[j]) || !l.js && src[j] == '_' || hex && isHex(src[j])) {
			j++
		}
		return j
	}
	if !l.js && src[i] == '0' && i+1 < len(src) && strings.IndexByte("xXbBoO", src[i+1]) >= 0 {
		j := digits(i+2, true)
		return token{kind: tokInt, text: src[i:j], pos: i}, j, nil
	}
	kind := tokInt
	j := digits(i, false)
	if j+1 < len(src) && src[j] == '.' && isDigit(src[j+1]) {
		kind, j = tokFloat, digits(j+1, false)
	}
	if !l.js && j < len(src) && (src[j] == 'e' || src[j] == 'E') {
		k := j + 1
		if k < len(src) && (src[k] == '+' || src[k] == '-') {
			k++
		}
		if k < len(src) && isDigit(src[k]) {
			kind, j = tokFloat, digits(k, false)
		}
	}
	if name := l.nameAt(j); name != "" {
		return token{}, 0, l.t.errorAt(i, "%q is not a number", src[i:j]+name)
	}
	return token{kind: kind, text: src[i:j], pos: i}, j, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// str reads a quoted string.
func (l *lexer) str(i int) (token, int, error) {
	src, quote := l.t.src, l.t.src[i]
	var b strings.Builder
	for j := i + 1; j < len(src); {
		switch c := src[j]; {
		case c == quote:
			return token{kind: tokString, text: b.String(), pos: i}, j + 1, nil
		case c == '\\' && j+1 < len(src):
			text, n, err := l.escape(j)
			if err != nil {
				return token{}, 0, err
			}
			b.WriteString(text)
			j += n
		default:
			b.WriteByte(c)
			j++
		}
	}
	return token{}, 0, l.t.errorAt(i, "string is never closed")
}

// escape reads the escape at j and returns what it stands for and its length.
func (l *lexer) escape(j int) (string, int, error) {
	c, n := utf8.DecodeRuneInString(l.t.src[j+1:])
	if s, ok := map[rune]string{'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '\'': "'", '"': `"`}[c]; ok {
		return s, 2, nil
	}
	if l.js {
		return string(c), 1 + n, nil
	}
	if s, ok := map[rune]string{'\n': "", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v"}[c]; ok {
		return s, 2, nil
	}
	size := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch {
	case size > 0:
		hex := l.t.src[j+2 : min(j+2+size, len(l.t.src))]
		v, err := strconv.ParseUint(hex, 16, 32)
		if err != nil || len(hex) < size || v > unicode.MaxRune || v >= 0xd800 && v < 0xe000 {
			return "", 0, l.t.errorAt(j, "escape \\%c needs %d hexadecimal digits of a character", c, size)
		}
		return string(rune(v)), 2 + size, nil
	case c >= '0' && c <= '7':
		k := j + 1
		for k < len(l.t.src) && k < j+4 && l.t.src[k] >= '0' && l.t.src[k] <= '7' {
			k++
		}
		v, _ := strconv.ParseUint(l.t.src[j+1:k], 8, 32)
		return string(rune(v)), k - j, nil
	case c == 'N':
		return "", 0, l.t.errorAt(j, `escape \N is not supported`).WithHint(`write the character itself, or \u and its number`)
	}
	return `\` + string(c), 1 + n, nil
}

// regex reads r/body/flags of nunjucks.
func (l *lexer) regex(i int) (token, int, error) {
	src := l.t.src
	j := i + 2
	for j < len(src) && (src[j] != '/' || src[j-1] == '\\') {
		j++
	}
	if j >= len(src) {
		return token{}, 0, l.t.errorAt(i, "regular expression is never closed").WithHint("close it with /")
	}
	k := j + 1
	for k < len(src) && strings.IndexByte("gimy", src[k]) >= 0 {
		k++
	}
	return token{kind: tokRegex, text: src[j+1:k] + "/" + src[i+2:j], pos: i}, k, nil
}
