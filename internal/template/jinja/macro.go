package jinja

import "slices"

// A macro is a piece of template that can be called.
type macro struct {
	node  *macroNode
	t     *Template
	scope *scope // where it was defined
	top   *scope
}

func (r *renderer) define(n *macroNode) {
	m := &macro{n, r.t, r.scope, r.top}
	if r.js {
		m.scope = r.top
	}
	r.scope.put(n.name, m)
}

// run renders the macro with the arguments of c.
func (m *macro) run(c *call) (any, error) {
	r := c.r
	s := m.scope.child()
	s.isolated = true
	if err := m.bind(c, s); err != nil {
		return nil, err
	}
	oldT, oldTop := r.t, r.top
	r.t, r.top = m.t, m.top
	text, err := r.capture(func() error {
		return r.in(s, func() error {
			for _, p := range m.node.params {
				if _, ok := s.vars[p.name]; ok || p.value == nil {
					continue
				}
				v, err := r.eval(p.value)
				if err != nil {
					return err
				}
				s.put(p.name, v)
			}
			m.missing(r, s)
			return r.nodes(m.node.body)
		})
	})
	r.t, r.top = oldT, oldTop
	if err != nil {
		return nil, err
	}
	if r.js {
		return markup(text), nil
	}
	return text, nil
}

// missing makes parameters without a value undefined.
func (m *macro) missing(r *renderer, s *scope) {
	for _, p := range m.node.params {
		if _, ok := s.vars[p.name]; ok {
			continue
		}
		s.put(p.name, &undefined{t: m.t, pos: m.node.at(), msg: "parameter \"" + p.name + "\" of macro " + m.node.name + " was not given"})
	}
}

// bind gives the parameters the arguments.
func (m *macro) bind(c *call, s *scope) error {
	if c.r.js {
		return m.jsBind(c, s)
	}
	n, uses := m.node, m.node.uses
	rest := c.args
	for _, p := range n.params {
		if len(rest) == 0 {
			break
		}
		s.put(p.name, rest[0])
		rest = rest[1:]
	}
	if len(rest) > 0 && !uses.varargs {
		return failf("macro %s takes at most %d arguments, not %d", n.name, len(n.params), len(c.args))
	}
	extra := NewDict()
	for _, k := range c.kw {
		isParam := slices.ContainsFunc(n.params, func(p param) bool { return p.name == k.name })
		_, twice := s.vars[k.name]
		switch {
		case k.name == "caller" && !isParam:
			if !uses.caller && !uses.kwargs {
				return failf("macro %s does not call caller", n.name).with("put {{ caller() }} into the macro")
			}
			s.put("caller", k.value)
		case isParam && twice:
			return failf("macro %s got its argument %q twice", n.name, k.name)
		case isParam:
			s.put(k.name, k.value)
		case !uses.kwargs:
			return failf("macro %s has no argument %q", n.name, k.name).with("%s", didYouMean(k.name, m.params(), "its body must use kwargs to take it"))
		default:
			extra.put(k.name, k.value)
		}
	}
	if uses.varargs {
		s.put("varargs", tuple(rest))
	}
	if uses.kwargs {
		s.put("kwargs", extra)
	}
	if _, ok := s.vars["caller"]; !ok && uses.caller {
		s.put("caller", &undefined{t: m.t, pos: n.at(), msg: "macro " + n.name + " was called without a call block"})
	}
	return nil
}

func (m *macro) params() []string {
	var names []string
	for _, p := range m.node.params {
		names = append(names, p.name)
	}
	return names
}

// jsBind follows nunjucks: arguments that are too many are dropped, and parameters
// with a default come after those without.
func (m *macro) jsBind(c *call, s *scope) error {
	var plain, defaults []param
	for _, p := range m.node.params {
		if p.value == nil {
			plain = append(plain, p)
		} else {
			defaults = append(defaults, p)
		}
	}
	for i, p := range append(plain, defaults...) {
		if i < len(c.args) {
			if u, ok := c.args[i].(*undefined); !ok || u.isRoot || p.value != nil {
				s.put(p.name, c.args[i])
			}
		}
	}
	for _, k := range c.kw {
		if k.name == "caller" || slices.Contains(m.params(), k.name) {
			s.put(k.name, k.value)
		}
	}
	return nil
}

func (r *renderer) callBlock(n *callBlock) error {
	caller := &macro{n.caller, r.t, r.scope, r.top}
	v, err := r.call(n.call, kwarg{"caller", caller})
	if err != nil {
		return err
	}
	text, err := r.text(v)
	if err != nil {
		return r.at(n.at(), err)
	}
	return r.write(n.at(), text)
}
