package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// isDunder reports whether name is one of those that lead into the machinery of
// Python or JavaScript. No value has them; asking is an error even for "is defined".
func isDunder(name string) bool {
	switch name {
	case "constructor", "prototype", "__proto__", "func_globals", "func_code", "gi_frame", "gi_code", "mro":
		return true
	}
	return len(name) > 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
}

// attr is base.name.
func (r *renderer) attr(base any, name string, pos int) (any, error) {
	if u, ok := base.(*undefined); ok {
		return r.attrOfUndefined(u, name, pos)
	}
	if v, ok := r.own(base, name, pos); ok {
		return v, nil
	}
	if d, ok := base.(*Dict); ok {
		if v, ok := d.get(name); ok {
			return v, nil
		}
	}
	if isDunder(name) {
		return nil, r.t.errorAt(pos, "attribute %q cannot be used in a template", name)
	}
	return r.noKey(base, name, pos), nil
}

func (r *renderer) attrOfUndefined(u *undefined, name string, pos int) (any, error) {
	if !r.js || u.isRoot {
		return nil, u.err()
	}
	return &undefined{t: u.t, pos: u.pos, msg: u.msg, hint: u.hint, tell: u.tell}, nil
}

// own returns an attribute or method that values of this kind have.
func (r *renderer) own(base any, name string, pos int) (any, bool) {
	switch v := base.(type) {
	case *loop:
		return v.attr(r, name, pos)
	case *namespace:
		return v.d.get(name)
	case *module:
		x, ok := v.top.vars[name]
		return x, ok && !strings.HasPrefix(name, "_")
	case *cycler:
		return v.attr(name)
	case *macro:
		if name == "name" {
			return v.node.name, true
		}
	case selfRef:
		if len(r.blocks[name]) > 0 {
			return &builtin{name, func(c *call) (any, error) {
				text, err := r.capture(func() error { return r.blockVersion(name, 0, r.top) })
				return text, err
			}}, true
		}
	case tuple: // groupby gives names to the two parts of what it returns
		if len(v) == 2 && name == "grouper" {
			return v[0], true
		} else if len(v) == 2 && name == "list" {
			return v[1], true
		}
	}
	return r.method(base, name)
}

// method returns base.name as a function.
func (r *renderer) method(base any, name string) (any, bool) {
	if r.js {
		if v, ok := r.jsOwn(base, name); ok {
			return v, true
		}
	}
	m, ok := r.env.methods.of(base)[name]
	if !ok {
		return nil, false
	}
	return &builtin{name, func(c *call) (any, error) {
		c.value = base
		err := m.bind(c)
		if err == nil {
			err = c.charge()
		}
		if err != nil {
			return nil, err
		}
		return m.fn(c)
	}}, true
}

// selfRef is the variable self, whose attributes are the blocks of the template.
type selfRef struct{}

// noKey stands for a key that base does not have.
func (r *renderer) noKey(base any, name string, pos int) *undefined {
	u := &undefined{t: r.t, pos: pos, msg: "unknown key " + strconv.Quote(cutPlace(name))}
	var known func() []string
	switch b := base.(type) {
	case *Dict:
		known = b.names
	case *namespace:
		known = b.d.names
	case *module:
		known = func() []string { return sortedKeys(b.top.vars) }
	default:
		u.msg = typeName(base) + " has no " + strconv.Quote(cutPlace(name))
		u.tell = func() string { return didYouMean(name, sortedKeys(r.env.methods.of(base)), "") }
		return u
	}
	u.tell = func() string {
		otherwise := "there are no keys"
		if names := known(); len(names) > 0 {
			otherwise = "known keys are " + clip(names)
		}
		for _, k := range known() {
			if strings.HasPrefix(k, name+"-") {
				return "a name with a hyphen is read as [" + strconv.Quote(cutPlace(k)) + "]"
			}
		}
		return didYouMean(name, known(), otherwise)
	}
	return u
}

