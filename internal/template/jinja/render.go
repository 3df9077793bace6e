package jinja

import (
	"context"
	"errors"
	"strings"

	"github.com/pave-platform/pave"
)

// A renderer is one rendering of a template and all that it includes.
type renderer struct {
	ctx    context.Context
	env    *Env
	js     bool
	t      *Template // whose nodes are being walked
	scope  *scope
	top    *scope // of this template: what blocks, macros and imports see
	out    *strings.Builder
	loaded map[string]*Template
	steps  int
	memory int
	depth  int // of calls
	deep   int // of expressions
	// blocks are the versions of each block, the most derived first; parent is what
	// extends named.
	blocks   map[string][]*blockNode
	parent   *Template
	before   int // bytes of output that extends keeps
	captured any // the text a filter block gathered
}

func newRenderer(ctx context.Context, t *Template, vars *scope) *renderer {
	r := &renderer{
		ctx: ctx, env: t.env, js: t.env.js, t: t, out: &strings.Builder{},
		loaded: map[string]*Template{}, blocks: map[string][]*blockNode{},
	}
	r.top = vars.child()
	r.scope = r.top
	return r
}

var errTooSlow = pave.Errorf(pave.Invalid, "rendering took too long")

// step counts one visited node and now and then looks at the clock.
func (r *renderer) step(pos int) error {
	r.steps++
	if r.steps > r.env.opt.Steps {
		return r.t.errorAt(pos, "rendering takes more than %d steps", r.env.opt.Steps)
	}
	if r.steps%64 == 0 {
		return r.at(pos, r.clock())
	}
	return nil
}

func (r *renderer) clock() error {
	if r.ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(r.ctx)
	if errors.Is(cause, errTooSlow) {
		return failf("rendering took longer than %s", r.env.opt.Time)
	}
	return pave.Errorf(pave.Unavailable, "rendering %s: %w", r.t.name, cause)
}

// scan counts n bytes that are about to be looked at.
func (r *renderer) scan(n int) error {
	before := r.steps / 64
	r.steps += n / 64
	if r.steps > r.env.opt.Steps {
		return failf("rendering takes more than %d steps", r.env.opt.Steps)
	}
	if r.steps/64 != before {
		return r.clock()
	}
	return nil
}

// spend counts n bytes that a value is about to take.
func (r *renderer) spend(n int) error {
	if n < 0 || n > r.env.opt.Memory-r.memory {
		return failf("value is too large: the values of a rendering may take %d MiB", r.env.opt.Memory>>20)
	}
	r.memory += n
	return r.scan(n)
}

// spendItems is spend for a list of n elements.
func (r *renderer) spendItems(n int) error {
	if n > r.env.opt.Memory/16 {
		n = r.env.opt.Memory / 16
	}
	return r.spend(16 * (n + 1))
}

// at gives a fault its place; other errors stay as they are.
func (r *renderer) at(pos int, err error) error {
	var f *fault
	if err == nil || !errors.As(err, &f) {
		return err
	}
	e := r.t.errorAt(pos, "%s", f.msg)
	if f.hint != "" {
		e = e.WithHint("%s", f.hint)
	}
	return e
}

// enter counts a level of recursion; leave is to be called after.
func (r *renderer) enter(pos int) error {
	if r.depth++; r.depth > r.env.opt.Depth {
		return r.t.errorAt(pos, "nested deeper than %d calls", r.env.opt.Depth)
	}
	return nil
}

func (r *renderer) leave() { r.depth-- }

func (r *renderer) write(pos int, s string) error {
	if r.out.Len()+len(s) > r.env.opt.Output {
		return r.t.errorAt(pos, "the rendering is larger than %d bytes", r.env.opt.Output)
	}
	if err := r.spend(len(s)); err != nil {
		return r.at(pos, err)
	}
	r.out.WriteString(s)
	return nil
}

// capture runs f and returns what it writes.
func (r *renderer) capture(f func() error) (string, error) {
	out := r.out
	r.out = &strings.Builder{}
	err := f()
	text := r.out.String()
	r.out = out
	return text, err
}

// in runs f with another scope.
func (r *renderer) in(s *scope, f func() error) error {
	old := r.scope
	r.scope = s
	err := f()
	r.scope = old
	return err
}

// A jump is break or continue on its way to its loop.
type jump struct{ next bool }

func (*jump) Error() string { return "break or continue outside of a loop" }

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
	case *foreignNode:
		return r.foreign(n)
	case *ifNode:
		return r.branch(n)
	case *forNode:
		return r.loop(n)
	case *setNode:
		return r.set(n)
	case *setBlockNode:
		return r.setBlock(n)
	case *macroNode:
		r.define(n)
		return nil
	case *callBlock:
		return r.callBlock(n)
	case *filterBlock:
		return r.filterBlock(n)
	case *withNode:
		return r.with(n)
	case *switchNode:
		return r.choose(n)
	case *doNode:
		_, err := r.eval(n.value)
		return err
	case *jumpNode:
		return &jump{n.next}
	}
	return r.compose(n)
}

// compose handles the nodes that bring templates together.
func (r *renderer) compose(n node) error {
	switch n := n.(type) {
	case *includeNode:
		return r.include(n)
	case *importNode:
		return r.importAs(n)
	case *fromNode:
		return r.importFrom(n)
	case *extendsNode:
		return r.extend(n)
	case *blockNode:
		return r.block(n)
	}
	return nil
}

func (r *renderer) print(x expr) error {
	v, err := r.value(x)
	if err != nil {
		return err
	}
	text, err := r.text(v)
	if err != nil {
		return r.at(x.at(), err)
	}
	return r.write(x.at(), text)
}

// foreign writes what belongs to somebody else as it is.
func (r *renderer) foreign(n *foreignNode) error {
	if _, ok := r.lookup(n.root); !ok || n.root == "" {
		return r.write(n.at(), n.before+n.raw+n.after)
	}
	if n.err != nil {
		return n.err
	}
	return r.print(n.value)
}

func (r *renderer) branch(n *ifNode) error {
	for _, a := range n.arms {
		ok, err := r.condition(a.cond)
		if err != nil {
			return err
		}
		if ok {
			return r.nodes(a.body)
		}
	}
	return r.nodes(n.els)
}

// choose runs the first case that fits; an empty one falls through to the next.
func (r *renderer) choose(n *switchNode) error {
	v, err := r.value(n.value)
	if err != nil {
		return err
	}
	for i, c := range n.cases {
		w, err := r.value(c.cond)
		if err != nil {
			return err
		}
		if !jsStrictEqual(v, w) {
			continue
		}
		for _, next := range n.cases[i:] {
			if len(next.body) > 0 {
				return r.nodes(next.body)
			}
		}
		break
	}
	return r.nodes(n.els)
}
