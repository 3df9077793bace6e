package jinja

import (
	"regexp"
	"slices"
	"strings"
)

// The grammar of nunjucks, loosest first: x if y else z; or; and; not; in; is;
// comparisons; ~; +; -; *; /; //; %; **; unary; calls and access; filters.

func (p *parser) jsInlineIf() (expr, error) {
	start := p.peek().pos
	x, err := p.parseOr()
	if err != nil || !p.word("if") {
		return x, err
	}
	c := &condExpr{pos: pos(start), then: x}
	if c.cond, err = p.parseOr(); err == nil && p.word("else") {
		c.els, err = p.parseOr()
	}
	return c, err
}

func (p *parser) jsIn() (expr, error) {
	x, err := p.jsIs()
	for n := 0; err == nil; n++ {
		tok := p.peek()
		negate := p.is(tokName, "not") && p.look(1).kind == tokName && p.look(1).text == "in"
		if negate {
			p.i++
		}
		if !p.word("in") {
			break
		}
		if n > p.env.opt.Depth {
			return nil, p.t.errorAt(tok.pos, "nested deeper than %d levels", p.env.opt.Depth)
		}
		var y expr
		if y, err = p.jsIs(); err == nil {
			x = &compareExpr{pos(tok.pos), x, []link{{"in", y}}}
			if negate {
				x = &unaryExpr{pos(tok.pos), "not", x}
			}
		}
	}
	return x, err
}

// jsIs reads x is test, and x is test(argument).
func (p *parser) jsIs() (expr, error) {
	x, err := p.jsCompare()
	if err != nil || !p.word("is") {
		return x, err
	}
	negate := p.word("not")
	name := p.take()
	if name.kind != tokName {
		return nil, p.unexpected(name, "expected the name of a test")
	}
	spec, err := p.testOf(name)
	if err != nil {
		return nil, err
	}
	t := &testExpr{pos: pos(name.pos), base: x, name: name.text, spec: spec}
	if p.is(tokOp, "(") {
		if t.args, err = p.parseArgs(); err != nil {
			return nil, err
		}
	}
	if negate {
		return &unaryExpr{t.pos, "not", t}, nil
	}
	return t, nil
}

// jsCompare reads comparisons; a chain compares its result with the next.
func (p *parser) jsCompare() (expr, error) {
	join := func(op token, a, b expr) expr { return &compareExpr{pos(op.pos), a, []link{{op.text, b}}} }
	return p.leftChain(p.jsConcat, join, "==", "===", "!=", "!==", "<", ">", "<=", ">=")
}

func (p *parser) jsConcat() (expr, error) {
	join := func(op token, a, b expr) expr { return &concatExpr{pos(op.pos), []expr{a, b}} }
	return p.leftChain(func() (expr, error) { return p.jsArithmetic(0) }, join, "~")
}

// jsArithmetic reads the operators of a level, each of which binds looser than the
// next.
func (p *parser) jsArithmetic(level int) (expr, error) {
	ops := []string{"+", "-", "*", "/", "//", "%", "**"}
	if level == len(ops) {
		return p.parseUnary(true)
	}
	return p.leftChain(func() (expr, error) { return p.jsArithmetic(level + 1) }, joinBinary, ops[level])
}

// dictKey reads a key of {key: value}; in nunjucks a bare name is a string.
func (p *parser) dictKey() (expr, error) {
	if !p.js {
		return p.parseExpr()
	}
	tok := p.take()
	switch tok.kind {
	case tokName, tokString:
		return &litExpr{pos(tok.pos), tok.text}, nil
	case tokInt, tokFloat:
		return p.parseNumber(tok)
	}
	return nil, p.unexpected(tok, "expected a key")
}

// parseRegex reads r/body/flags. Go's regular expressions run in linear time and
// have no look-around and no references to groups.
func (p *parser) parseRegex(tok token) (expr, error) {
	flags, body, _ := strings.Cut(tok.text, "/")
	mode := ""
	if strings.Contains(flags, "i") {
		mode += "i"
	}
	if strings.Contains(flags, "m") {
		mode += "m"
	}
	source := strings.ReplaceAll(body, `\/`, "/")
	if mode != "" {
		source = "(?" + mode + ")" + source
	}
	if len(source) > 1000 {
		return nil, p.t.errorAt(tok.pos, "regular expression is longer than 1000 bytes")
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, p.t.errorAt(tok.pos, "regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	letters := []byte(flags)
	slices.Sort(letters)
	return &litExpr{pos(tok.pos), &pattern{re, body, string(letters)}}, nil
}
