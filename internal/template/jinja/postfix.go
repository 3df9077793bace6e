package jinja

import (
	"slices"
	"strings"
)

// parsePostfix reads what is done to a value: .name, [key], (arguments).
func (p *parser) parsePostfix(x expr) (expr, error) {
	root, _ := x.(*nameExpr)
	for n := 0; ; n++ {
		tok := p.peek()
		if tok.kind != tokOp || n > 2*p.env.opt.Depth {
			break
		}
		if err := p.count(tok.pos); err != nil {
			return nil, err
		}
		var err error
		switch tok.text {
		case ".":
			x, err = p.parseAttr(x, root)
		case "[":
			x, err = p.parseSubscript(x)
		case "(":
			x, err = p.parseCall(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if tok := p.peek(); tok.kind == tokOp && strings.Contains(".[(", tok.text) {
		return nil, p.t.errorAt(tok.pos, "chain longer than %d", 2*p.env.opt.Depth)
	}
	return x, nil
}

// parseAttr reads .name, or .0. In nunjucks the ids of steps may have hyphens:
// steps.create-repo.output.url.
func (p *parser) parseAttr(x expr, root *nameExpr) (expr, error) {
	p.take()
	tok := p.take()
	if tok.kind == tokInt && !p.js {
		n, err := p.parseNumber(tok)
		return &itemExpr{pos(tok.pos), x, n}, err
	}
	if tok.kind != tokName {
		return nil, p.unexpected(tok, "expected a name after the dot")
	}
	name := tok.text
	if p.js && root != nil && root.name == "steps" {
		end := tok.pos + len(name)
		for p.is(tokOp, "-") && p.peek().pos == end && p.look(1).pos == end+1 && (p.look(1).kind == tokName || p.look(1).kind == tokInt) {
			name += "-" + p.look(1).text
			end += 1 + len(p.look(1).text)
			p.i += 2
		}
	}
	return &attrExpr{pos(tok.pos), x, name}, nil
}

func (p *parser) parseSubscript(x expr) (expr, error) {
	open := p.take()
	leave, err := p.enter(open.pos)
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.js {
		key, err := p.parseExpr()
		if err != nil {
			return nil, err
		}
		return &itemExpr{pos(key.at()), x, key}, p.expect(tokOp, "]")
	}
	var keys []expr
	for !p.op("]") {
		if keys != nil {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
		}
		key, err := p.parseSubscribed()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 1 {
		return &itemExpr{pos(keys[0].at()), x, keys[0]}, nil
	}
	return &itemExpr{pos(open.pos), x, &listExpr{pos(open.pos), keys, true}}, nil
}

// parseSubscribed reads an index, or a slice.
func (p *parser) parseSubscribed() (expr, error) {
	s := &sliceExpr{pos: pos(p.peek().pos)}
	isSlice := false
	for i := 0; i < 3; i++ {
		if !p.is(tokOp, ":") && !p.is(tokOp, "]") && !p.is(tokOp, ",") {
			x, err := p.parseExpr()
			if err != nil {
				return nil, err
			}
			s.part[i] = x
		}
		if i == 2 || !p.op(":") {
			break
		}
		isSlice = true
	}
	if isSlice {
		return s, nil
	}
	if s.part[0] == nil {
		return nil, p.unexpected(p.peek(), "expected an index")
	}
	return s.part[0], nil
}

func (p *parser) parseCall(fn expr) (expr, error) {
	open := p.peek()
	args, err := p.parseArgs()
	return &callExpr{pos(open.pos), fn, args}, err
}

// parseArgs reads (a, b, name=c, *list, **map).
func (p *parser) parseArgs() (args argList, err error) {
	open := p.take()
	leave, err := p.enter(open.pos)
	if err != nil {
		return args, err
	}
	defer leave()
	for first := true; !p.op(")"); first = false {
		if !first {
			if !p.is(tokOp, ",") {
				return args, p.unexpected(p.peek(), "expected \",\" or \")\"")
			}
			p.take()
			if p.op(")") {
				break
			}
		}
		if err := p.parseArg(&args); err != nil {
			return args, err
		}
	}
	return args, nil
}

func (p *parser) parseArg(args *argList) (err error) {
	tok := p.peek()
	switch {
	case !p.js && p.op("*"):
		args.list, err = p.parseExpr()
	case !p.js && p.op("**"):
		args.map_, err = p.parseExpr()
	case tok.kind == tokName && p.look(1).kind == tokOp && p.look(1).text == "=":
		if slices.Contains(args.names, tok.text) && !p.js {
			return p.t.errorAt(tok.pos, "argument %q is given twice", tok.text)
		}
		p.i += 2
		var x expr
		if x, err = p.parseExpr(); err == nil {
			args.names, args.values = append(args.names, tok.text), append(args.values, x)
		}
	default:
		if !p.js && (args.names != nil || args.list != nil || args.map_ != nil) {
			return p.t.errorAt(tok.pos, "an argument without a name follows one with a name")
		}
		var x expr
		if x, err = p.parseExpr(); err == nil {
			args.pos = append(args.pos, x)
		}
	}
	return err
}

// parseFilters reads what follows a value: |filter and, in jinja2, is test and
// calls of what a filter gave.
func (p *parser) parseFilters(x expr) (expr, error) {
	for n := 0; ; n++ {
		if n > 2*p.env.opt.Depth {
			return nil, p.t.errorAt(x.at(), "chain longer than %d", 2*p.env.opt.Depth)
		}
		if err := p.count(x.at()); err != nil {
			return nil, err
		}
		var err error
		switch {
		case p.op("|"):
			x, err = p.parseFilter(x)
		case !p.js && p.word("is"):
			x, err = p.parseTest(x)
		case !p.js && p.is(tokOp, "("):
			x, err = p.parseCall(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// dottedName reads a name with dots in it.
func (p *parser) dottedName(what string) (token, error) {
	tok, err := p.expectName(what)
	for err == nil && p.op(".") {
		var more token
		more, err = p.expectName(what)
		tok.text += "." + more.text
	}
	return tok, err
}

// parseFilter reads a filter's name and arguments.
func (p *parser) parseFilter(x expr) (expr, error) {
	name, err := p.dottedName("the name of a filter")
	if err != nil {
		return nil, err
	}
	spec, ok := p.env.filters[name.text]
	if !ok {
		known := sortedKeys(p.env.filters)
		return nil, p.t.errorAt(name.pos, "unknown filter %q", name.text).
			WithHint("%s", didYouMean(name.text, known, "known filters are "+strings.Join(known, ", ")))
	}
	f := &filterExpr{pos: pos(name.pos), base: x, name: name.text, spec: spec}
	if p.is(tokOp, "(") {
		if f.args, err = p.parseArgs(); err != nil {
			return nil, err
		}
	}
	return f, p.checkArgs("filter", name, spec, f.args)
}

// testOf finds a test by name.
func (p *parser) testOf(name token) (*filter, error) {
	spec, ok := p.env.tests[name.text]
	if ok {
		return spec, nil
	}
	known := sortedKeys(p.env.tests)
	return nil, p.t.errorAt(name.pos, "unknown test %q", name.text).
		WithHint("%s", didYouMean(name.text, known, "known tests are "+strings.Join(known, ", ")))
}

// parseTest reads what follows "is" in jinja2.
func (p *parser) parseTest(x expr) (expr, error) {
	negate := p.word("not")
	name, err := p.dottedName("the name of a test")
	if err != nil {
		return nil, err
	}
	spec, err := p.testOf(name)
	if err != nil {
		return nil, err
	}
	t := &testExpr{pos: pos(name.pos), base: x, name: name.text, spec: spec}
	tok := p.peek()
	switch {
	case p.is(tokOp, "("):
		t.args, err = p.parseArgs()
	case tok.kind == tokName && tok.text == "is":
		return nil, p.t.errorAt(tok.pos, "tests cannot be chained with is").WithHint("join them with and")
	case tok.kind == tokName && tok.text == "if":
		return nil, p.t.errorAt(tok.pos, "the test takes no argument if").WithHint("put the test in parentheses")
	case tok.kind == tokName && !isOperatorWord(tok.text) || tok.kind == tokString || tok.kind == tokInt || tok.kind == tokFloat ||
		p.is(tokOp, "[") || p.is(tokOp, "{"):
		var arg expr
		if arg, err = p.parsePrimary(); err == nil {
			arg, err = p.parsePostfix(arg)
		}
		t.args.pos = []expr{arg}
	}
	if err == nil {
		err = p.checkArgs("test", name, spec, t.args)
	}
	if negate {
		return &unaryExpr{t.pos, "not", t}, err
	}
	return t, err
}

// checkArgs reports arguments that cannot fit, as far as the source tells.
func (p *parser) checkArgs(what string, name token, spec *filter, args argList) error {
	if spec.open || args.list != nil || args.map_ != nil {
		return nil
	}
	if len(args.pos) > len(spec.params) && !p.js {
		return p.t.errorAt(args.pos[len(spec.params)].at(), "%s %q takes at most %d arguments", what, name.text, len(spec.params))
	}
	for i, n := range args.names {
		j := slices.Index(spec.params, n)
		if j < 0 {
			return p.t.errorAt(args.values[i].at(), "%s %q has no argument %q", what, name.text, n).
				WithHint("%s", didYouMean(n, spec.params, "its arguments are "+strings.Join(spec.params, ", ")))
		}
		if j < len(args.pos) {
			return p.t.errorAt(args.values[i].at(), "%s %q got its argument %q twice", what, name.text, n)
		}
	}
	for j := len(args.pos); j < spec.required; j++ {
		if !slices.Contains(args.names, spec.params[j]) {
			return p.t.errorAt(name.pos, "%s %q needs its argument %q", what, name.text, spec.params[j])
		}
	}
	return nil
}
