package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokText      tokenKind = iota
	tokActions             // ${{ ... }} of GitHub Actions; text is the inside
	tokExprBegin           // {{
	tokExprEnd             // }}
	tokStmtBegin           // {%
	tokStmtEnd             // %}
	tokName
	tokString // text is the value
	tokNumber
	tokOp
	tokEOF
)

type token struct {
	kind tokenKind
	text string
	pos  int
}

// actionsContexts are the first names of expressions in GitHub Actions files.
func actionsContexts() []string {
	return []string{"github", "secrets", "matrix", "needs", "env", "inputs", "vars", "steps", "job", "jobs", "runner", "strategy"}
}

// A lexer cuts a template into tokens.
type lexer struct {
	t      *Template
	pos    int
	trim   bool // the tag before ended with "-": drop white space that follows
	tokens []token
}

func (t *Template) lex() ([]token, error) {
	l := &lexer{t: t}
	for l.pos < len(t.src) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	return append(l.tokens, token{kind: tokEOF, pos: len(t.src)}), nil
}

// next reads text up to a tag, and the tag.
func (l *lexer) next() error {
	rest := l.t.src[l.pos:]
	open := indexTag(rest)
	if open < 0 {
		l.text(rest, l.pos, false)
		l.pos = len(l.t.src)
		return nil
	}
	start := l.pos + open
	sign := signAt(rest, open+2)
	l.text(rest[:open], l.pos, sign == '-')
	inside := start + 2
	if sign != 0 {
		inside++
	}
	switch rest[open+1] {
	case '#':
		return l.comment(start, inside)
	case '%':
		if end, trim, ok := matchTag(l.t.src, start, "raw"); ok {
			return l.raw(start, end, trim)
		}
		l.tokens = append(l.tokens, token{tokStmtBegin, "{%", start})
		return l.tag(start, inside, "%}", tokStmtEnd)
	}
	if sign == 0 && start > 0 && l.t.src[start-1] == '$' {
		if done, err := l.actions(start); done || err != nil {
			return err
		}
	}
	l.tokens = append(l.tokens, token{tokExprBegin, "{{", start})
	return l.tag(start, inside, "}}", tokExprEnd)
}

// indexTag returns where the first {{, {% or {# is, or -1.
func indexTag(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%' || s[i+1] == '#') {
			return i
		}
	}
	return -1
}

// signAt returns the whitespace control sign at i, or 0.
func signAt(s string, i int) byte {
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		return s[i]
	}
	return 0
}

// text adds literal text, less the white space the tags beside it take away.
func (l *lexer) text(s string, pos int, trimEnd bool) {
	if l.trim {
		cut := strings.TrimLeftFunc(s, unicode.IsSpace)
		pos += len(s) - len(cut)
		s = cut
	}
	l.trim = false
	if trimEnd {
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	}
	if s != "" {
		l.tokens = append(l.tokens, token{tokText, s, pos})
	}
}

func (l *lexer) comment(start, inside int) error {
	n := strings.Index(l.t.src[inside:], "#}")
	if n < 0 {
		return l.t.errorAt(start, "comment is never closed").WithHint("close it with #}")
	}
	end := inside + n
	l.trim = end > inside && l.t.src[end-1] == '-'
	l.pos = end + 2
	return nil
}

// raw reads from the end of {% raw %} to the end of {% endraw %}.
func (l *lexer) raw(start, from int, trimStart bool) error {
	for i := from; ; i += 2 {
		n := strings.Index(l.t.src[i:], "{%")
		if n < 0 {
			return l.t.errorAt(start, "raw is never closed").WithHint("close it with {%% endraw %%}")
		}
		i += n
		end, trimEnd, ok := matchTag(l.t.src, i, "endraw")
		if !ok {
			continue
		}
		l.trim = trimStart
		l.text(l.t.src[from:i], from, signAt(l.t.src, i+2) == '-')
		l.trim, l.pos = trimEnd, end
		return nil
	}
}

// matchTag reports whether the tag that starts at i is the one word given, where
// it ends, and whether it ends with "-".
func matchTag(s string, i int, word string) (end int, trim, ok bool) {
	j := i + 2
	if signAt(s, j) != 0 {
		j++
	}
	rest := strings.TrimLeftFunc(s[j:], unicode.IsSpace)
	rest, ok = strings.CutPrefix(rest, word)
	if !ok {
		return 0, false, false
	}
	rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
	switch signAt(rest, 0) {
	case '-':
		trim, rest = true, rest[1:]
	case '+':
		rest = rest[1:]
	}
	rest, ok = strings.CutPrefix(rest, "%}")
	return len(s) - len(rest), trim, ok
}

