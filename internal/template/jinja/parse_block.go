package jinja

import (
	"slices"
	"strings"
)

// parseTag reads the statement whose first word is given.
func (p *parser) parseTag(word token) (node, error) {
	leave, err := p.enter(word.pos)
	if err != nil {
		return nil, err
	}
	defer leave()
	if word.kind != tokName {
		return nil, p.unexpected(word, "expected the name of a tag")
	}
	if !slices.Contains(p.tags(), word.text) {
		if f, ok := p.env.globals[word.text]; ok && p.env.opt.Functions[word.text] != nil {
			return p.parseFunctionTag(word, f)
		}
		known := append(p.closers(), p.tags()...)
		return nil, p.t.errorAt(word.pos, "unknown tag %q", word.text).
			WithHint("%s", didYouMean(word.text, known, "known tags are "+strings.Join(p.tags(), ", ")+
				"; text of another template language goes between "+p.env.d.blockStart+" raw "+p.env.d.blockEnd+" and "+p.env.d.blockStart+" endraw "+p.env.d.blockEnd))
	}
	switch word.text {
	case "if", "ifAsync":
		return p.parseIf(word)
	case "for", "asyncEach", "asyncAll":
		return p.parseFor(word)
	case "set":
		return p.parseSet(word)
	case "macro":
		return p.parseMacro(word)
	case "call":
		return p.parseCallBlock(word)
	case "filter":
		return p.parseFilterBlock(word)
	case "with":
		return p.parseWith(word)
	case "switch":
		return p.parseSwitch(word)
	case "autoescape":
		return p.parseAutoescape(word)
	case "print":
		return p.parsePrint(word)
	case "do":
		return p.parseDo(word)
	case "break", "continue":
		if p.loops == 0 {
			return nil, p.t.errorAt(word.pos, "%s outside of a loop", word.text)
		}
		return &jumpNode{pos(word.pos), word.text == "continue"}, p.endTag()
	}
	return p.parseCompose(word)
}

// parseCompose reads the statements that bring templates together.
func (p *parser) parseCompose(word token) (node, error) {
	switch word.text {
	case "include":
		return p.parseInclude(word)
	case "import":
		return p.parseImport(word)
	case "from":
		return p.parseFrom(word)
	case "extends":
		return p.parseExtends(word)
	case "block":
		return p.parseBlock(word)
	}
	return nil, p.t.errorAt(word.pos, "%s must stand alone in its tag", word.text).
		WithHint("write %s %s %s", p.env.d.blockStart, word.text, p.env.d.blockEnd)
}

func (p *parser) parseIf(open token) (node, error) {
	n := &ifNode{}
	for {
		cond, err := p.parseTuple(false)
		if err != nil {
			return nil, err
		}
		if !p.js {
			p.op(":")
		}
		if err := p.endTag(); err != nil {
			return nil, err
		}
		body, end, err := p.parseNodes(nil)
		if err != nil {
			return nil, err
		}
		n.arms = append(n.arms, arm{cond, body})
		if end.kind == tokName && (end.text == "elif" || end.text == "elseif") {
			continue
		}
		n.els, err = p.rest(open, end, "endif")
		return n, err
	}
}

func (p *parser) parseFor(open token) (node, error) {
	t, err := p.parseTarget(false)
	if err != nil {
		return nil, err
	}
	if err := p.expect(tokName, "in"); err != nil {
		return nil, err
	}
	n := &forNode{pos: pos(open.pos), target: t}
	if n.over, err = p.parseTuple(p.js); err != nil {
		return nil, err
	}
	if !p.js && p.word("if") {
		if n.cond, err = p.parseExpr(); err != nil {
			return nil, err
		}
	}
	n.recursive = !p.js && p.word("recursive")
	closer := "endfor"
	if open.text == "asyncEach" {
		closer = "endeach"
	} else if open.text == "asyncAll" {
		closer = "endall"
	}
	if t.takes("loop") && !p.js {
		return nil, p.t.errorAt(t.at(), "loop is the loop itself and cannot be assigned to")
	}
	p.loops++
	n.body, n.els, err = p.body(open, closer)
	p.loops--
	return n, err
}

// takes reports whether the target assigns to name.
func (t target) takes(name string) bool {
	for _, part := range t.parts {
		if part.takes(name) {
			return true
		}
	}
	return t.name == name
}

// parseTarget reads what is assigned to.
func (p *parser) parseTarget(namespace bool) (target, error) {
	first, err := p.parseTarget1(namespace)
	if err != nil || !p.is(tokOp, ",") || p.js && namespace {
		return first, err
	}
	t := target{pos: first.pos, parts: []target{first}}
	for p.op(",") {
		next, err := p.parseTarget1(false)
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, next)
	}
	return t, nil
}

func (p *parser) parseTarget1(namespace bool) (target, error) {
	tok := p.take()
	if tok.kind == tokOp && tok.text == "(" && !p.js {
		leave, err := p.enter(tok.pos)
		if err != nil {
			return target{}, err
		}
		defer leave()
		t, err := p.parseTarget(false)
		if err == nil {
			err = p.expect(tokOp, ")")
		}
		return t, err
	}
	if tok.kind != tokName || isOperatorWord(tok.text) || slices.Contains(p.constants(), tok.text) {
		return target{}, p.unexpected(tok, "expected the name of a variable")
	}
	t := target{pos: pos(tok.pos), name: tok.text}
	if namespace && !p.js && p.op(".") {
		attr, err := p.expectName("the name of an attribute")
		if err != nil {
			return t, err
		}
		t.attr = attr.text
	}
	return t, nil
}

