package jinja

import (
	"slices"
	"strings"
)

// A parser turns tokens into nodes. Statements are here, expressions in expr.go.
type parser struct {
	t      *Template
	tokens []token
	i      int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.i] }

// take returns the next token and goes on; the last one, tokEOF, stays.
func (p *parser) take() token {
	tok := p.tokens[p.i]
	if tok.kind != tokEOF {
		p.i++
	}
	return tok
}

// accept takes the next token if it is the operator or keyword.
func (p *parser) accept(kind tokenKind, text string) bool {
	if tok := p.peek(); tok.kind != kind || tok.text != text {
		return false
	}
	p.i++
	return true
}

func (p *parser) expect(kind tokenKind, text string) error {
	if !p.accept(kind, text) {
		return p.unexpected(p.peek(), "expected %q", text)
	}
	return nil
}

// unexpected is the error about a token that does not fit.
func (p *parser) unexpected(tok token, format string, args ...any) error {
	what := "the end"
	switch tok.kind {
	case tokName, tokNumber, tokOp:
		what = "\"" + tok.text + "\""
	case tokString:
		what = "a string"
	}
	return p.t.errorAt(tok.pos, format+", found "+what, args...)
}

// enter counts a level of nesting; the function it returns leaves it.
func (p *parser) enter(pos int) (leave func(), err error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.t.errorAt(pos, "nested deeper than %d levels", MaxDepth)
	}
	return func() { p.depth-- }, nil
}

func (p *parser) parseAll() ([]node, error) {
	nodes, end, err := p.parseNodes()
	if err != nil {
		return nil, err
	}
	if end.kind != tokEOF {
		return nil, p.t.errorAt(end.pos, "%q closes nothing", end.text)
	}
	return nodes, nil
}

func closers() []string {
	return []string{"elif", "else", "endif", "endfor"}
}

// parseNodes reads up to the end of the template or the word of a tag that closes
// a block, which it takes and returns.
func (p *parser) parseNodes() (nodes []node, end token, err error) {
	for {
		tok := p.take()
		var n node
		switch tok.kind {
		case tokEOF:
			return nodes, tok, nil
		case tokText:
			n = textNode(tok.text)
		case tokActions:
			n = &actionsNode{tok.text, nameAt(strings.TrimLeft(tok.text, " \t"), 0), tok.pos}
		case tokExprBegin:
			n, err = p.parseOut(tok)
		case tokStmtBegin:
			word := p.take()
			if word.kind == tokName && slices.Contains(closers(), word.text) {
				return nodes, word, nil
			}
			n, err = p.parseBlock(word)
		}
		if err != nil {
			return nil, tok, err
		}
		nodes = append(nodes, n)
	}
}

func (p *parser) parseOut(begin token) (*outNode, error) {
	x, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	if end := p.take(); end.kind != tokExprEnd {
		return nil, p.unexpected(end, "expected }}")
	}
	return &outNode{x, begin.pos}, nil
}

// parseActions reads an expression of GitHub Actions as one of ours.
func (t *Template) parseActions(n *actionsNode) (expr, error) {
	l := &lexer{t: t}
	if err := l.tag(n.pos, n.pos+2, "}}", tokExprEnd); err != nil {
		return nil, err
	}
	p := &parser{t: t, tokens: append(l.tokens, token{kind: tokEOF, pos: l.pos})}
	out, err := p.parseOut(token{pos: n.pos})
	if err != nil {
		return nil, err
	}
	return out.value, nil
}

// parseBlock reads the statement whose first word is given.
func (p *parser) parseBlock(word token) (node, error) {
	leave, err := p.enter(word.pos)
	if err != nil {
		return nil, err
	}
	defer leave()
	switch {
	case word.kind == tokName && word.text == "if":
		return p.parseIf(word)
	case word.kind == tokName && word.text == "for":
		return p.parseFor(word)
	case word.kind == tokName:
		known := append(closers(), "if", "for", "raw", "endraw")
		return nil, p.t.errorAt(word.pos, "unknown tag %q", word.text).
			WithHint("%s", didYouMean(word.text, known, "known tags are if, elif, else, endif, for, endfor, raw, endraw"))
	}
	return nil, p.unexpected(word, "expected the name of a tag")
}

func (p *parser) parseIf(open token) (node, error) {
	n := &ifNode{}
	for {
		cond, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		if err := p.endStmt(); err != nil {
			return nil, err
		}
		body, end, err := p.parseNodes()
		if err != nil {
			return nil, err
		}
		n.arms = append(n.arms, arm{cond, body})
		if end.text == "elif" {
			continue
		}
		n.els, err = p.parseRest(open, end, "endif")
		return n, err
	}
}

func (p *parser) parseFor(open token) (node, error) {
	name := p.take()
	if name.kind != tokName || isKeyword(name.text) || name.text == "loop" {
		return nil, p.unexpected(name, "expected the name of a loop variable")
	}
	if err := p.expect(tokName, "in"); err != nil {
		return nil, err
	}
	over, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	if err := p.endStmt(); err != nil {
		return nil, err
	}
	body, end, err := p.parseNodes()
	if err != nil {
		return nil, err
	}
	n := &forNode{name: name.text, over: over, body: body}
	n.els, err = p.parseRest(open, end, "endfor")
	return n, err
}

// parseRest reads from the word that ended the body of a block, end, through the
// tag that closes the block, and returns the body of its else.
func (p *parser) parseRest(open, end token, closer string) (els []node, err error) {
	if end.kind != tokEOF && end.text == "else" {
		if err := p.endStmt(); err != nil {
			return nil, err
		}
		if els, end, err = p.parseNodes(); err != nil {
			return nil, err
		}
	}
	if end.kind == tokEOF {
		return nil, p.t.errorAt(open.pos, "%s is never closed", open.text).WithHint("close it with {%% %s %%}", closer)
	}
	if end.text != closer {
		return nil, p.t.errorAt(end.pos, "%q closes nothing: the open block is %s", end.text, open.text)
	}
	return els, p.endStmt()
}

func (p *parser) endStmt() error {
	if tok := p.take(); tok.kind != tokStmtEnd {
		return p.unexpected(tok, "expected %%}")
	}
	return nil
}