// actions reads an expression of GitHub Actions, if that is what starts there.
func (l *lexer) actions(start int) (bool, error) {
	src := l.t.src
	i := start + 2
	for i < len(src) && (src[i] == ' ' || src[i] == '\t') {
		i++
	}
	if !slices.Contains(actionsContexts(), nameAt(src, i)) {
		return false, nil
	}
	for j := i; j < len(src); j++ {
		switch {
		case src[j] == '\'': // GitHub's strings; two quotes stand for one
			n := strings.IndexByte(src[j+1:], '\'')
			if n < 0 {
				return false, l.t.errorAt(j, "string is never closed")
			}
			j += n + 1
		case strings.HasPrefix(src[j:], "}}"):
			l.tokens = append(l.tokens, token{tokActions, src[start+2 : j], start})
			l.pos = j + 2
			return true, nil
		}
	}
	return false, l.t.errorAt(start, "expression is never closed").WithHint("close it with }}")
}

// tag reads the tokens of an expression or statement through its end.
func (l *lexer) tag(start, i int, end string, endKind tokenKind) error {
	src := l.t.src
	for {
		for i < len(src) && strings.IndexByte(" \t\r\n", src[i]) >= 0 {
			i++
		}
		rest := src[i:]
		switch {
		case rest == "":
			return l.t.errorAt(start, "tag is never closed").WithHint("close it with %s", end)
		case strings.HasPrefix(rest, end):
			l.tokens = append(l.tokens, token{endKind, end, i})
			l.pos = i + 2
			return nil
		case (rest[0] == '-' || rest[0] == '+') && strings.HasPrefix(rest[1:], end):
			l.tokens = append(l.tokens, token{endKind, end, i})
			l.trim, l.pos = rest[0] == '-', i+3
			return nil
		}
		tok, next, err := l.t.lexToken(i)
		if err != nil {
			return err
		}
		l.tokens = append(l.tokens, tok)
		i = next
	}
}

// lexToken reads one token of an expression.
func (t *Template) lexToken(i int) (token, int, error) {
	src := t.src
	c := src[i]
	switch {
	case c == '"' || c == '\'':
		return t.lexString(i)
	case c >= '0' && c <= '9':
		j := i
		for j < len(src) && (isNameByte(src[j]) || src[j] == '.' && j+1 < len(src) && src[j+1] >= '0' && src[j+1] <= '9') {
			j++
		}
		return token{tokNumber, src[i:j], i}, j, nil
	case isNameByte(c):
		name := nameAt(src, i)
		return token{tokName, name, i}, i + len(name), nil
	}
	for _, op := range []string{"==", "!=", "<=", ">=", "**", "//"} {
		if strings.HasPrefix(src[i:], op) {
			return token{tokOp, op, i}, i + 2, nil
		}
	}
	if strings.IndexByte("|.[](),~<>=+-*/%:{}", c) >= 0 {
		return token{tokOp, src[i : i+1], i}, i + 1, nil
	}
	r, _ := utf8.DecodeRuneInString(src[i:])
	return token{}, 0, t.errorAt(i, "unexpected character %q", r)
}

// lexString reads a quoted string with Python's common escapes.
func (t *Template) lexString(i int) (token, int, error) {
	src, quote := t.src, t.src[i]
	var b strings.Builder
	for j := i + 1; j < len(src); j++ {
		switch c := src[j]; {
		case c == quote:
			return token{tokString, b.String(), i}, j + 1, nil
		case c == '\\' && j+1 < len(src):
			j++
			esc, ok := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", '\\': "\\", '\'': "'", '"': `"`, '\n': ""}[src[j]]
			if !ok {
				return token{}, 0, t.errorAt(j, "unknown escape %q", src[j-1:j+1]).
					WithHint(`known are \n \t \r \\ \' \"`)
			}
			b.WriteString(esc)
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, t.errorAt(i, "string is never closed")
}

// nameAt returns the name that starts at i, or "".
func nameAt(s string, i int) string {
	j := i
	for j < len(s) && isNameByte(s[j]) {
		j++
	}
	return s[i:j]
}

func isNameByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