// constants are the names that cannot be assigned to.
func (p *parser) constants() []string {
	if p.js {
		return []string{"true", "false", "none", "null"}
	}
	return []string{"true", "True", "false", "False", "none", "None"}
}

func (p *parser) parseSet(open token) (node, error) {
	first, err := p.parseTarget(true)
	if err != nil {
		return nil, err
	}
	targets := []target{first}
	for p.js && p.op(",") {
		t, err := p.parseTarget1(false)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	if p.op("=") {
		value, err := p.parseTuple(true)
		if err != nil {
			return nil, err
		}
		return &setNode{pos(open.pos), targets, value}, p.endTag()
	}
	n := &setBlockNode{pos: pos(open.pos), targets: targets}
	if !p.js && p.is(tokOp, "|") {
		if n.filter, err = p.parseFilters(&captured{pos(open.pos)}); err != nil {
			return nil, err
		}
	}
	n.body, err = p.only(open, "endset")
	return n, err
}

func (p *parser) parseFilterBlock(open token) (node, error) {
	x, err := p.parseFilter(&captured{pos(open.pos)})
	if err != nil {
		return nil, err
	}
	if !p.js {
		if x, err = p.parseFilters(x); err != nil {
			return nil, err
		}
	}
	n := &filterBlock{pos: pos(open.pos), filter: x}
	n.body, err = p.only(open, "endfilter")
	return n, err
}

func (p *parser) parseWith(open token) (node, error) {
	n := &withNode{}
	for p.peek().kind != tokBlockEnd && !p.is(tokOp, ":") {
		if n.targets != nil {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
		}
		t, err := p.parseTarget1(false)
		if err != nil {
			return nil, err
		}
		if err := p.expect(tokOp, "="); err != nil {
			return nil, err
		}
		x, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		n.targets, n.values = append(n.targets, t), append(n.values, x)
	}
	var err error
	n.body, err = p.only(open, "endwith")
	return n, err
}

// parseAutoescape reads the block; only what is in force anyway is supported.
func (p *parser) parseAutoescape(open token) (node, error) {
	x, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	if lit, ok := x.(*litExpr); !ok || lit.value != false {
		return nil, p.t.errorAt(open.pos, "autoescape is not supported").WithHint("escape single values with the filter e")
	}
	body, err := p.only(open, "endautoescape")
	return &withNode{body: body}, err
}

func (p *parser) parsePrint(open token) (node, error) {
	n := &ifNode{arms: []arm{{cond: &litExpr{pos(open.pos), true}}}}
	for p.peek().kind != tokBlockEnd {
		if n.arms[0].body != nil {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
		}
		x, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		n.arms[0].body = append(n.arms[0].body, &outNode{pos(open.pos), x})
	}
	return n, p.endTag()
}

func (p *parser) parseDo(open token) (node, error) {
	x, err := p.parseTuple(true)
	if err != nil {
		return nil, err
	}
	return &doNode{pos(open.pos), x}, p.endTag()
}

// parseSwitch reads {% switch x %}{% case y %}...{% default %}...{% endswitch %}.
func (p *parser) parseSwitch(open token) (node, error) {
	value, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	if err := p.endTag(); err != nil {
		return nil, err
	}
	n := &switchNode{value: value}
	_, end, err := p.parseNodes(nil) // what stands before the first case is dropped
	for err == nil && end.text == "case" {
		var a arm
		if a.cond, err = p.parseExpr(); err != nil {
			return nil, err
		}
		if err = p.endTag(); err != nil {
			return nil, err
		}
		a.body, end, err = p.parseNodes(nil)
		n.cases = append(n.cases, a)
	}
	if err == nil && end.text == "default" {
		if err = p.endTag(); err != nil {
			return nil, err
		}
		n.els, end, err = p.parseNodes(nil)
	}
	if err != nil {
		return nil, err
	}
	_, err = p.rest(open, end, "endswitch")
	return n, err
}

// parseFunctionTag reads {% name args %}. The first argument may be a sum, as in
// {% now 'utc' + 'days=2' %}: its right side becomes the keyword offset.
func (p *parser) parseFunctionTag(word token, f any) (node, error) {
	call := &callExpr{pos: pos(word.pos), fn: &litExpr{pos(word.pos), f}}
	for p.peek().kind != tokBlockEnd {
		if call.args.pos != nil {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
		}
		x, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		if sum, ok := x.(*binaryExpr); ok && call.args.pos == nil && (sum.op == "+" || sum.op == "-") {
			x = sum.a
			sign := &litExpr{sum.pos, sum.op}
			call.args.names = append(call.args.names, "offset")
			call.args.values = append(call.args.values, &concatExpr{sum.pos, []expr{sign, sum.b}})
		}
		call.args.pos = append(call.args.pos, x)
	}
	return &outNode{pos(word.pos), call}, p.endTag()
}
