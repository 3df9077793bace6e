package jinja

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// A renderer is one rendering of a template.
type renderer struct {
	ctx    context.Context
	t      *Template
	vars   map[string]any
	loops  []scope // the innermost last
	out    strings.Builder
	steps  int
	worked int
}

// A scope is one turn of a loop.
type scope struct {
	name     string
	value    any
	index, n int
}

// step counts one visited node and now and then looks at the clock.
func (r *renderer) step(pos int) error {
	r.steps++
	if r.steps > maxSteps {
		return r.t.errorAt(pos, "rendering takes more than %d steps", maxSteps)
	}
	if r.steps%1024 == 0 && r.ctx.Err() != nil {
		cause := context.Cause(r.ctx)
		if errors.Is(cause, errTooSlow) {
			return r.t.errorAt(pos, "%s", errTooSlow.Message)
		}
		return pave.Errorf(pave.Unavailable, "rendering %s: %w", r.t.name, cause)
	}
	return nil
}

// work counts bytes a value is about to take, before they are taken.
func (r *renderer) work(x expr, n int) error {
	if r.worked += n; n > MaxOutput || r.worked > maxWork {
		return r.t.errorAt(x.at(), "value is too large")
	}
	return nil
}

func (r *renderer) write(pos int, s string) error {
	if r.out.Len()+len(s) > MaxOutput {
		return r.t.errorAt(pos, "the rendering is larger than %d bytes", MaxOutput)
	}
	r.out.WriteString(s)
	return nil
}

func (r *renderer) nodes(list []node) error {
	for _, n := range list {
		if err := r.node(n); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) node(n node) error {
	switch n := n.(type) {
	case textNode:
		if err := r.step(0); err != nil {
			return err
		}
		return r.write(0, string(n))
	case *outNode:
		return r.print(n.value)
	case *actionsNode:
		if _, ok := r.lookup(n.root); !ok {
			return r.write(n.pos, "{{"+n.inside+"}}")
		}
		x, err := r.t.parseActions(n)
		if err != nil {
			return err
		}
		return r.print(x)
	case *ifNode:
		for _, a := range n.arms {
			v, err := r.value(a.cond)
			if err != nil {
				return err
			}
			if truth(v) {
				return r.nodes(a.body)
			}
		}
		return r.nodes(n.els)
	case *forNode:
		return r.loop(n)
	}
	return nil
}

func (r *renderer) print(x expr) error {
	v, err := r.value(x)
	if err != nil {
		return err
	}
	if err := r.work(x, size(v)); err != nil {
		return err
	}
	return r.write(x.at(), text(v))
}

func (r *renderer) loop(n *forNode) error {
	v, err := r.value(n.over)
	if err != nil {
		return err
	}
	var list []any
	switch v := v.(type) {
	case []any:
		list = v
	case map[string]any:
		for _, k := range sortedKeys(v) {
			list = append(list, k)
		}
	default:
		return r.t.errorAt(n.over.at(), "for needs a list, not %s", typeName(v))
	}
	if len(list) == 0 {
		return r.nodes(n.els)
	}
	depth := len(r.loops)
	defer func() { r.loops = r.loops[:depth] }()
	for i, x := range list {
		r.loops = append(r.loops[:depth], scope{n.name, x, i, len(list)})
		if err := r.step(n.over.at()); err != nil {
			return err
		}
		if err := r.nodes(n.body); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) lookup(name string) (any, bool) {
	for _, s := range slices.Backward(r.loops) {
		switch name {
		case s.name:
			return s.value, true
		case "loop":
			return map[string]any{
				"index": int64(s.index + 1), "index0": int64(s.index), "length": int64(s.n),
				"first": s.index == 0, "last": s.index == s.n-1,
			}, true
		}
	}
	v, ok := r.vars[name]
	return v, ok
}

// names are the variables that can be seen.
func (r *renderer) names() []string {
	all := sortedKeys(r.vars)
	for _, s := range r.loops {
		all = append(all, s.name)
	}
	return all
}
