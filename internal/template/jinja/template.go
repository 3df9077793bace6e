package jinja

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// A Template is parsed source. It never changes and may be rendered at the same
// time by many.
type Template struct {
	env    *Env
	name   string
	src    string
	root   []node
	blocks map[string]*blockNode
}

// Render fills in vars, whose values are nil, bool, int, int64, float64, string,
// []any, map[string]any and *Dict of those. A *Dict is used as it is, so that a
// template may change it for the renderings after, as in Python; it must not be
// given to two renderings at once. The error is Invalid where the template and vars
// do not fit or a bound is hit, Unavailable when ctx ends.
func (t *Template) Render(ctx context.Context, vars map[string]any) (string, error) {
	var text string
	err := t.run(ctx, vars, func(r *renderer) error {
		err := r.template(t)
		text = r.out.String()
		return err
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

// Value is Render, but where the source is exactly one expression it returns that
// expression's value, with its type.
func (t *Template) Value(ctx context.Context, vars map[string]any) (any, error) {
	x := t.only()
	if x == nil {
		return t.Render(ctx, vars)
	}
	var value any
	err := t.run(ctx, vars, func(r *renderer) error {
		v, err := r.value(x)
		if err == nil {
			value, err = r.export(v, 0)
			err = r.at(x.at(), err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// only returns the expression that is all of the template, or nil.
func (t *Template) only() expr {
	if len(t.root) != 1 {
		return nil
	}
	if out, ok := t.root[0].(*outNode); ok {
		return out.value
	}
	return nil
}

func (t *Template) run(ctx context.Context, vars map[string]any, f func(*renderer) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, t.env.opt.Time, errTooSlow)
	defer cancel()
	top := &scope{vars: make(map[string]any, len(vars))}
	for name, v := range vars {
		own, err := normal(v, name, 0)
		if err != nil {
			return err
		}
		top.vars[name] = own
	}
	return f(newRenderer(ctx, t, top))
}

// errorAt returns an Invalid error about the place pos bytes into the source.
func (t *Template) errorAt(pos int, format string, args ...any) *pave.Error {
	line, col := t.position(pos)
	msg := fmt.Sprintf(format, args...)
	if len(msg) > 500 {
		msg = strings.ToValidUTF8(msg[:500], "") + "..."
	}
	if expr := t.tagAround(pos); expr != "" {
		msg += " in " + expr
	}
	return pave.Errorf(pave.Invalid, "template %s:%d:%d: %s", t.name, line, col, msg)
}

// position turns a byte offset into a line and a column in characters, from 1.
func (t *Template) position(pos int) (line, col int) {
	before := t.src[:min(pos, len(t.src))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// tagAround returns the tag that pos lies in, on one line and shortened, or "".
func (t *Template) tagAround(pos int) string {
	d, begin, end := t.env.d, -1, ""
	pos = min(pos, len(t.src))
	for _, pair := range [][2]string{{d.varStart, d.varEnd}, {d.blockStart, d.blockEnd}} {
		from := max(0, pos-2000)
		i := strings.LastIndex(t.src[from:min(pos+len(pair[0]), len(t.src))], pair[0])
		if i >= 0 && from+i > begin {
			begin, end = from+i, pair[1]
		}
	}
	if begin < 0 {
		return ""
	}
	n := strings.Index(t.src[begin:], end)
	if n >= 0 && begin+n+len(end) <= pos {
		return ""
	}
	if n < 0 {
		line, _, _ := strings.Cut(t.src[begin:], "\n")
		n = len(line)
	} else {
		n += len(end)
	}
	n = min(n, 1000)
	text := strings.Join(strings.Fields(strings.ToValidUTF8(t.src[begin:begin+n], "")), " ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "..."
	}
	return text
}

// didYouMean is the hint of an error about an unknown word.
func didYouMean(word string, known []string, otherwise string) string {
	if len(word) > 100 || len(known) > 10_000 {
		return otherwise
	}
	if near := pave.DidYouMean(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}

// clip shortens a list of words for a message.
func clip(words []string) string {
	const most = 25
	more := ""
	if len(words) > most {
		more = fmt.Sprintf(" and %d more", len(words)-most)
		words = words[:most]
	}
	short := make([]string, len(words))
	for i, w := range words {
		short[i] = cutPlace(w)
	}
	return strings.Join(short, ", ") + more
}
