package jinja

import (
	"slices"
	"strings"
)

// value works x out; what is not defined is an error.
func (r *renderer) value(x expr) (any, error) {
	v, err := r.eval(x)
	if err != nil {
		return nil, err
	}
	if u, missing := v.(undefined); missing {
		return nil, u.err()
	}
	return v, nil
}

// eval works x out; the result may be undefined. The recursion is as deep as the
// parser allowed.
func (r *renderer) eval(x expr) (any, error) {
	if err := r.step(x.at()); err != nil {
		return nil, err
	}
	switch x := x.(type) {
	case *litExpr:
		return x.value, nil
	case *nameExpr:
		return r.name(x)
	case *listExpr:
		return r.values(x.items)
	case *attrExpr:
		return r.attr(x)
	case *filterExpr:
		return r.filter(x)
	case *definedExpr:
		v, err := r.eval(x.base)
		_, missing := v.(undefined)
		return missing == x.negate, err
	case *notExpr:
		v, err := r.value(x.x)
		return !truth(v), err
	case *negExpr:
		return r.negate(x)
	case *boolExpr:
		return r.boolean(x)
	case *compareExpr:
		return r.comparison(x)
	case *concatExpr:
		return r.concat(x)
	}
	return r.conditional(x.(*condExpr))
}

func (r *renderer) values(list []expr) ([]any, error) {
	out := make([]any, len(list))
	for i, x := range list {
		v, err := r.value(x)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (r *renderer) name(x *nameExpr) (any, error) {
	if v, ok := r.lookup(x.name); ok {
		return v, nil
	}
	known := r.names()
	return undefined{func() error {
		return r.t.errorAt(x.at(), "unknown variable %q", x.name).
			WithHint("%s", didYouMean(x.name, known, "known variables are "+strings.Join(known, ", ")+
				"; text that is not for this template goes between {% raw %} and {% endraw %}"))
	}}, nil
}

func (r *renderer) attr(x *attrExpr) (any, error) {
	base, err := r.value(x.base)
	if err != nil {
		return nil, err
	}
	key, err := r.value(x.key)
	if err != nil {
		return nil, err
	}
	switch base := base.(type) {
	case map[string]any:
		name, ok := key.(string)
		if !ok {
			return nil, r.t.errorAt(x.key.at(), "key of a map must be a string, not %s", typeName(key))
		}
		v, ok := base[name]
		if !ok {
			return undefined{func() error {
				return r.t.errorAt(x.key.at(), "unknown key %q", name).
					WithHint("%s", didYouMean(name, sortedKeys(base), "known keys are "+strings.Join(sortedKeys(base), ", ")))
			}}, nil
		}
		return v, nil
	case []any:
		i, ok := key.(int64)
		if !ok {
			return nil, r.t.errorAt(x.key.at(), "index of a list must be a number, not %s", typeName(key))
		}
		n := int64(len(base))
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return undefined{func() error {
				return r.t.errorAt(x.key.at(), "index %d is outside the %d elements of the list", key, n)
			}}, nil
		}
		return base[i], nil
	}
	return nil, r.t.errorAt(x.at(), "%s has no keys", typeName(base))
}

func (r *renderer) filter(x *filterExpr) (any, error) {
	v, err := r.eval(x.base)
	if err != nil {
		return nil, err
	}
	if u, missing := v.(undefined); missing && !x.spec.undefined {
		return nil, u.err()
	}
	args := make([]any, len(x.args))
	for i, a := range x.args {
		if a == nil {
			args[i] = x.spec.params[i].value
		} else if args[i], err = r.value(a); err != nil {
			return nil, err
		}
	}
	if err := r.work(x, size(v)); err != nil {
		return nil, err
	}
	return x.spec.apply(r, x, v, args)
}

func (r *renderer) negate(x *negExpr) (any, error) {
	v, err := r.value(x.x)
	switch v := v.(type) {
	case int64:
		return -v, err
	case float64:
		return -v, err
	}
	if err != nil {
		return nil, err
	}
	return nil, r.t.errorAt(x.at(), "minus needs a number, not %s", typeName(v))
}

// boolean returns the term that decides, as Python does.
func (r *renderer) boolean(x *boolExpr) (v any, err error) {
	for _, term := range x.terms {
		if v, err = r.value(term); err != nil || truth(v) == x.or {
			return v, err
		}
	}
	return v, nil
}

func (r *renderer) comparison(x *compareExpr) (any, error) {
	a, err := r.value(x.first)
	if err != nil {
		return nil, err
	}
	for _, l := range x.links {
		b, err := r.value(l.x)
		if err != nil {
			return nil, err
		}
		if err := r.work(x, min(size(a), size(b))); err != nil {
			return nil, err
		}
		if ok, err := r.compare(l, a, b); err != nil || !ok {
			return false, err
		}
		a = b
	}
	return true, nil
}

func (r *renderer) compare(l link, a, b any) (bool, error) {
	switch l.op {
	case "==":
		return equal(a, b), nil
	case "!=":
		return !equal(a, b), nil
	case "in", "not in":
		in, err := r.contains(l.x, b, a)
		return in == (l.op == "in"), err
	}
	c, ok := compare(a, b)
	if !ok {
		return false, r.t.errorAt(l.x.at(), "cannot compare %s with %s", typeName(a), typeName(b))
	}
	switch l.op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

func (r *renderer) contains(x expr, all, v any) (bool, error) {
	if err := r.work(x, size(all)); err != nil {
		return false, err
	}
	switch all := all.(type) {
	case []any:
		return slices.ContainsFunc(all, func(e any) bool { return equal(e, v) }), nil
	case map[string]any:
		s, ok := v.(string)
		_, found := all[s]
		return ok && found, nil
	case string:
		if s, ok := v.(string); ok {
			return strings.Contains(all, s), nil
		}
		return false, r.t.errorAt(x.at(), "in a string there can only be a string, not %s", typeName(v))
	}
	return false, r.t.errorAt(x.at(), "\"in\" needs a list, map or string, not %s", typeName(all))
}

func (r *renderer) concat(x *concatExpr) (any, error) {
	var b strings.Builder
	for _, term := range x.terms {
		v, err := r.value(term)
		if err != nil {
			return nil, err
		}
		if err := r.work(x, size(v)); err != nil {
			return nil, err
		}
		if b.Len() > MaxOutput {
			return nil, r.t.errorAt(x.at(), "value is too large")
		}
		b.WriteString(text(v))
	}
	return b.String(), nil
}

func (r *renderer) conditional(x *condExpr) (any, error) {
	v, err := r.value(x.cond)
	switch {
	case err != nil:
		return nil, err
	case truth(v):
		return r.eval(x.then)
	case x.els == nil:
		return undefined{func() error {
			return r.t.errorAt(x.at(), "the inline if is false and has no else")
		}}, nil
	}
	return r.eval(x.els)
}
