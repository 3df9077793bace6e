package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokText     tokenKind = iota
	tokForeign            // a tag that may be somebody else's
	tokVarBegin           // {{
	tokVarEnd             // }}
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString // text is the value
	tokInt
	tokFloat
	tokRegex // text is flags/body
	tokOp
	tokEOF
)

type token struct {
	kind    tokenKind
	text    string
	pos     int
	foreign *foreignTag
}

// A lexer cuts a template into tokens.
type lexer struct {
	t       *Template
	d       delims
	js      bool
	pos     int
	trim    bool // the tag before ended with "-": drop white space that follows
	newline bool // the tag before ended with TrimBlocks in force: drop one line end
	starts  string
	tokens  []token
}

func (t *Template) newLexer() *lexer {
	d := t.env.d
	return &lexer{t: t, d: d, js: t.env.js, starts: d.blockStart[:1] + d.varStart[:1] + d.commentStart[:1]}
}

func (t *Template) lex() ([]token, error) {
	l := t.newLexer()
	for l.pos < len(t.src) {
		if err := l.next(); err != nil {
			return nil, err
		}
		if len(l.tokens) > 4*maxNodes {
			return nil, t.errorAt(l.pos, "the template has too many tags")
		}
	}
	return append(l.tokens, token{kind: tokEOF, pos: len(t.src)}), nil
}

func (l *lexer) add(kind tokenKind, text string, pos int) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, pos: pos})
}

// next reads text up to a tag, and the tag.
func (l *lexer) next() error {
	src := l.t.src
	start, kind, size := l.findTag()
	if start < 0 {
		l.text(src[l.pos:], l.pos, 0, 0)
		l.pos = len(src)
		return nil
	}
	inside := start + size
	sign := l.signAt(inside)
	if kind >= tagLine {
		sign = 0
	}
	from, before := l.pos, src[l.pos:start]
	if sign != 0 {
		inside++
	}
	if kind == tagVar {
		if f := l.foreign(start, inside); f != nil {
			f.before = l.text(before, from, sign, kind)
			l.tokens = append(l.tokens, token{kind: tokForeign, pos: start, foreign: f})
			l.trim, l.pos = src[f.end-len(l.d.varEnd)-1] == '-', f.end
			return nil
		}
	}
	l.text(before, from, sign, kind)
	switch kind {
	case tagComment:
		return l.comment(start, inside)
	case tagLineComment:
		if n := strings.IndexByte(src[inside:], '\n'); n >= 0 {
			l.pos = inside + n
		} else {
			l.pos = len(src)
		}
		return nil
	case tagLine:
		l.add(tokBlockBegin, l.d.lineStatement, start)
		return l.tag(start, inside, "", tokBlockEnd)
	case tagBlock:
		if done, err := l.raw(start, inside); done || err != nil {
			return err
		}
		l.add(tokBlockBegin, l.d.blockStart, start)
		return l.tag(start, inside, l.d.blockEnd, tokBlockEnd)
	}
	l.add(tokVarBegin, l.d.varStart, start)
	return l.tag(start, inside, l.d.varEnd, tokVarEnd)
}

type tagKind int

const (
	tagBlock tagKind = iota + 1
	tagVar
	tagComment
	tagLine
	tagLineComment
)

// findTag returns where the next tag starts, or -1, and how long its mark is.
func (l *lexer) findTag() (start int, kind tagKind, size int) {
	src, start := l.t.src, -1
	for i := l.pos; i < len(src); i++ {
		n := strings.IndexAny(src[i:], l.starts)
		if n < 0 {
			break
		}
		i += n
		if kind, size = l.tagAt(src[i:]); kind != 0 {
			start = i
			break
		}
	}
	if l.d.lineStatement != "" || l.d.lineComment != "" {
		if at, k, n := l.findLine(start); k != 0 {
			return at, k, n
		}
	}
	return start, kind, size
}

// tagAt returns the tag that s begins with; the longest mark wins.
func (l *lexer) tagAt(s string) (kind tagKind, size int) {
	try := func(k tagKind, mark string) {
		if len(mark) > size && strings.HasPrefix(s, mark) {
			kind, size = k, len(mark)
		}
	}
	try(tagBlock, l.d.blockStart)
	try(tagVar, l.d.varStart)
	try(tagComment, l.d.commentStart)
	return kind, size
}

// findLine returns the first line statement or line comment that starts before
// limit, if that is not negative.
func (l *lexer) findLine(limit int) (start int, kind tagKind, size int) {
	src := l.t.src
	if limit < 0 {
		limit = len(src)
	}
	for i := l.pos; i < limit; {
		end := len(src)
		if n := strings.IndexByte(src[i:], '\n'); n >= 0 {
			end = i + n
		}
		line := src[i:end]
		blank := line[:len(line)-len(strings.TrimLeft(line, " \t\v"))]
		// Of two prefixes that fit, as # and ##, the longer one is meant.
		comment := -1
		if l.d.lineComment != "" {
			comment = strings.Index(line, l.d.lineComment)
		}
		isLine := l.d.lineStatement != "" && (i == 0 || src[i-1] == '\n') && strings.HasPrefix(line[len(blank):], l.d.lineStatement)
		if isLine && !(comment == len(blank) && len(l.d.lineComment) > len(l.d.lineStatement)) {
			return i, tagLine, len(blank) + len(l.d.lineStatement)
		}
		if comment >= 0 {
			at := i + len(strings.TrimRight(line[:comment], " \t\v\f"))
			if at >= limit {
				return 0, 0, 0
			}
			return at, tagLineComment, i + comment + len(l.d.lineComment) - at
		}
		i = end + 1
	}
	return 0, 0, 0
}

