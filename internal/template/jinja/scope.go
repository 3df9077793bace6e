package jinja

import "slices"

// A scope holds variables; what it does not have, its parent may.
type scope struct {
	vars   map[string]any
	parent *scope
	// isolated: set does not reach through it (nunjucks).
	isolated bool
}

func (s *scope) child() *scope { return &scope{parent: s} }

func (s *scope) put(name string, v any) {
	if s.vars == nil {
		s.vars = map[string]any{}
	}
	s.vars[name] = v
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			_, hidden := v.(absent)
			return v, !hidden
		}
	}
	return nil, false
}

// lookup finds a variable or a function of the Env.
func (r *renderer) lookup(name string) (any, bool) {
	if v, ok := r.scope.get(name); ok {
		return v, true
	}
	v, ok := r.env.globals[name]
	return v, ok
}

// names are the variables that can be seen.
func (s *scope) names() []string {
	seen := map[string]bool{}
	for ; s != nil; s = s.parent {
		for name, v := range s.vars {
			_, hidden := v.(absent)
			_, missing := v.(*undefined)
			if !hidden && !missing && name != "super" && name != "loop" {
				seen[name] = true
			}
		}
	}
	return sortedKeys(seen)
}

// assign gives the target the value.
func (r *renderer) assign(t target, v any) error {
	if t.parts != nil {
		return r.unpack(t, v)
	}
	if t.attr != "" {
		base, ok := r.lookup(t.name)
		if !ok {
			return r.unknown(t.name, t.at()).err()
		}
		ns, ok := base.(*namespace)
		if !ok {
			return r.t.errorAt(t.at(), "cannot set an attribute of %s", typeName(base)).
				WithHint("make it a namespace: set %s = namespace()", t.name)
		}
		if err := r.spendItems(2); err != nil {
			return r.at(t.at(), err)
		}
		ns.d.put(t.attr, v)
		return nil
	}
	if err := r.spendItems(2); err != nil {
		return r.at(t.at(), err)
	}
	s := r.scope
	if r.js {
		s = s.owner(t.name)
	}
	s.put(t.name, v)
	return nil
}

// owner is the scope that set changes in nunjucks: the nearest that has the name.
func (s *scope) owner(name string) *scope {
	for o := s; o != nil; o = o.parent {
		if v, ok := o.vars[name]; ok && o.parent != nil {
			if _, missing := v.(*undefined); !missing {
				return o
			}
		}
		if o.isolated {
			break
		}
	}
	return s
}

func (r *renderer) unpack(t target, v any) error {
	items, err := r.items(v)
	if err != nil {
		return r.at(t.at(), err)
	}
	if len(items) != len(t.parts) {
		return r.t.errorAt(t.at(), "there are %d names for %d values", len(t.parts), len(items))
	}
	for i, part := range t.parts {
		if err := r.assign(part, items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) set(n *setNode) error {
	v, err := r.eval(n.value)
	if err != nil {
		return err
	}
	for _, t := range n.targets {
		if err := r.assign(t, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) setBlock(n *setBlockNode) error {
	scope := r.scope
	if !r.js {
		scope = scope.child()
	}
	v, err := r.filtered(n.filter, scope, n.body)
	if err != nil {
		return err
	}
	for _, t := range n.targets {
		if err := r.assign(t, v); err != nil {
			return err
		}
	}
	return nil
}

// filtered renders the body and gives its text to the filter, if there is one.
func (r *renderer) filtered(filter expr, s *scope, body []node) (any, error) {
	text, err := r.capture(func() error {
		return r.in(s, func() error { return r.nodes(body) })
	})
	if err != nil || filter == nil {
		return text, err
	}
	old := r.captured
	r.captured = text
	v, err := r.value(filter)
	r.captured = old
	return v, err
}

func (r *renderer) filterBlock(n *filterBlock) error {
	scope := r.scope
	if !r.js {
		scope = scope.child()
	}
	v, err := r.filtered(n.filter, scope, n.body)
	if err != nil {
		return err
	}
	text, err := r.text(v)
	if err != nil {
		return r.at(n.at(), err)
	}
	return r.write(n.at(), text)
}

func (r *renderer) with(n *withNode) error {
	s := r.scope.child()
	for i, x := range n.values {
		v, err := r.eval(x)
		if err != nil {
			return err
		}
		s.put(n.targets[i].name, v)
	}
	return r.in(s, func() error { return r.nodes(n.body) })
}

// unknown stands for a variable that is not there.
func (r *renderer) unknown(name string, pos int) *undefined {
	scope := r.scope
	return &undefined{t: r.t, pos: pos, msg: "unknown variable \"" + name + "\"", isRoot: true, tell: func() string {
		known := scope.names()
		hint := "there are no variables"
		if len(known) > 0 {
			hint = "known variables are " + clip(known)
		}
		if slices.Contains(r.env.foreign, name) {
			hint = "an expression of another tool stays as it is when its first name is followed by a dot"
		}
		d := r.env.d
		return didYouMean(name, known, hint+"; text that is not for this template goes between "+
			d.blockStart+" raw "+d.blockEnd+" and "+d.blockStart+" endraw "+d.blockEnd)
	}}
}
