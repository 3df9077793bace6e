package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// The grammar, loosest first: x if y else z; or; and; not; comparisons, in; ~;
// unary minus; access, filters and tests.

func isKeyword(s string) bool {
	return slices.Contains([]string{"and", "or", "not", "in", "is", "if", "else"}, s)
}

func (p *parser) parseExpr() (expr, error) {
	start := p.peek().pos
	leave, err := p.enter(start)
	if err != nil {
		return nil, err
	}
	defer leave()
	x, err := p.parseBool(true)
	if err != nil || !p.accept(tokName, "if") {
		return x, err
	}
	cond, err := p.parseBool(true)
	if err != nil {
		return nil, err
	}
	c := &condExpr{pos(start), cond, x, nil}
	if p.accept(tokName, "else") {
		c.els, err = p.parseExpr()
	}
	return c, err
}

// parseBool reads terms joined by "or", whose terms are joined by "and".
func (p *parser) parseBool(or bool) (expr, error) {
	word, term := "and", p.parseNot
	if or {
		word, term = "or", func() (expr, error) { return p.parseBool(false) }
	}
	start := p.peek().pos
	x, err := term()
	if err != nil || p.peek().kind != tokName || p.peek().text != word {
		return x, err
	}
	b := &boolExpr{pos(start), or, []expr{x}}
	for p.accept(tokName, word) {
		if x, err = term(); err != nil {
			return nil, err
		}
		b.terms = append(b.terms, x)
	}
	return b, nil
}

func (p *parser) parseNot() (expr, error) {
	tok := p.peek()
	if !p.accept(tokName, "not") {
		return p.parseCompare()
	}
	leave, err := p.enter(tok.pos)
	if err != nil {
		return nil, err
	}
	defer leave()
	x, err := p.parseNot()
	return &notExpr{pos(tok.pos), x}, err
}

func (p *parser) parseCompare() (expr, error) {
	start := p.peek().pos
	first, err := p.parseConcat()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{pos: pos(start), first: first}
	for {
		op := p.compareOp()
		if op == "" {
			break
		}
		x, err := p.parseConcat()
		if err != nil {
			return nil, err
		}
		c.links = append(c.links, link{op, x})
	}
	if len(c.links) == 0 {
		return first, nil
	}
	return c, nil
}

// compareOp takes a comparison and returns it, or "".
func (p *parser) compareOp() string {
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.accept(tokOp, op) {
			return op
		}
	}
	if p.accept(tokName, "in") {
		return "in"
	}
	if p.peek().kind == tokName && p.peek().text == "not" && p.tokens[p.i+1].kind == tokName && p.tokens[p.i+1].text == "in" {
		p.i += 2
		return "not in"
	}
	return ""
}

func (p *parser) parseConcat() (expr, error) {
	start := p.peek().pos
	x, err := p.parseUnary()
	if err != nil {
		return nil, err
	}
	terms := []expr{x}
	for p.accept(tokOp, "~") {
		if x, err = p.parseUnary(); err != nil {
			return nil, err
		}
		terms = append(terms, x)
	}
	if tok := p.peek(); tok.kind == tokOp && slices.Contains([]string{"+", "-", "*", "/", "//", "%", "**"}, tok.text) {
		return nil, p.t.errorAt(tok.pos, "arithmetic is not supported: %q", tok.text).WithHint("join text with ~")
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return &concatExpr{pos(start), terms}, nil
}

func (p *parser) parseUnary() (expr, error) {
	tok := p.peek()
	if !p.accept(tokOp, "-") {
		return p.parsePostfix()
	}
	x, err := p.parsePostfix()
	return &negExpr{pos(tok.pos), x}, err
}

// parsePostfix reads a value and what is done to it: .name, [key], |filter, is.
func (p *parser) parsePostfix() (expr, error) {
	x, err := p.parsePrimary()
	for err == nil {
		tok := p.peek()
		switch {
		case p.accept(tokOp, "."):
			name := p.take()
			if name.kind != tokName {
				return nil, p.unexpected(name, "expected a name after the dot")
			}
			x = &attrExpr{pos(tok.pos), x, &litExpr{pos(name.pos), name.text}}
		case p.accept(tokOp, "["):
			var key expr
			if key, err = p.parseExpr(); err == nil {
				x, err = &attrExpr{pos(tok.pos), x, key}, p.expect(tokOp, "]")
			}
		case p.accept(tokOp, "|"):
			x, err = p.parseFilter(x)
		case p.accept(tokName, "is"):
			x, err = p.parseTest(x)
		case tok.kind == tokOp && tok.text == "(":
			return nil, p.t.errorAt(tok.pos, "calls are not supported").WithHint("use a filter, for example {{ name | upper }}")
		default:
			return x, p.checkDepth(x)
		}
	}
	return nil, err
}

// checkDepth bounds chains such as a.b.c.d, which nest without recursion here but
// recurse when they are worked out.
func (p *parser) checkDepth(x expr) error {
	for n := 0; ; n++ {
		if n > MaxDepth {
			return p.t.errorAt(x.at(), "chain longer than %d", MaxDepth)
		}
		switch e := x.(type) {
		case *attrExpr:
			x = e.base
		case *filterExpr:
			x = e.base
		case *definedExpr:
			x = e.base
		default:
			return nil
		}
	}
}

func (p *parser) parsePrimary() (expr, error) {
	tok := p.take()
	switch {
	case tok.kind == tokString:
		return &litExpr{pos(tok.pos), tok.text}, nil
	case tok.kind == tokNumber:
		return p.parseNumber(tok)
	case tok.kind == tokName && !isKeyword(tok.text):
		return nameOrConstant(tok), nil
	case tok.kind == tokOp && tok.text == "(":
		x, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		return x, p.expect(tokOp, ")")
	case tok.kind == tokOp && tok.text == "[":
		return p.parseList(tok)
	case tok.kind == tokOp && tok.text == "{":
		return nil, p.t.errorAt(tok.pos, "maps are not supported").WithHint("for text with braces in it use {%% raw %%}")
	}
	return nil, p.unexpected(tok, "expected a value")
}

func nameOrConstant(tok token) expr {
	switch tok.text {
	case "true", "True":
		return &litExpr{pos(tok.pos), true}
	case "false", "False":
		return &litExpr{pos(tok.pos), false}
	case "none", "None":
		return &litExpr{pos(tok.pos), nil}
	}
	return &nameExpr{pos(tok.pos), tok.text}
}

func (p *parser) parseNumber(tok token) (expr, error) {
	digits := strings.ReplaceAll(tok.text, "_", "")
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return &litExpr{pos(tok.pos), n}, nil
	}
	if f, err := strconv.ParseFloat(digits, 64); err == nil && strings.Trim(digits, "0123456789.eE") == "" && strings.ContainsAny(digits, ".eE") {
		return &litExpr{pos(tok.pos), f}, nil
	}
	return nil, p.t.errorAt(tok.pos, "%q is not a number, or too large", tok.text)
}

