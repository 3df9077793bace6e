package jinja

import "strings"

// value works x out; what is not defined is an error.
func (r *renderer) value(x expr) (any, error) {
	v, err := r.eval(x)
	if err != nil {
		return nil, err
	}
	if u, missing := v.(*undefined); missing && !u.soft {
		return nil, u.err()
	}
	return v, nil
}

// eval works x out; the result may be undefined.
func (r *renderer) eval(x expr) (any, error) {
	if err := r.step(x.at()); err != nil {
		return nil, err
	}
	if r.deep++; r.deep > maxDeep {
		return nil, r.t.errorAt(x.at(), "expressions are nested deeper than %d levels", maxDeep)
	}
	v, err := r.work(x)
	r.deep--
	return v, err
}

// maxDeep bounds the stack that expressions within expressions take, through calls.
const maxDeep = 20_000

func (r *renderer) work(x expr) (any, error) {
	switch x := x.(type) {
	case *litExpr:
		return x.value, nil
	case *nameExpr:
		if v, ok := r.lookup(x.name); ok {
			return v, nil
		}
		return r.unknown(x.name, x.at()), nil
	case *captured:
		return r.captured, nil
	case *attrExpr:
		base, err := r.eval(x.base)
		if err != nil {
			return nil, err
		}
		return r.attr(base, x.name, x.at())
	case *itemExpr:
		return r.item(x)
	case *callExpr:
		return r.call(x)
	case *filterExpr:
		return r.filter(x.base, x.name, x.spec, &x.args, x.at())
	case *testExpr:
		return r.filter(x.base, x.name, x.spec, &x.args, x.at())
	case *logicExpr:
		return r.logic(x)
	case *compareExpr:
		return r.comparison(x)
	case *condExpr:
		return r.conditional(x)
	}
	return r.evalMore(x)
}

func (r *renderer) evalMore(x expr) (any, error) {
	switch x := x.(type) {
	case *groupExpr:
		return r.eval(x.x)
	case *listExpr:
		return r.listOf(x)
	case *dictExpr:
		return r.dictOf(x)
	case *unaryExpr:
		return r.unary(x)
	case *binaryExpr:
		return r.binary(x)
	case *concatExpr:
		return r.concat(x)
	}
	return nil, r.t.errorAt(x.at(), "a slice has no value of its own")
}

func (r *renderer) listOf(x *listExpr) (any, error) {
	items := make([]any, len(x.items))
	if err := r.spendItems(len(items)); err != nil {
		return nil, r.at(x.at(), err)
	}
	for i, e := range x.items {
		v, err := r.eval(e)
		if err != nil {
			return nil, err
		}
		items[i] = v
	}
	if x.tuple {
		return tuple(items), nil
	}
	return &list{items}, nil
}

func (r *renderer) dictOf(x *dictExpr) (any, error) {
	d := NewDict()
	if err := r.spendItems(4 * len(x.keys)); err != nil {
		return nil, r.at(x.at(), err)
	}
	for i, e := range x.keys {
		k, err := r.value(e)
		if err != nil {
			return nil, err
		}
		if r.js {
			if k, err = r.text(k); err != nil {
				return nil, r.at(e.at(), err)
			}
		}
		v, err := r.eval(x.values[i])
		if err != nil {
			return nil, err
		}
		if !d.put(k, v) {
			return nil, r.t.errorAt(e.at(), "%s cannot be a key", typeName(k))
		}
	}
	return d, nil
}

func (r *renderer) filter(base expr, name string, spec *filter, args *argList, pos int) (any, error) {
	v, err := r.eval(base)
	if err != nil {
		return nil, err
	}
	list, kw, err := r.arguments(args)
	if err != nil {
		return nil, err
	}
	out, err := spec.apply(&call{r: r, pos: pos, name: name, value: v, args: list, kw: kw})
	return out, r.at(pos, err)
}

