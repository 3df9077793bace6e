package jinja

import "errors"

// A loop is the variable loop inside of a for.
type loop struct {
	node    *forNode
	items   []any
	i       int
	depth   int
	outer   *scope // where a recursive loop starts again
	changed []any  // what loop.changed was told last
	called  bool
}

func (r *renderer) loop(n *forNode) error {
	v, err := r.eval(n.over)
	if err != nil {
		return err
	}
	return r.runLoop(n, v, r.scope, 0)
}

func (r *renderer) runLoop(n *forNode, v any, outer *scope, depth int) error {
	items, pairs, err := r.loopItems(n, v)
	if err != nil {
		return err
	}
	if n.cond != nil {
		if items, err = r.keep(n, items, outer); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		s := outer.child()
		if r.js { // the names of the loop hide those outside, without a value
			names := n.target
			if names.parts == nil {
				names = target{pos: names.pos, parts: []target{names}}
			}
			_ = r.in(s, func() error { return r.bind(names, &list{}, false) })
		}
		return r.in(s, func() error { return r.nodes(n.els) })
	}
	l := &loop{node: n, items: items, depth: depth, outer: outer}
	body := outer.child()
	body.put("loop", l)
	return r.in(body, func() error {
		for i, x := range items {
			l.i = i
			if err := r.step(n.at()); err != nil {
				return err
			}
			if !r.js {
				r.scope = outer.child()
				r.scope.put("loop", l)
			}
			if err := r.bind(n.target, x, pairs); err != nil {
				return err
			}
			err := r.nodes(n.body)
			var j *jump
			if errors.As(err, &j) {
				if !j.next {
					return nil
				}
				err = nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// loopItems returns what to go over; pairs says that each is a key and its value.
func (r *renderer) loopItems(n *forNode, v any) (items []any, pairs bool, err error) {
	if u, ok := v.(*undefined); ok && !u.soft {
		return nil, false, u.err()
	}
	if !r.js {
		items, err = r.items(v)
		return items, false, r.at(n.over.at(), err)
	}
	if d, ok := v.(*Dict); ok && n.target.parts != nil {
		if err := r.spendItems(4 * d.Len()); err != nil {
			return nil, false, r.at(n.over.at(), err)
		}
		for _, i := range jsKeys(d) {
			items = append(items, tuple{d.keys[i], d.vals[i]})
		}
		return items, true, nil
	}
	items, err = r.jsItems(v)
	return items, false, r.at(n.over.at(), err)
}

// bind gives the variables of the loop their values.
func (r *renderer) bind(t target, x any, pairs bool) error {
	if t.parts == nil || !r.js {
		if r.js {
			r.scope.put(t.name, x)
			return nil
		}
		return r.assign(t, x)
	}
	items := []any(nil)
	if pairs {
		items = x.(tuple)
	} else {
		var err error
		if items, err = r.jsItems(x); err != nil {
			return r.at(t.at(), err)
		}
	}
	for i, part := range t.parts {
		if i < len(items) {
			r.scope.put(part.name, items[i])
		} else {
			r.scope.put(part.name, &undefined{t: r.t, pos: part.at(), msg: "there is no value for \"" + part.name + "\""})
		}
	}
	return nil
}

// keep returns the items that the condition of the loop lets through.
func (r *renderer) keep(n *forNode, items []any, outer *scope) (kept []any, err error) {
	for _, x := range items {
		s := outer.child()
		var ok bool
		err := r.in(s, func() error {
			if err := r.assign(n.target, x); err != nil {
				return err
			}
			ok, err = r.condition(n.cond)
			return err
		})
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, x)
		}
	}
	return kept, nil
}

// attr returns an attribute of loop.
func (l *loop) attr(r *renderer, name string, pos int) (any, bool) {
	n := len(l.items)
	switch name {
	case "index":
		return int64(l.i + 1), true
	case "index0":
		return int64(l.i), true
	case "revindex":
		return int64(n - l.i), true
	case "revindex0":
		return int64(n - l.i - 1), true
	case "first":
		return l.i == 0, true
	case "last":
		return l.i == n-1, true
	case "length":
		return int64(n), true
	}
	if r.js {
		return nil, false
	}
	switch name {
	case "depth":
		return int64(l.depth + 1), true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if l.i > 0 {
			return l.items[l.i-1], true
		}
		return &undefined{t: r.t, pos: pos, msg: "there is no previous item"}, true
	case "nextitem":
		if l.i+1 < n {
			return l.items[l.i+1], true
		}
		return &undefined{t: r.t, pos: pos, msg: "there is no next item"}, true
	case "cycle":
		return &builtin{"loop.cycle", l.cycle}, true
	case "changed":
		return &builtin{"loop.changed", l.hasChanged}, true
	}
	return nil, false
}

func (l *loop) cycle(c *call) (any, error) {
	if len(c.args) == 0 {
		return nil, failf("loop.cycle needs values to choose from")
	}
	return c.args[l.i%len(c.args)], nil
}

func (l *loop) hasChanged(c *call) (any, error) {
	same, err := c.r.equal(tuple(l.changed), tuple(c.args))
	if err != nil {
		return nil, err
	}
	if l.called && same {
		return false, nil
	}
	l.changed, l.called = c.args, true
	return true, nil
}

// again is loop(items) inside of a recursive loop.
func (l *loop) again(c *call) (any, error) {
	if !l.node.recursive {
		return nil, failf("the loop is not recursive").with("write: for ... in ... recursive")
	}
	if len(c.args) != 1 {
		return nil, failf("loop takes one argument, what to go over")
	}
	if err := c.r.enter(c.pos); err != nil {
		return nil, err
	}
	defer c.r.leave()
	text, err := c.r.capture(func() error { return c.r.runLoop(l.node, c.args[0], l.outer, l.depth+1) })
	return text, err
}
