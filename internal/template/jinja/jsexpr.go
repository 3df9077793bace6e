package jinja

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// The grammar of nunjucks, loosest first: x if y else z; or; and; not; in; is;
// comparisons; ~; +; -; *; /; //; %; **; unary; calls and access; filters.

func (p *parser) jsInlineIf() (expr, error) {
	start := p.peek().pos
	x, err := p.jsRegrouped(p.parseOr)
	if err != nil || !p.word("if") {
		return x, err
	}
	c := &condExpr{pos: pos(start), then: x}
	if c.cond, err = p.jsRegrouped(p.parseOr); err == nil && p.word("else") {
		c.els, err = p.jsRegrouped(p.parseOr)
	}
	return c, err
}

// jsRegrouped reads with the grammar of nunjucks, and groups the operators by that of
// JavaScript: nunjucks writes them out in a row and lets JavaScript read them again.
func (p *parser) jsRegrouped(parse func() (expr, error)) (expr, error) {
	x, err := parse()
	if err != nil {
		return nil, err
	}
	switch x.(type) {
	case *logicExpr, *compareExpr, *binaryExpr, *concatExpr, *unaryExpr:
	default:
		return x, nil
	}
	g := &regroup{}
	g.flatten(x)
	return g.level(1), nil
}

// A regroup is a row of operators and operands. An item without operand is an
// operator.
type regroup struct {
	items []regroupItem
	i     int
}

type regroupItem struct {
	pos
	op      string
	unary   bool
	operand expr
}

func (g *regroup) op(at pos, op string, unary bool) {
	g.items = append(g.items, regroupItem{at, op, unary, nil})
}

func (g *regroup) flatten(x expr) {
	switch x := x.(type) {
	case *logicExpr:
		g.flatten(x.a)
		g.op(x.pos, map[bool]string{true: "or", false: "and"}[x.or], false)
		g.flatten(x.b)
		return
	case *compareExpr:
		if x.links[0].op != "in" {
			g.flatten(x.first)
			g.op(x.pos, x.links[0].op, false)
			g.flatten(x.links[0].x)
			return
		}
	case *concatExpr:
		g.flatten(x.terms[0])
		g.op(x.pos, "~", false)
		g.flatten(x.terms[1])
		return
	case *binaryExpr:
		if x.op != "**" {
			g.flatten(x.a)
			g.op(x.pos, x.op, false)
			g.flatten(x.b)
			return
		}
	case *unaryExpr:
		if x.op != "floor" {
			g.op(x.pos, x.op, true)
			g.flatten(x.x)
			return
		}
	}
	g.items = append(g.items, regroupItem{operand: x})
}

// jsLevel is how tight an operator of JavaScript binds.
func jsLevel(op string) int {
	switch op {
	case "or":
		return 1
	case "and":
		return 2
	case "==", "!=", "===", "!==":
		return 3
	case "<", ">", "<=", ">=":
		return 4
	case "+", "-", "~":
		return 5
	}
	return 6
}

// level reads operands with operators of at least the level between.
func (g *regroup) level(least int) expr {
	x := g.operand()
	for g.i < len(g.items) && jsLevel(g.items[g.i].op) >= least {
		op := g.items[g.i]
		g.i++
		y := g.level(jsLevel(op.op) + 1)
		switch jsLevel(op.op) {
		case 1, 2:
			x = &logicExpr{op.pos, op.op == "or", x, y}
		case 3, 4:
			x = &compareExpr{op.pos, x, []link{{op.op, y}}}
		default:
			if op.op == "~" {
				x = &concatExpr{op.pos, []expr{x, y}}
			} else {
				x = &binaryExpr{op.pos, op.op, x, y}
			}
		}
	}
	return x
}

func (g *regroup) operand() expr {
	item := g.items[g.i]
	g.i++
	if item.unary {
		return &unaryExpr{item.pos, item.op, g.operand()}
	}
	return item.operand
}

func (p *parser) jsIn() (expr, error) {
	x, err := p.jsIs()
	if err == nil && (p.is(tokName, "in") || p.is(tokName, "not")) {
		x, err = p.jsRegrouped(func() (expr, error) { return x, nil })
	}
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
		if y, err = p.jsRegrouped(p.jsIs); err == nil {
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
	if x, err = p.jsRegrouped(func() (expr, error) { return x, nil }); err != nil {
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
	join := joinBinary
	switch ops[level] {
	case "//": // written out as Math.floor(a / b)
		join = func(op token, a, b expr) expr {
			g := &regroup{}
			g.flatten(a)
			g.op(pos(op.pos), "/", false)
			g.flatten(b)
			return &unaryExpr{pos(op.pos), "floor", g.level(1)}
		}
	case "**": // written out as Math.pow(a, b)
		join = func(op token, a, b expr) expr {
			a, _ = p.jsRegrouped(func() (expr, error) { return a, nil })
			b, _ = p.jsRegrouped(func() (expr, error) { return b, nil })
			return joinBinary(op, a, b)
		}
	}
	return p.leftChain(func() (expr, error) { return p.jsArithmetic(level + 1) }, join, ops[level])
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
	}
	return nil, p.unexpected(tok, "expected a name or a string as key")
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
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, p.t.errorAt(tok.pos, "regular expression: %s", err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > 2000 {
		return nil, p.t.errorAt(tok.pos, "regular expression is too large")
	}
	letters := []byte(flags)
	slices.Sort(letters)
	return &litExpr{pos(tok.pos), &pattern{re, body, string(letters), len(prog.Inst)}}, nil
}