// itemOf is base[key].
func (r *renderer) itemOf(base, key any, pos int) (any, error) {
	if u, ok := base.(*undefined); ok {
		return r.attrOfUndefined(u, "", pos)
	}
	if r.js {
		return r.jsItem(base, key, pos)
	}
	switch b := base.(type) {
	case *Dict:
		if v, ok := b.get(key); ok {
			return v, nil
		}
	case *list, tuple, string, markup, *intRange:
		if n, ok := asInt(key); ok {
			return r.element(b, n, pos)
		}
	}
	name, ok := asText(key)
	if !ok {
		text, err := r.repr(key)
		if err != nil {
			return nil, err
		}
		return r.noKey(base, text, pos), nil
	}
	return r.attr(base, name, pos)
}

// element is the n-th element of a sequence, from the end if n is negative.
func (r *renderer) element(base any, n int64, pos int) (any, error) {
	length, err := r.length(base)
	if err != nil {
		return nil, err
	}
	i := n
	if i < 0 {
		i += int64(length)
	}
	if i < 0 || i >= int64(length) {
		return &undefined{t: r.t, pos: pos, msg: "index " + strconv.FormatInt(n, 10) + " is outside the " + strconv.Itoa(length) + " elements of " + typeName(base)}, nil
	}
	switch b := base.(type) {
	case *list:
		return b.items[i], nil
	case tuple:
		return b[i], nil
	case *intRange:
		return b.start + i*b.step, nil
	}
	s, _ := asText(base)
	return like(base, runeAt(s, int(i))), nil
}

func runeAt(s string, i int) string {
	for j, c := range s {
		if i == 0 {
			return s[j : j+utf8.RuneLen(c)]
		}
		i--
	}
	return ""
}

// slice is base[a:b:c].
func (r *renderer) slice(base any, s *sliceExpr) (any, error) {
	part, err := r.sliceParts(s)
	if err != nil {
		return nil, err
	}
	switch b := base.(type) {
	case *list:
		out, err := r.cut(b.items, part)
		return &list{out}, err
	case tuple:
		out, err := r.cut(b, part)
		return tuple(out), err
	case string, markup:
		chars, err := r.items(b)
		if err != nil {
			return nil, err
		}
		out, err := r.cut(chars, part)
		if err != nil {
			return nil, err
		}
		var text strings.Builder
		for _, c := range out {
			text.WriteString(c.(string))
		}
		return like(base, text.String()), nil
	case *intRange:
		items, err := r.items(b)
		if err != nil {
			return nil, err
		}
		out, err := r.cut(items, part)
		return &list{out}, err
	}
	return nil, failf("%s cannot be sliced", typeName(base))
}

// sliceParts works out the three numbers of a slice; those left out are nil.
func (r *renderer) sliceParts(s *sliceExpr) (part [3]*int64, err error) {
	for i, x := range s.part {
		if x == nil {
			continue
		}
		v, err := r.value(x)
		if err != nil {
			return part, err
		}
		n, ok := asInt(v)
		if !ok && v != nil {
			return part, failf("the parts of a slice must be whole numbers, not %s", typeName(v))
		}
		if ok {
			part[i] = &n
		}
	}
	if part[2] != nil && *part[2] == 0 {
		return part, failf("the step of a slice cannot be zero")
	}
	return part, nil
}

// cut returns the elements that a slice names.
func (r *renderer) cut(items []any, part [3]*int64) ([]any, error) {
	n, step := int64(len(items)), int64(1)
	if part[2] != nil {
		step = *part[2]
	}
	start, stop, least := int64(0), n, int64(0)
	if step < 0 {
		start, stop, least = n-1, -1, -1
	}
	place := func(p *int64, otherwise int64) int64 {
		if p == nil {
			return otherwise
		}
		i := *p
		if i < 0 {
			i = max(i+n, least)
		}
		return min(i, n+least)
	}
	start, stop = place(part[0], start), place(part[1], stop)
	span := &intRange{start, stop, step}
	count := int(span.len())
	if err := r.spendItems(count); err != nil {
		return nil, err
	}
	out := make([]any, 0, count)
	for i := range int64(count) {
		out = append(out, items[start+i*step])
	}
	return out, nil
}

// export turns a value into one of Go.
func (r *renderer) export(v any, depth int) (any, error) {
	switch x := v.(type) {
	case *generator, *view, *intRange:
		items, err := r.items(x)
		if err != nil {
			return nil, err
		}
		v = &list{items}
	case *namespace:
		v = x.d
	}
	if err := r.spend(r.size(v, 0)); err != nil {
		return nil, err
	}
	return exportValue(v, depth)
}