// condition works out whether x is true. In nunjucks a key that is missing is false,
// a variable that is missing is an error.
func (r *renderer) condition(x expr) (bool, error) {
	v, err := r.eval(x)
	if err != nil {
		return false, err
	}
	ok, err := r.truth(v)
	return ok, r.at(x.at(), err)
}

func (r *renderer) logic(x *logicExpr) (any, error) {
	v, err := r.eval(x.a)
	if err != nil {
		return nil, err
	}
	ok, err := r.truth(v)
	if err != nil {
		return nil, r.at(x.a.at(), err)
	}
	if ok == x.or {
		return v, nil
	}
	return r.eval(x.b)
}

func (r *renderer) conditional(x *condExpr) (any, error) {
	ok, err := r.condition(x.cond)
	switch {
	case err != nil:
		return nil, err
	case ok:
		return r.eval(x.then)
	case x.els == nil && r.js:
		return "", nil
	case x.els == nil:
		return &undefined{t: r.t, pos: x.at(), msg: "the inline if is false and has no else", hint: "write: x if condition else ''", soft: true}, nil
	}
	return r.eval(x.els)
}

func (r *renderer) unary(x *unaryExpr) (any, error) {
	if x.op == "not" {
		ok, err := r.condition(x.x)
		return !ok, err
	}
	v, err := r.value(x.x)
	if err != nil {
		return nil, err
	}
	if r.js {
		v, err = r.jsUnary(x.op, v)
	} else {
		v, err = pyUnary(x.op, v)
	}
	return v, r.at(x.at(), err)
}

func (r *renderer) binary(x *binaryExpr) (any, error) {
	a, err := r.value(x.a)
	if err != nil {
		return nil, err
	}
	b, err := r.value(x.b)
	if err != nil {
		return nil, err
	}
	var v any
	if r.js {
		v, err = r.jsBinary(x.op, a, b)
	} else {
		v, err = r.pyBinary(x.op, a, b)
	}
	return v, r.at(x.at(), err)
}

func (r *renderer) concat(x *concatExpr) (any, error) {
	var b strings.Builder
	for _, term := range x.terms {
		v, err := r.value(term)
		if err != nil {
			return nil, err
		}
		text, err := r.concatText(v)
		if err == nil {
			err = r.spend(b.Len() + len(text))
		}
		if err != nil {
			return nil, r.at(x.at(), err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (r *renderer) concatText(v any) (string, error) {
	if r.js && v == nil {
		return "null", nil
	}
	return r.text(v)
}

func (r *renderer) comparison(x *compareExpr) (any, error) {
	a, err := r.eval(x.first)
	if err != nil {
		return nil, err
	}
	for _, l := range x.links {
		b, err := r.eval(l.x)
		if err != nil {
			return nil, err
		}
		ok, err := r.compareOp(l.op, a, b)
		if err != nil {
			return nil, r.at(l.x.at(), err)
		}
		if !ok {
			return false, nil
		}
		a = b
	}
	return true, nil
}

func (r *renderer) compareOp(op string, a, b any) (bool, error) {
	if r.js {
		return r.jsCompare(op, a, b)
	}
	switch op {
	case "==":
		return r.equal(a, b)
	case "!=":
		ok, err := r.equal(a, b)
		return !ok, err
	case "in", "not in":
		ok, err := r.contains(b, a)
		return ok == (op == "in"), err
	}
	c, err := r.order(a, b, op)
	if err != nil {
		return false, err
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0 && c != unordered, nil
	}
	return c >= 0 && c != unordered, nil
}

// item works base[key] out.
func (r *renderer) item(x *itemExpr) (any, error) {
	base, err := r.eval(x.base)
	if err != nil {
		return nil, err
	}
	if s, ok := x.key.(*sliceExpr); ok {
		if u, ok := base.(*undefined); ok {
			return nil, u.err()
		}
		v, err := r.slice(base, s)
		return v, r.at(x.at(), err)
	}
	key, err := r.value(x.key)
	if err != nil {
		return nil, err
	}
	v, err := r.itemOf(base, key, x.at())
	return v, r.at(x.at(), err)
}
