package jinja

import "strings"

func (p *parser) parseMacro(open token) (node, error) {
	name, err := p.expectName("the name of the macro")
	if err != nil {
		return nil, err
	}
	n := &macroNode{pos: pos(open.pos), name: name.text}
	if err := p.expect(tokOp, "("); err != nil {
		return nil, err
	}
	return n, p.parseMacroRest(n, open, "endmacro", true)
}

// parseMacroRest reads the parameters, if their bracket was opened, and the body.
func (p *parser) parseMacroRest(n *macroNode, open token, closer string, params bool) (err error) {
	p.macros = append(p.macros, &n.uses)
	loops := p.loops
	p.loops = 0
	defer func() { p.macros, p.loops = p.macros[:len(p.macros)-1], loops }()
	if params {
		if err := p.parseParams(n); err != nil {
			return err
		}
	}
	if closer == "" {
		return nil
	}
	n.body, err = p.only(open, closer)
	return err
}

func (p *parser) parseParams(n *macroNode) error {
	for !p.op(")") {
		if n.params != nil {
			if err := p.expect(tokOp, ","); err != nil {
				return err
			}
			if p.js && p.op(")") {
				break
			}
		}
		name, err := p.expectName("the name of a parameter")
		if err != nil {
			return err
		}
		q := param{name: name.text}
		if p.op("=") {
			if q.value, err = p.parseExpr(); err != nil {
				return err
			}
			n.hasDefault = true
		} else if n.hasDefault && !p.js {
			return p.t.errorAt(name.pos, "parameter %q without a default follows one with a default", name.text)
		}
		n.params = append(n.params, q)
	}
	return nil
}

// parseCallBlock reads {% call(params) macro(args) %}...{% endcall %}.
func (p *parser) parseCallBlock(open token) (node, error) {
	n := &callBlock{pos: pos(open.pos), caller: &macroNode{pos: pos(open.pos), name: "caller"}}
	if p.op("(") {
		if err := p.parseMacroRest(n.caller, open, "", true); err != nil {
			return nil, err
		}
	}
	at := p.peek().pos
	x, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	call, ok := x.(*callExpr)
	if !ok {
		return nil, p.t.errorAt(at, "call needs the call of a macro").WithHint("write %s call name() %s", p.env.d.blockStart, p.env.d.blockEnd)
	}
	n.call = call
	return n, p.parseMacroRest(n.caller, open, "endcall", false)
}

func (p *parser) parseInclude(open token) (node, error) {
	x, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	n := &includeNode{pos: pos(open.pos), name: x, context: true}
	if p.is(tokName, "ignore") && p.look(1).text == "missing" {
		p.i += 2
		n.ignoreMissing = true
	}
	if context, ok := p.parseContext(); ok && !p.js {
		n.context = context
	}
	return n, p.endTag()
}

// parseContext reads "with context" or "without context".
func (p *parser) parseContext() (context, ok bool) {
	tok := p.peek()
	if tok.kind != tokName || tok.text != "with" && tok.text != "without" || p.look(1).text != "context" {
		return false, false
	}
	p.i += 2
	return tok.text == "with", true
}

func (p *parser) parseImport(open token) (node, error) {
	x, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	if err := p.expect(tokName, "as"); err != nil {
		return nil, err
	}
	name, err := p.expectName("a name for what is imported")
	if err != nil {
		return nil, err
	}
	n := &importNode{pos: pos(open.pos), name: x, as: name.text}
	n.context, _ = p.parseContext()
	return n, p.endTag()
}

func (p *parser) parseFrom(open token) (node, error) {
	x, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	if err := p.expect(tokName, "import"); err != nil {
		return nil, err
	}
	n := &fromNode{pos: pos(open.pos), name: x}
	for {
		if n.names != nil {
			if context, ok := p.parseContext(); ok {
				n.context = context
				break
			}
			if !p.op(",") {
				break
			}
			if p.peek().kind == tokBlockEnd && !p.js {
				break
			}
		}
		if context, ok := p.parseContext(); ok && n.names != nil {
			n.context = context
			break
		}
		name, err := p.expectName("the name of a macro")
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(name.text, "_") {
			return nil, p.t.errorAt(name.pos, "a name that begins with _ cannot be imported")
		}
		as := name
		if p.word("as") {
			if as, err = p.expectName("a name for what is imported"); err != nil {
				return nil, err
			}
		}
		n.names = append(n.names, [2]string{name.text, as.text})
	}
	return n, p.endTag()
}

func (p *parser) parseExtends(open token) (node, error) {
	x, err := p.parseExpr()
	if err != nil {
		return nil, err
	}
	return &extendsNode{pos(open.pos), x}, p.endTag()
}

func (p *parser) parseBlock(open token) (node, error) {
	name, err := p.expectName("the name of the block")
	if err != nil {
		return nil, err
	}
	n := &blockNode{pos: pos(open.pos), t: p.t, name: name.text}
	n.scoped = !p.js && p.word("scoped")
	n.required = !p.js && p.word("required")
	if p.t.blocks[n.name] != nil {
		return nil, p.t.errorAt(name.pos, "block %q is defined twice", n.name)
	}
	p.t.blocks[n.name] = n
	loops := p.loops
	p.loops = 0
	n.body, err = p.only(open, "endblock")
	p.loops = loops
	if err != nil {
		return nil, err
	}
	for _, x := range n.body {
		if text, ok := x.(textNode); n.required && (!ok || strings.TrimSpace(string(text)) != "") {
			return nil, p.t.errorAt(open.pos, "the required block %q is not empty", n.name)
		}
	}
	return n, nil
}
