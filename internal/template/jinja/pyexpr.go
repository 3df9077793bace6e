package jinja

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The grammar of jinja2, loosest first: x if y else z; or; and; not; comparisons and
// in; + -; ~; * / // %; **; unary; calls and access; filters and tests. What both
// dialects share is here too; jsexpr.go has what nunjucks does otherwise.

func (p *parser) parseExpr() (expr, error) {
	start := p.peek().pos
	leave, err := p.enter(start)
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.js {
		return p.jsInlineIf()
	}
	x, err := p.parseOr()
	for n := 0; err == nil && p.word("if"); n++ {
		if n > p.env.opt.Depth {
			return nil, p.t.errorAt(start, "nested deeper than %d levels", p.env.opt.Depth)
		}
		c := &condExpr{pos: pos(start), then: x}
		if c.cond, err = p.parseOr(); err == nil && p.word("else") {
			c.els, err = p.parseExpr()
		}
		x = c
	}
	return x, err
}

// parseTuple reads expressions with commas between; several make a tuple.
func (p *parser) parseTuple(cond bool) (expr, error) {
	if p.js {
		return p.parseExpr()
	}
	parse := p.parseExpr
	if !cond {
		parse = p.parseOr
	}
	start := p.peek().pos
	x, err := parse()
	if err != nil || !p.is(tokOp, ",") {
		return x, err
	}
	list := &listExpr{pos: pos(start), items: []expr{x}, tuple: true}
	for p.op(",") {
		if k := p.peek(); k.kind == tokVarEnd || k.kind == tokBlockEnd || k.kind == tokOp && k.text == ")" {
			break
		}
		if x, err = parse(); err != nil {
			return nil, err
		}
		list.items = append(list.items, x)
	}
	return list, nil
}

// leftChain reads terms with one of the operators between, joined from the left.
func (p *parser) leftChain(term func() (expr, error), join func(op token, a, b expr) expr, ops ...string) (expr, error) {
	x, err := term()
	for n := 1; err == nil; n++ {
		tok := p.peek()
		if tok.kind != tokOp && tok.kind != tokName || !slices.Contains(ops, tok.text) {
			break
		}
		// The tree leans left: it is as deep as the chain is long.
		if n > 8*p.env.opt.Depth {
			return nil, p.t.errorAt(tok.pos, "more than %d operators in a row", 8*p.env.opt.Depth)
		}
		if err := p.count(tok.pos); err != nil {
			return nil, err
		}
		p.take()
		var y expr
		if y, err = term(); err == nil {
			x = join(tok, x, y)
		}
	}
	return x, err
}

func joinBinary(op token, a, b expr) expr { return &binaryExpr{pos(op.pos), op.text, a, b} }

func joinLogic(op token, a, b expr) expr { return &logicExpr{pos(op.pos), op.text == "or", a, b} }

func (p *parser) parseOr() (expr, error) { return p.leftChain(p.parseAnd, joinLogic, "or") }

func (p *parser) parseAnd() (expr, error) { return p.leftChain(p.parseNot, joinLogic, "and") }

func (p *parser) parseNot() (expr, error) {
	tok := p.peek()
	if !p.word("not") {
		if p.js {
			return p.jsIn()
		}
		return p.parseCompare()
	}
	leave, err := p.enter(tok.pos)
	if err != nil {
		return nil, err
	}
	defer leave()
	x, err := p.parseNot()
	return &unaryExpr{pos(tok.pos), "not", x}, err
}

