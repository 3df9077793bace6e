package jinja

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// The bounds of one template and one rendering.
const (
	MaxSource = 1 << 20         // bytes of a template
	MaxOutput = 32 << 20        // bytes of its rendering
	MaxDepth  = 64              // nested blocks, parentheses and lists, together
	MaxTime   = 5 * time.Second // of a rendering
	maxSteps  = 2_000_000       // nodes visited by a rendering
	maxWork   = 8 * MaxOutput   // bytes of all values a rendering makes on its way
)

// A Template is parsed source. It never changes and may be rendered at the same
// time by many.
type Template struct {
	name string
	src  string
	root []node
}

// Parse reads src, whose name is used in errors. The error is Invalid and gives
// file, line, column and the expression; it also covers unknown tags, filters and
// tests, and filter arguments that do not fit.
func Parse(name, src string) (*Template, error) {
	t := &Template{name: name, src: src}
	if len(src) > MaxSource {
		return nil, pave.Errorf(pave.Invalid, "template %s has %d bytes, more than the %d a template may have", name, len(src), MaxSource).
			WithHint("give the file the suffix .raw if it has nothing to fill in")
	}
	if !utf8.ValidString(src) {
		return nil, pave.Errorf(pave.Invalid, "template %s is not UTF-8 text", name).
			WithHint("give the file the suffix .raw if it has nothing to fill in")
	}
	tokens, err := t.lex()
	if err != nil {
		return nil, err
	}
	p := &parser{t: t, tokens: tokens}
	if t.root, err = p.parseAll(); err != nil {
		return nil, err
	}
	return t, nil
}

// Render fills in vars, whose values are string, bool, int, int64, float64, nil,
// []any and map[string]any of those. The error is Invalid where the template and
// vars do not fit or a bound is hit, Unavailable when ctx ends.
func (t *Template) Render(ctx context.Context, vars map[string]any) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, MaxTime, errTooSlow)
	defer cancel()
	own, err := normal(vars, "", 0)
	if err != nil {
		return "", err
	}
	r := &renderer{ctx: ctx, t: t, vars: own.(map[string]any)}
	if err := r.nodes(t.root); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

var errTooSlow = pave.Errorf(pave.Invalid, "rendering took longer than %s", MaxTime)

// errorAt returns an Invalid error about the place pos bytes into the source.
func (t *Template) errorAt(pos int, format string, args ...any) *pave.Error {
	line, col := t.position(pos)
	msg := fmt.Sprintf(format, args...)
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

// tagAround returns the {{ }} or {% %} that pos lies in, on one line and
// shortened, or "".
func (t *Template) tagAround(pos int) string {
	pos = min(pos, len(t.src))
	begin := max(strings.LastIndex(t.src[:min(pos+2, len(t.src))], "{{"), strings.LastIndex(t.src[:min(pos+2, len(t.src))], "{%"))
	if begin < 0 || pos-begin > 2000 {
		return ""
	}
	end := "}}"
	if t.src[begin+1] == '%' {
		end = "%}"
	}
	n := strings.Index(t.src[begin:], end)
	switch {
	case n >= 0 && begin+n+2 < pos:
		return ""
	case n < 0:
		n, _, _ = indexLine(t.src[begin:])
	default:
		n += 2
	}
	text := strings.Join(strings.Fields(t.src[begin:begin+n]), " ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "..."
	}
	return text
}

// indexLine returns the length of the first line of s.
func indexLine(s string) (n int, line string, more bool) {
	line, _, more = strings.Cut(s, "\n")
	return len(line), line, more
}

// didYouMean is the hint of an error about an unknown word.
func didYouMean(word string, known []string, otherwise string) string {
	if near := pave.DidYouMean(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}
