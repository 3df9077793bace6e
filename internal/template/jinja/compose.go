package jinja

import (
	"errors"
	"strings"

	"github.com/pave-platform/pave"
)

var errNoTemplate = errors.New("no such template")

// template renders t, and what it extends.
func (r *renderer) template(t *Template) error {
	for name, b := range t.blocks {
		r.blocks[name] = append(r.blocks[name], b)
	}
	outer := r.t
	r.t = t
	err := r.nodes(t.root)
	for n := 0; err == nil && r.parent != nil; n++ {
		if n >= r.env.opt.Depth {
			return t.errorAt(0, "extends more than %d templates", n)
		}
		// What was written before extends stays in jinja2.
		before := r.out.String()[:r.before]
		r.out.Reset()
		r.out.WriteString(before)
		r.t, r.parent = r.parent, nil
		for name, b := range r.t.blocks {
			r.blocks[name] = append(r.blocks[name], b)
		}
		err = r.nodes(r.t.root)
	}
	r.t = outer
	return err
}

// load returns the template of that name.
func (r *renderer) load(name string) (*Template, error) {
	if t := r.loaded[name]; t != nil {
		return t, nil
	}
	if r.env.opt.Loader == nil {
		return nil, errNoTemplate
	}
	src, err := r.env.opt.Loader(name)
	if err != nil {
		if pave.CodeOf(err) == pave.NotFound || pave.CodeOf(err) == pave.Internal {
			return nil, errNoTemplate
		}
		return nil, err
	}
	if err := r.spend(4 * len(src)); err != nil {
		return nil, err
	}
	t, err := r.env.Parse(name, src)
	if err == nil {
		r.loaded[name] = t
	}
	return t, err
}

// named loads the template an expression names: a name, or a list of which the first
// that exists is taken.
func (r *renderer) named(x expr) (*Template, error) {
	v, err := r.value(x)
	if err != nil {
		return nil, err
	}
	var names []any
	switch v := v.(type) {
	case string, markup:
		names = []any{v}
	case *list:
		names = v.items
	case tuple:
		names = v
	default:
		return nil, r.t.errorAt(x.at(), "the name of a template must be a string, not %s", typeName(v))
	}
	var tried []string
	for _, n := range names {
		name, ok := asText(n)
		if !ok {
			return nil, r.t.errorAt(x.at(), "the name of a template must be a string, not %s", typeName(n))
		}
		t, err := r.load(name)
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, errNoTemplate) {
			return nil, r.at(x.at(), err)
		}
		tried = append(tried, name)
	}
	e := r.t.errorAt(x.at(), "there is no template %q", strings.Join(tried, `, `))
	if r.env.opt.Loader == nil {
		e = e.WithHint("nothing can be included here")
	}
	e.Err = errNoTemplate
	return nil, &missingTemplate{e}
}

// missingTemplate is the error that "ignore missing" ignores.
type missingTemplate struct{ err *pave.Error }

func (m *missingTemplate) Error() string { return m.err.Message }

func (m *missingTemplate) Unwrap() error {
	e := *m.err
	e.Err = nil
	return &e
}

// apart runs f as the rendering of another template, with its own blocks.
func (r *renderer) apart(pos int, vars *scope, f func() error) error {
	if err := r.enter(pos); err != nil {
		return err
	}
	defer r.leave()
	t, s, top, blocks, parent, before := r.t, r.scope, r.top, r.blocks, r.parent, r.before
	r.top = vars.child()
	r.scope, r.blocks, r.parent = r.top, map[string][]*blockNode{}, nil
	err := f()
	r.t, r.scope, r.top, r.blocks, r.parent, r.before = t, s, top, blocks, parent, before
	return err
}

func (r *renderer) include(n *includeNode) error {
	t, err := r.named(n.name)
	if err != nil {
		var missing *missingTemplate
		if n.ignoreMissing && errors.As(err, &missing) {
			return nil
		}
		return plain(err)
	}
	vars := &scope{}
	if n.context {
		vars = r.scope.child()
		if !r.js {
			vars.put("loop", absent{}) // an included template does not see the loop
		}
	}
	text, err := r.capture(func() error {
		return r.apart(n.at(), vars, func() error { return r.template(t) })
	})
	if err != nil {
		return err
	}
	return r.write(n.at(), text)
}

// plain takes the mark off the error about a missing template.
func plain(err error) error {
	var missing *missingTemplate
	if errors.As(err, &missing) {
		return missing.Unwrap()
	}
	return err
}

// imported renders a template for what it defines.
func (r *renderer) imported(pos int, name expr, context bool) (*module, error) {
	t, err := r.named(name)
	if err != nil {
		return nil, plain(err)
	}
	vars := &scope{}
	if context {
		vars = r.scope
	}
	m := &module{t: t}
	m.body, err = r.capture(func() error {
		return r.apart(pos, vars, func() error {
			m.top = r.top
			return r.template(t)
		})
	})
	return m, err
}

func (r *renderer) importAs(n *importNode) error {
	m, err := r.imported(n.at(), n.name, n.context)
	if err != nil {
		return err
	}
	r.scope.put(n.as, m)
	return nil
}

func (r *renderer) importFrom(n *fromNode) error {
	m, err := r.imported(n.at(), n.name, n.context)
	if err != nil {
		return err
	}
	for _, name := range n.names {
		v, ok := m.top.vars[name[0]]
		if !ok {
			v = &undefined{t: r.t, pos: n.at(), msg: "template " + m.t.name + " defines no \"" + name[0] + "\"",
				hint: didYouMean(name[0], sortedKeys(m.top.vars), "it defines "+clip(sortedKeys(m.top.vars)))}
			if r.js {
				return v.(*undefined).err()
			}
		}
		r.scope.put(name[1], v)
	}
	return nil
}

func (r *renderer) extend(n *extendsNode) error {
	t, err := r.named(n.name)
	if err != nil {
		return plain(err)
	}
	if r.parent != nil {
		return r.t.errorAt(n.at(), "a template can extend only one other")
	}
	r.parent, r.before = t, 0
	if !r.js {
		r.before = r.out.Len()
	}
	return nil
}

// block renders the most derived version of a block.
func (r *renderer) block(n *blockNode) error {
	if r.parent != nil {
		return nil // the parent says where it goes
	}
	s := r.top
	if n.scoped || r.js {
		s = r.scope
	}
	return r.blockVersion(n.name, 0, s)
}

func (r *renderer) blockVersion(name string, i int, s *scope) error {
	b := r.blocks[name][i]
	if b.required {
		return r.t.errorAt(b.at(), "block %q is required, but nothing defines it", name)
	}
	if err := r.enter(b.at()); err != nil {
		return err
	}
	defer r.leave()
	own := s.child()
	own.isolated = true
	own.put("super", &builtin{"super", func(c *call) (any, error) {
		if i+1 >= len(r.blocks[name]) {
			return nil, failf("there is no block %q above this one", name)
		}
		text, err := r.capture(func() error { return r.blockVersion(name, i+1, s) })
		return text, err
	}})
	t := r.t
	r.t = b.t
	err := r.in(own, func() error { return r.nodes(b.body) })
	r.t = t
	return err
}