func (p *parser) parseCompare() (expr, error) {
	start := p.peek().pos
	first, err := p.parseSum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{pos: pos(start), first: first}
	for {
		op := p.compareOp()
		if op == "" {
			break
		}
		if err := p.count(start); err != nil {
			return nil, err
		}
		x, err := p.parseSum()
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
	tok := p.peek()
	if tok.kind == tokOp && slices.Contains([]string{"==", "!=", "<=", ">=", "<", ">"}, tok.text) {
		p.i++
		return tok.text
	}
	if p.word("in") {
		return "in"
	}
	if p.is(tokName, "not") && p.look(1).kind == tokName && p.look(1).text == "in" {
		p.i += 2
		return "not in"
	}
	return ""
}

func (p *parser) parseSum() (expr, error) { return p.leftChain(p.parseConcat, joinBinary, "+", "-") }

func (p *parser) parseConcat() (expr, error) {
	start := p.peek().pos
	x, err := p.parseProduct()
	if err != nil || !p.is(tokOp, "~") {
		return x, err
	}
	terms := []expr{x}
	for p.op("~") {
		if err := p.count(start); err != nil {
			return nil, err
		}
		if x, err = p.parseProduct(); err != nil {
			return nil, err
		}
		terms = append(terms, x)
	}
	return &concatExpr{pos(start), terms}, nil
}

func (p *parser) parseProduct() (expr, error) {
	return p.leftChain(p.parsePower, joinBinary, "*", "/", "//", "%")
}

func (p *parser) parsePower() (expr, error) {
	return p.leftChain(func() (expr, error) { return p.parseUnary(true) }, joinBinary, "**")
}

func (p *parser) parseUnary(filters bool) (x expr, err error) {
	tok := p.peek()
	if p.op("-") || p.op("+") {
		leave, err := p.enter(tok.pos)
		if err != nil {
			return nil, err
		}
		defer leave()
		if x, err = p.parseUnary(false); err != nil {
			return nil, err
		}
		x = &unaryExpr{pos(tok.pos), tok.text, x}
	} else if x, err = p.parsePrimary(); err != nil {
		return nil, err
	}
	if !p.js || tok.kind != tokOp || tok.text != "-" && tok.text != "+" {
		if x, err = p.parsePostfix(x); err != nil {
			return nil, err
		}
	}
	if !filters {
		return x, nil
	}
	return p.parseFilters(x)
}

func (p *parser) parsePrimary() (expr, error) {
	tok := p.take()
	switch tok.kind {
	case tokString:
		text := tok.text
		for !p.js && p.peek().kind == tokString {
			text += p.take().text
		}
		return &litExpr{pos(tok.pos), text}, nil
	case tokInt, tokFloat:
		return p.parseNumber(tok)
	case tokRegex:
		return p.parseRegex(tok)
	case tokName:
		if isOperatorWord(tok.text) {
			return nil, p.unexpected(tok, "expected a value")
		}
		return p.nameOrConstant(tok), nil
	case tokOp:
		switch tok.text {
		case "(":
			return p.parseParens(tok)
		case "[":
			items, err := p.parseItems("]")
			return &listExpr{pos: pos(tok.pos), items: items}, err
		case "{":
			return p.parseDict(tok)
		}
	}
	return nil, p.unexpected(tok, "expected a value")
}

func (p *parser) nameOrConstant(tok token) expr {
	if slices.Contains(p.constants(), tok.text) {
		switch strings.ToLower(tok.text) {
		case "true":
			return &litExpr{pos(tok.pos), true}
		case "false":
			return &litExpr{pos(tok.pos), false}
		}
		return &litExpr{pos(tok.pos), nil}
	}
	for _, u := range p.macros {
		u.caller = u.caller || tok.text == "caller"
		u.varargs = u.varargs || tok.text == "varargs"
		u.kwargs = u.kwargs || tok.text == "kwargs"
	}
	return &nameExpr{pos(tok.pos), tok.text}
}

var decimal = regexp.MustCompile(`^(0[xX](_?[0-9a-fA-F])+|0[oO](_?[0-7])+|0[bB](_?[01])+|[1-9](_?[0-9])*|0(_?0)*)$`)

func (p *parser) parseNumber(tok token) (expr, error) {
	digits := strings.ReplaceAll(tok.text, "_", "")
	if tok.kind == tokFloat {
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return nil, p.t.errorAt(tok.pos, "%q is not a number, or too large", tok.text)
		}
		if p.js {
			return &litExpr{pos(tok.pos), jsNumber(f)}, nil
		}
		return &litExpr{pos(tok.pos), f}, nil
	}
	n, ok := new(big.Int), len(digits) <= 100 && decimal.MatchString(tok.text)
	if p.js && len(digits) <= 100 {
		_, ok = n.SetString(digits, 10)
	} else if ok {
		_, ok = n.SetString(digits, 0)
		if !ok {
			ok = strings.Trim(digits, "0") == ""
		}
	}
	if !ok || !n.IsInt64() {
		return nil, p.t.errorAt(tok.pos, "%q is not a number, or larger than 64 bits", tok.text)
	}
	return &litExpr{pos(tok.pos), n.Int64()}, nil
}

// parseParens reads what stands in parentheses: an expression, or a tuple.
func (p *parser) parseParens(open token) (expr, error) {
	leave, err := p.enter(open.pos)
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.op(")") {
		if p.js {
			return nil, p.t.errorAt(open.pos, "expected a value in the parentheses")
		}
		return &listExpr{pos: pos(open.pos), tuple: true}, nil
	}
	x, err := p.parseTuple(true)
	if err != nil {
		return nil, err
	}
	if p.js {
		x = &groupExpr{pos(open.pos), x}
	}
	return x, p.expect(tokOp, ")")
}

// parseItems reads expressions with commas between, through the closing bracket.
func (p *parser) parseItems(closing string) (items []expr, err error) {
	for !p.op(closing) {
		if items != nil {
			if !p.is(tokOp, ",") {
				return nil, p.unexpected(p.peek(), "expected \",\" or %q", closing)
			}
			p.take()
			if p.op(closing) {
				break
			}
		}
		x, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		items = append(items, x)
	}
	return items, nil
}

func (p *parser) parseDict(open token) (expr, error) {
	d := &dictExpr{pos: pos(open.pos)}
	for !p.op("}") {
		if d.keys != nil {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
			if p.op("}") {
				break
			}
		}
		key, err := p.dictKey()
		if err != nil {
			return nil, err
		}
		if err := p.expect(tokOp, ":"); err != nil {
			return nil, err
		}
		value, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		d.keys, d.values = append(d.keys, key), append(d.values, value)
	}
	return d, nil
}
