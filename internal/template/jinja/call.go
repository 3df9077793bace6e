package jinja

import (
	"slices"
	"strings"
)

// A filter is {{ value | name(args) }}, value is name(args), or value.name(args).
type filter struct {
	params   []string // the required ones first
	required int
	open     bool // takes any arguments, as they are
	undef    bool // takes what is not defined
	fn       func(c *call) (any, error)
}

// fn makes a filter from its parameters: "width first?" has one that is required.
func fn(params string, f func(c *call) (any, error)) *filter {
	s := &filter{fn: f}
	for _, name := range strings.Fields(params) {
		switch {
		case name == "*":
			s.open = true
			continue
		case name == "!":
			s.undef = true
			continue
		case !strings.HasSuffix(name, "?"):
			s.required++
		}
		s.params = append(s.params, strings.TrimSuffix(name, "?"))
	}
	return s
}

// A call is one use of a filter, test, method or function.
type call struct {
	r     *renderer
	pos   int
	name  string
	value any   // of a filter, test or method
	args  []any // one for each parameter, absent if not given; all of an open one
	kw    []kwarg
}

type kwarg struct {
	name  string
	value any
}

// given reports whether the i-th argument was given.
func (c *call) given(i int) bool {
	if i >= len(c.args) {
		return false
	}
	_, no := c.args[i].(absent)
	return !no
}

// some reports whether the i-th argument was given and is not none.
func (c *call) some(i int) bool { return c.given(i) && c.args[i] != nil }

// text returns the text of the value.
func (c *call) text() (string, error) { return c.r.text(c.value) }

// argText returns the text form of the i-th argument, or otherwise.
func (c *call) argText(i int, otherwise string) (string, error) {
	if !c.some(i) {
		return otherwise, nil
	}
	return c.r.text(c.args[i])
}

// str returns the i-th argument, which must be a string, or otherwise.
func (c *call) str(i int, otherwise string) (string, error) {
	if !c.some(i) {
		return otherwise, nil
	}
	s, ok := asText(c.args[i])
	if !ok {
		return "", c.bad(i, "a string")
	}
	return s, nil
}

// int returns the i-th argument, which must be an integer, or otherwise.
func (c *call) int(i int, otherwise int64) (int64, error) {
	if !c.some(i) {
		return otherwise, nil
	}
	if f, ok := c.args[i].(float64); ok && c.r.js {
		return int64(min(max(f, -1e15), 1e15)), nil
	}
	n, ok := asInt(c.args[i])
	if !ok {
		return 0, c.bad(i, "a whole number")
	}
	return n, nil
}

// truth returns whether the i-th argument is true.
func (c *call) truth(i int) (bool, error) {
	if !c.given(i) {
		return false, nil
	}
	return c.r.truth(c.args[i])
}

// bad is the error about the i-th argument.
func (c *call) bad(i int, want string) error {
	return failf("argument %d of %s must be %s, not %s", i+1, c.name, want, typeName(c.args[i]))
}

// wrong is the error about the value.
func (c *call) wrong(want string) error {
	if u, ok := c.value.(*undefined); ok {
		return u.err()
	}
	return failf("%s needs %s, not %s", c.name, want, typeName(c.value))
}

// arguments works the argument list out. Undefined ones stay undefined.
func (r *renderer) arguments(l *argList) (args []any, kw []kwarg, err error) {
	for _, x := range l.pos {
		v, err := r.eval(x)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, v)
	}
	if l.list != nil {
		v, err := r.value(l.list)
		if err != nil {
			return nil, nil, err
		}
		items, err := r.items(v)
		if err == nil {
			err = r.spendItems(len(items))
		}
		if err != nil {
			return nil, nil, r.at(l.list.at(), err)
		}
		args = append(args, items...)
	}
	for i, x := range l.values {
		v, err := r.eval(x)
		if err != nil {
			return nil, nil, err
		}
		kw = append(kw, kwarg{l.names[i], v})
	}
	if l.map_ != nil {
		more, err := r.keywords(l.map_)
		if err != nil {
			return nil, nil, err
		}
		kw = append(kw, more...)
	}
	return args, kw, nil
}

// keywords returns the keys and values of the map after **.
func (r *renderer) keywords(x expr) (kw []kwarg, err error) {
	v, err := r.value(x)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*Dict)
	if !ok {
		return nil, r.t.errorAt(x.at(), "** needs a map, not %s", typeName(v))
	}
	for i, k := range d.keys {
		name, ok := k.(string)
		if !ok {
			return nil, r.t.errorAt(x.at(), "** needs a map whose keys are strings")
		}
		kw = append(kw, kwarg{name, d.vals[i]})
	}
	return kw, nil
}

