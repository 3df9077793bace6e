package jinja

import (
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// A parser turns tokens into nodes. This file has what statements share; the
// statements are in parse_block.go and parse_macro.go, expressions in pyexpr.go and
// jsexpr.go.
type parser struct {
	t      *Template
	env    *Env
	js     bool
	tokens []token
	i      int
	depth  int
	nodes  int
	loops  int     // that are open, for break and continue
	macros []*uses // that are open
	words  struct{ closers, tags []string }
}

func (p *parser) peek() token { return p.tokens[p.i] }

// look returns the token n after the next.
func (p *parser) look(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

// take returns the next token and goes on; the last one, tokEOF, stays.
func (p *parser) take() token {
	tok := p.tokens[p.i]
	if tok.kind != tokEOF {
		p.i++
	}
	return tok
}

func (p *parser) is(kind tokenKind, text string) bool {
	tok := p.peek()
	return tok.kind == kind && tok.text == text
}

// accept takes the next token if it is the one given.
func (p *parser) accept(kind tokenKind, text string) bool {
	if !p.is(kind, text) {
		return false
	}
	p.i++
	return true
}

func (p *parser) word(text string) bool { return p.accept(tokName, text) }

func (p *parser) op(text string) bool { return p.accept(tokOp, text) }

func (p *parser) expect(kind tokenKind, text string) error {
	if !p.accept(kind, text) {
		return p.unexpected(p.peek(), "expected %q", text)
	}
	return nil
}

func (p *parser) expectName(what string) (token, error) {
	tok := p.take()
	if tok.kind != tokName {
		return tok, p.unexpected(tok, "expected %s", what)
	}
	return tok, nil
}

// unexpected is the error about a token that does not fit.
func (p *parser) unexpected(tok token, format string, args ...any) *pave.Error {
	what := "the end"
	switch tok.kind {
	case tokName, tokInt, tokFloat, tokOp:
		what = "\"" + tok.text + "\""
	case tokString:
		what = "a string"
	case tokRegex:
		what = "a regular expression"
	}
	err := p.t.errorAt(tok.pos, format+", found "+strings.ReplaceAll(what, "%", "%%"), args...)
	if tok.kind == tokOp && tok.text == "|" && p.look(0).text == "|" {
		return err.WithHint("join conditions with or")
	}
	return err
}

// enter counts a level of nesting and a node; the function it returns leaves it.
func (p *parser) enter(pos int) (leave func(), err error) {
	if p.depth++; p.depth > p.env.opt.Depth {
		return nil, p.t.errorAt(pos, "nested deeper than %d levels", p.env.opt.Depth)
	}
	if err := p.count(pos); err != nil {
		return nil, err
	}
	return func() { p.depth-- }, nil
}

// count counts a node.
func (p *parser) count(pos int) error {
	if p.nodes++; p.nodes > maxNodes {
		return p.t.errorAt(pos, "the template has more than %d expressions and tags", maxNodes)
	}
	return nil
}

func (p *parser) parseAll() ([]node, error) {
	nodes, end, err := p.parseNodes(nil)
	if err != nil {
		return nil, err
	}
	if end.kind != tokEOF {
		return nil, p.t.errorAt(end.pos, "%q closes nothing", end.text)
	}
	return nodes, nil
}

// closers are the words that end a block or a part of it.
func (p *parser) closers() []string {
	if p.words.closers == nil {
		p.words.closers = p.allClosers()
	}
	return p.words.closers
}

func (p *parser) allClosers() []string {
	words := []string{"elif", "else"}
	for _, tag := range p.tags() {
		words = append(words, "end"+tag)
	}
	if p.js {
		words = append(words, "elseif", "case", "default", "endeach", "endall")
	}
	return words
}

// tags are the words that begin a statement.
func (p *parser) tags() []string {
	if p.words.tags == nil {
		p.words.tags = p.allTags()
	}
	return p.words.tags
}

func (p *parser) allTags() []string {
	words := []string{"if", "for", "set", "macro", "call", "filter", "include", "import", "from", "extends", "block", "raw"}
	if p.js {
		return append(words, "switch", "verbatim", "asyncEach", "asyncAll", "ifAsync")
	}
	words = append(words, "with", "autoescape", "print")
	if p.env.opt.Do {
		words = append(words, "do")
	}
	if p.env.opt.LoopControls {
		words = append(words, "break", "continue")
	}
	return words
}

// parseNodes reads up to the end of the template or the word of a tag that closes a
// block, which it takes and returns. Of two words that fit everywhere, "case" and
// "default", until says whether they do.
func (p *parser) parseNodes(until []string) (nodes []node, end token, err error) {
	closers := p.closers()
	for {
		tok := p.take()
		var n node
		switch tok.kind {
		case tokEOF:
			return nodes, tok, nil
		case tokText:
			n, err = textNode(tok.text), p.count(tok.pos)
		case tokForeign:
			n, err = p.parseForeign(tok)
		case tokVarBegin:
			n, err = p.parseOut(tok)
		case tokBlockBegin:
			word := p.take()
			if word.kind == tokName && slices.Contains(closers, word.text) || slices.Contains(until, word.text) {
				return nodes, word, nil
			}
			n, err = p.parseTag(word)
		}
		if err != nil {
			return nil, tok, err
		}
		if n != nil {
			nodes = append(nodes, n)
		}
	}
}

func (p *parser) parseOut(begin token) (*outNode, error) {
	x, err := p.parseTuple(true)
	if err != nil {
		return nil, err
	}
	if end := p.take(); end.kind != tokVarEnd {
		return nil, p.unexpected(end, "expected %s", p.env.d.varEnd)
	}
	return &outNode{pos(begin.pos), x}, nil
}

// parseForeign reads the tag as one of ours too, for when its root is a variable.
func (p *parser) parseForeign(tok token) (node, error) {
	f := tok.foreign
	if err := p.count(tok.pos); err != nil {
		return nil, err
	}
	n := &foreignNode{pos: pos(tok.pos), raw: p.t.src[f.start:f.end], root: f.root, before: f.before, after: f.after}
	l := p.t.newLexer()
	if n.err = l.tag(f.start, f.inside, p.env.d.varEnd, tokVarEnd); n.err == nil {
		sub := &parser{t: p.t, env: p.env, js: p.js, depth: p.depth, tokens: append(l.tokens, token{kind: tokEOF, pos: l.pos})}
		var out *outNode
		if out, n.err = sub.parseOut(token{pos: f.start}); n.err == nil {
			n.value = out.value
		}
		p.nodes += sub.nodes
	}
	return n, nil
}

func (p *parser) endTag() error {
	if tok := p.take(); tok.kind != tokBlockEnd {
		return p.unexpected(tok, "expected %s", p.env.d.blockEnd)
	}
	return nil
}

// body reads the rest of the open tag, its block and, if there is one, the block of
// its else, through the tag that closes them.
func (p *parser) body(open token, closer string) (body, els []node, err error) {
	if !p.js {
		p.op(":")
	}
	if err := p.endTag(); err != nil {
		return nil, nil, err
	}
	body, end, err := p.parseNodes(nil)
	if err != nil {
		return nil, nil, err
	}
	els, err = p.rest(open, end, closer)
	return body, els, err
}

// only is body for blocks without else.
func (p *parser) only(open token, closer string) ([]node, error) {
	body, els, err := p.body(open, closer)
	if err == nil && els != nil {
		err = p.t.errorAt(open.pos, "%s has no else", open.text)
	}
	return body, err
}

// rest reads from the word that ended the body of a block, end, through the tag that
// closes the block, and returns the body of its else.
func (p *parser) rest(open, end token, closer string) (els []node, err error) {
	if end.kind != tokEOF && end.text == "else" {
		if !p.js {
			p.op(":")
		}
		if err := p.endTag(); err != nil {
			return nil, err
		}
		if els, end, err = p.parseNodes(nil); err != nil {
			return nil, err
		}
		if els == nil {
			els = []node{}
		}
	}
	if end.kind == tokEOF {
		return nil, p.t.errorAt(open.pos, "%s is never closed", open.text).
			WithHint("close it with %s %s %s", p.env.d.blockStart, closer, p.env.d.blockEnd)
	}
	if end.text != closer {
		return nil, p.t.errorAt(end.pos, "%q closes nothing: the open block is %s", end.text, open.text)
	}
	if closer == "endblock" && p.peek().kind == tokName {
		p.take()
	}
	return els, p.endTag()
}