// signAt returns the whitespace control sign at i, or 0.
func (l *lexer) signAt(i int) byte {
	if i < len(l.t.src) && (l.t.src[i] == '-' || l.t.src[i] == '+' && !l.js) {
		return l.t.src[i]
	}
	return 0
}

// text adds literal text, less the white space the tags beside it take away: the
// one before, as noted, and the one after, of the kind and with the sign given. It
// returns what the sign of the latter took.
func (l *lexer) text(s string, pos int, sign byte, next tagKind) (cut string) {
	var after string
	stays := l.js && l.isData(s, pos, next)
	if l.trim {
		cut := strings.TrimLeftFunc(s, isSpace)
		after = s[:len(s)-len(cut)]
		pos += len(after)
		s = cut
	} else if l.newline {
		cut := strings.TrimPrefix(strings.TrimPrefix(s, "\r"), "\n")
		if strings.HasPrefix(s, "\n") || strings.HasPrefix(s, "\r\n") {
			pos += len(s) - len(cut)
			s = cut
		}
	}
	if n := len(l.tokens); n > 0 && l.tokens[n-1].kind == tokForeign {
		l.tokens[n-1].foreign.after = after
	}
	l.trim, l.newline = false, false
	switch {
	case sign == '-':
		n := len(strings.TrimRightFunc(s, isSpace))
		s, cut = s[:n], s[n:]
	case sign == 0 && l.t.env.opt.LstripBlocks && (next == tagBlock || next == tagComment && !l.js):
		line := strings.LastIndexByte(s, '\n') + 1
		start := pos + line
		if (start == 0 || l.t.src[start-1] == '\n') && strings.TrimLeftFunc(s[line:], isSpace) == "" {
			s = s[:line]
		}
	}
	if s != "" || stays {
		l.add(tokText, s, pos)
	}
	return cut
}

// isData reports whether nunjucks has a piece of text here, even if the signs beside
// it leave nothing: a case with one does not fall through to the next.
func (l *lexer) isData(s string, pos int, next tagKind) bool {
	if l.newline {
		cut := strings.TrimPrefix(strings.TrimPrefix(s, "\r"), "\n")
		pos += len(s) - len(cut)
		s = cut
	}
	atLine := pos == 0 || l.t.src[pos-1] == '\n'
	blank := atLine && l.t.env.opt.LstripBlocks && next == tagBlock && !strings.Contains(s, "\n") && strings.TrimLeftFunc(s, isSpace) == ""
	return s != "" && !blank
}

// isSpace is white space to Python's str.strip.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

// tag reads the tokens of an expression or statement through its end; of a line
// statement, end is "".
func (l *lexer) tag(start, i int, end string, endKind tokenKind) error {
	src := l.t.src
	var open []byte // brackets
	from := len(l.tokens)
	for {
		i = l.skipBlank(i, end == "" && len(open) == 0)
		rest := src[i:]
		if end == "" && len(open) == 0 && (rest == "" || rest[0] == '\n') {
			l.add(endKind, "", i)
			l.pos = min(i+1, len(src))
			return nil
		}
		if rest == "" {
			return l.t.errorAt(start, "tag is never closed").WithHint("close it with %s", end)
		}
		if end != "" && (len(open) == 0 || l.js) {
			if sign, ok := l.endAt(i, end, endKind); ok {
				l.add(endKind, end, i)
				l.trim = sign == '-' && !l.isSetBlock(from)
				l.newline = (sign == 0 || l.js) && endKind == tokBlockEnd && l.t.env.opt.TrimBlocks
				l.pos = i + len(end)
				if sign != 0 {
					l.pos++
				}
				return nil
			}
		}
		tok, next, err := l.token(i)
		if err != nil {
			return err
		}
		if tok.kind == tokOp {
			if open, err = l.balance(open, tok); err != nil {
				return err
			}
		}
		l.tokens = append(l.tokens, tok)
		i = next
	}
}

// isSetBlock reports whether the tokens since from are {% set x %}, whose last sign
// means nothing in nunjucks.
func (l *lexer) isSetBlock(from int) bool {
	tag := l.tokens[from:]
	return l.js && tag[0].kind == tokName && tag[0].text == "set" &&
		!slices.ContainsFunc(tag, func(t token) bool { return t.kind == tokOp && t.text == "=" })
}

func (l *lexer) skipBlank(i int, stopAtLine bool) int {
	src := l.t.src
	for i < len(src) {
		r, n := utf8.DecodeRuneInString(src[i:])
		if !isSpace(r) || stopAtLine && r == '\n' {
			break
		}
		i += n
	}
	return i
}

// endAt reports whether the tag ends at i, and with which sign.
func (l *lexer) endAt(i int, end string, kind tokenKind) (sign byte, ok bool) {
	rest := l.t.src[i:]
	if strings.HasPrefix(rest, end) {
		return 0, true
	}
	sign = l.signAt(i)
	if sign == 0 || !strings.HasPrefix(rest[1:], end) || sign == '+' && kind == tokVarEnd {
		return 0, false
	}
	return sign, true
}

// balance keeps the brackets that are open, because }} does not end a tag in them.
func (l *lexer) balance(open []byte, tok token) ([]byte, error) {
	if l.js {
		return open, nil
	}
	switch c := tok.text[0]; c {
	case '(':
		open = append(open, ')')
	case '[':
		open = append(open, ']')
	case '{':
		open = append(open, '}')
	case ')', ']', '}':
		if len(open) == 0 || open[len(open)-1] != c {
			return nil, l.t.errorAt(tok.pos, "%q closes nothing", tok.text)
		}
		open = open[:len(open)-1]
	}
	return open, nil
}