// bind puts the arguments of c into the order of the parameters.
func (s *filter) bind(c *call) error {
	if s.open {
		return nil
	}
	given := c.args
	c.args = make([]any, len(s.params))
	if len(given) > len(s.params) {
		if !c.r.js {
			return failf("%s takes at most %d arguments, not %d", c.name, len(s.params), len(given))
		}
		given = given[:len(s.params)]
	}
	for i := range c.args {
		c.args[i] = absent{}
	}
	copy(c.args, given)
	for _, k := range c.kw {
		i := slices.Index(s.params, k.name)
		if i < 0 {
			return failf("%s has no argument %q", c.name, k.name).
				with("%s", didYouMean(k.name, s.params, "its arguments are "+strings.Join(s.params, ", ")))
		}
		if c.given(i) {
			return failf("%s got its argument %q twice", c.name, k.name)
		}
		c.args[i] = k.value
	}
	c.kw = nil
	for i := range s.required {
		if !c.given(i) {
			return failf("%s needs its argument %q", c.name, s.params[i])
		}
	}
	return nil
}

// apply runs the filter on the value.
func (s *filter) apply(c *call) (any, error) {
	if u, ok := c.value.(*undefined); ok && !s.undef && !u.soft {
		return nil, u.err()
	}
	if err := s.bind(c); err != nil {
		return nil, err
	}
	for i, a := range c.args {
		if u, ok := a.(*undefined); ok && !s.undef && !u.soft {
			if !c.r.js {
				return nil, u.err()
			}
			if u.isRoot {
				return nil, u.err()
			}
			c.args[i] = absent{}
		}
	}
	if err := c.charge(); err != nil {
		return nil, err
	}
	return s.fn(c)
}

// charge counts a look at the value and the arguments.
func (c *call) charge() error {
	n := 0
	for _, v := range append([]any{c.value}, c.args...) {
		if s, ok := asText(v); ok {
			n += len(s)
		} else {
			n += 16 * len(sequence(v))
		}
	}
	return c.r.scan(n)
}

// foreignFilter makes a filter of a Func of the Env.
func foreignFilter(name string, f Func) *filter {
	return &filter{open: true, fn: func(c *call) (any, error) {
		c.args = append([]any{c.value}, c.args...)
		c.name = name
		return c.foreign(f)
	}}
}

func foreignFunction(name string, f Func) *builtin {
	return &builtin{name, func(c *call) (any, error) {
		c.name = name
		return c.foreign(f)
	}}
}

// foreign calls a Func with Go values and takes its result in.
func (c *call) foreign(f Func) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		v, err := c.r.export(a, 0)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	kwargs := make(map[string]any, len(c.kw))
	for _, k := range c.kw {
		v, err := c.r.export(k.value, 0)
		if err != nil {
			return nil, err
		}
		kwargs[k.name] = v
	}
	out, err := f(c.r.ctx, args, kwargs)
	if err != nil {
		return nil, failf("%s: %s", c.name, err)
	}
	own, err := normal(out, "the result of "+c.name, 0)
	if err != nil {
		return nil, err
	}
	return own, c.r.spend(c.r.size(own, 0))
}

// call calls a value.
func (r *renderer) call(x *callExpr, extra ...kwarg) (any, error) {
	fn, err := r.eval(x.fn)
	if err != nil {
		return nil, err
	}
	if u, ok := fn.(*undefined); ok {
		return nil, u.err()
	}
	args, kw, err := r.arguments(&x.args)
	if err != nil {
		return nil, err
	}
	v, err := r.invoke(fn, &call{r: r, pos: x.at(), args: args, kw: append(kw, extra...)})
	return v, r.at(x.at(), err)
}

func (r *renderer) invoke(fn any, c *call) (any, error) {
	if err := r.enter(c.pos); err != nil {
		return nil, err
	}
	defer r.leave()
	switch fn := fn.(type) {
	case *macro:
		return fn.run(c)
	case *builtin:
		c.name = fn.name
		for _, a := range c.args {
			if u, ok := a.(*undefined); ok && (!r.js || u.isRoot) {
				return nil, u.err()
			}
		}
		return fn.fn(c)
	case *loop:
		if !r.js {
			return fn.again(c)
		}
	case *joiner:
		if !fn.used {
			fn.used = true
			return "", nil
		}
		return fn.sep, nil
	}
	return nil, failf("%s cannot be called", typeName(fn))
}