func (p *parser) parseList(open token) (expr, error) {
	list := &listExpr{pos: pos(open.pos)}
	for !p.accept(tokOp, "]") {
		x, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		list.items = append(list.items, x)
		if !p.accept(tokOp, ",") && (p.peek().kind != tokOp || p.peek().text != "]") {
			return nil, p.unexpected(p.peek(), "expected \",\" or \"]\"")
		}
	}
	return list, nil
}

func (p *parser) parseTest(x expr) (expr, error) {
	negate := p.accept(tokName, "not")
	name := p.take()
	if name.kind != tokName || name.text != "defined" && name.text != "undefined" {
		return nil, p.unexpected(name, "only \"is defined\" and \"is undefined\" are supported")
	}
	return &definedExpr{pos(name.pos), x, negate != (name.text == "undefined")}, nil
}

// parseFilter reads a filter's name and arguments and puts them in the order of
// its parameters.
func (p *parser) parseFilter(x expr) (expr, error) {
	name := p.take()
	if name.kind != tokName {
		return nil, p.unexpected(name, "expected the name of a filter")
	}
	all := filters()
	spec, ok := all[name.text]
	if !ok {
		return nil, p.t.errorAt(name.pos, "unknown filter %q", name.text).
			WithHint("%s", didYouMean(name.text, sortedKeys(all), "known filters are "+strings.Join(sortedKeys(all), ", ")))
	}
	f := &filterExpr{pos(name.pos), x, spec, make([]expr, len(spec.params))}
	if p.accept(tokOp, "(") {
		if err := p.parseArgs(name.text, f); err != nil {
			return nil, err
		}
	}
	for i, param := range spec.params {
		if f.args[i] == nil && param.required {
			return nil, p.t.errorAt(name.pos, "filter %q needs its argument %q", name.text, param.name)
		}
	}
	return f, nil
}

func (p *parser) parseArgs(name string, f *filterExpr) error {
	for n := 0; !p.accept(tokOp, ")"); n++ {
		tok, i := p.peek(), n
		if tok.kind == tokName && p.tokens[p.i+1].kind == tokOp && p.tokens[p.i+1].text == "=" {
			p.i += 2
			i = slices.IndexFunc(f.spec.params, func(q param) bool { return q.name == tok.text })
			if i < 0 {
				return p.t.errorAt(tok.pos, "filter %q has no argument %q", name, tok.text)
			}
		}
		if i >= len(f.args) {
			return p.t.errorAt(tok.pos, "filter %q takes at most %d arguments", name, len(f.args))
		}
		if f.args[i] != nil {
			return p.t.errorAt(tok.pos, "filter %q got its argument %q twice", name, f.spec.params[i].name)
		}
		x, err := p.parseExpr()
		if err != nil {
			return err
		}
		f.args[i] = x
		if !p.accept(tokOp, ",") && (p.peek().kind != tokOp || p.peek().text != ")") {
			return p.unexpected(p.peek(), "expected \",\" or \")\"")
		}
	}
	return nil
}
