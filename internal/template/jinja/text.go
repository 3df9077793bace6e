package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// text is v as it prints.
func (r *renderer) text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case markup:
		return string(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	}
	if r.js {
		return r.jsText(v)
	}
	return r.repr(v)
}

// repr is v as Python's repr prints it.
func (r *renderer) repr(v any) (string, error) {
	w := &writer{r: r}
	w.repr(v, 0)
	if w.err == nil {
		w.err = r.spend(w.b.Len())
	}
	return w.b.String(), w.err
}

// A writer gathers text within the bounds of the rendering.
type writer struct {
	r     *renderer
	b     strings.Builder
	err   error
	count int // of values
}

// more reports whether writing may go on, depth levels deep.
func (w *writer) more(depth int) bool {
	if w.count++; w.err == nil && w.count%64 == 0 {
		w.err = w.r.scan(64 * 64)
	}
	if w.err == nil && depth > maxValueDepth {
		w.err = failf("value is nested deeper than %d levels", maxValueDepth)
	}
	if w.err == nil && w.b.Len() > w.r.env.opt.Memory-w.r.memory {
		w.err = failf("value is too large")
	}
	return w.err == nil
}

func (w *writer) repr(v any, depth int) {
	if !w.more(depth) {
		return
	}
	switch v := v.(type) {
	case nil:
		w.b.WriteString("None")
	case bool:
		w.b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		w.b.WriteString(floatText(v))
	case string:
		writeStringRepr(&w.b, v)
	case markup:
		w.b.WriteString("Markup(")
		writeStringRepr(&w.b, string(v))
		w.b.WriteByte(')')
	case *list:
		w.items("[", v.items, "]", depth)
	case tuple:
		if len(v) == 1 {
			w.items("(", v, ",)", depth)
		} else {
			w.items("(", v, ")", depth)
		}
	case *Dict:
		w.dict(v, depth)
	case *namespace:
		w.b.WriteString("<Namespace ")
		w.dict(v.d, depth)
		w.b.WriteByte('>')
	default:
		w.reprMore(v, depth)
	}
}

func (w *writer) reprMore(v any, depth int) {
	switch v := v.(type) {
	case *view:
		items, _ := w.r.items(v)
		w.items("dict_"+v.kind+"([", items, "])", depth)
	case *intRange:
		fmt.Fprintf(&w.b, "range(%d, %d", v.start, v.stop)
		if v.step != 1 {
			fmt.Fprintf(&w.b, ", %d", v.step)
		}
		w.b.WriteByte(')')
	case *undefined:
		if !v.soft {
			w.err = v.err()
		} else if depth > 0 {
			w.b.WriteString("Undefined")
		}
	case *generator:
		w.err = failf("a sequence that can be gone through once has no text").with("put | list, or | join(', '), after it")
	case *module:
		w.b.WriteString(v.body)
	case *loop:
		fmt.Fprintf(&w.b, "<LoopContext %d/%d>", v.i+1, len(v.items))
	default:
		w.err = failf("%s has no text", typeName(v)).with("call it: put () after its name")
	}
}

func (w *writer) items(open string, items []any, closing string, depth int) {
	w.b.WriteString(open)
	for i, x := range items {
		if i > 0 {
			w.b.WriteString(", ")
		}
		if w.repr(x, depth+1); w.err != nil {
			return
		}
	}
	w.b.WriteString(closing)
}

func (w *writer) dict(d *Dict, depth int) {
	w.b.WriteByte('{')
	for i, k := range d.keys {
		if i > 0 {
			w.b.WriteString(", ")
		}
		w.repr(k, depth+1)
		w.b.WriteString(": ")
		if w.repr(d.vals[i], depth+1); w.err != nil {
			return
		}
	}
	w.b.WriteByte('}')
}

func writeStringRepr(b *strings.Builder, s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteRune(quote)
	for _, c := range s {
		switch {
		case c == quote || c == '\\':
			b.WriteRune('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			fmt.Fprintf(b, `\U%08x`, c)
		}
	}
	b.WriteRune(quote)
}

// floatText prints the shortest form, with an exponent where Python has one.
func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		mantissa, exp, _ := strings.Cut(s, "e")
		return mantissa + "e" + exp
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// size estimates the bytes of v, and the work of looking at all of it.
func (r *renderer) size(v any, depth int) int {
	if depth > maxValueDepth {
		return r.env.opt.Memory
	}
	items := []any(nil)
	n := 8
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case markup:
		return len(v) + 2
	case *list:
		items = v.items
	case tuple:
		items = v
	case *Dict:
		items = v.vals
		for _, k := range v.keys {
			n += r.size(k, depth+1)
		}
	case *generator:
		items = v.items
	case *view:
		return r.size(v.d, depth)
	}
	for _, x := range items {
		if n += 8 + r.size(x, depth+1); n > r.env.opt.Memory {
			return r.env.opt.Memory
		}
	}
	return n
}
