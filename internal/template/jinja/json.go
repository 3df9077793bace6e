package jinja

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A jsonWriter writes a value as JSON, in the way of one of the originals.
type jsonWriter struct {
	writer
	indent string
	js     bool // as JSON.stringify; else as htmlsafe_json_dumps of jinja2
}

func filterJSON(c *call) (any, error) {
	w := &jsonWriter{writer: writer{r: c.r}}
	indented := false
	if c.some(0) {
		if s, ok := asText(c.args[0]); ok {
			w.indent, indented = s, true
		} else {
			n, err := c.int(0, 0)
			if err == nil {
				err = c.r.spendTimes(1, n)
			}
			if err != nil {
				return nil, err
			}
			w.indent, indented = strings.Repeat(" ", int(max(n, 0))), true
		}
		if len(w.indent) > 1000 {
			return nil, failf("tojson: the indentation is wider than 1000")
		}
	}
	w.value(c.value, indented, 0)
	if w.err == nil {
		w.err = c.r.spend(w.b.Len())
	}
	return markup(w.b.String()), w.err
}

func (w *jsonWriter) newline(indented bool, level int) {
	if indented {
		w.b.WriteByte('\n')
		for range level {
			w.b.WriteString(w.indent)
		}
	}
}

func (w *jsonWriter) value(v any, indented bool, level int) {
	if !w.more(level) {
		return
	}
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		w.float(v)
	case string:
		w.text(v)
	case markup:
		w.text(string(v))
	case *list:
		w.list(v.items, indented, level)
	case tuple:
		w.list(v, indented, level)
	case *Dict:
		w.dict(v, indented, level)
	case *undefined:
		w.err = v.err()
		if w.js && !v.isRoot {
			w.err = nil
			w.b.WriteString("null")
		}
	default:
		w.err = failf("%s cannot be written as JSON", typeName(v))
		if _, ok := v.(*generator); ok {
			w.err = failf("%s cannot be written as JSON", typeName(v)).with("put | list before it")
		}
	}
}

func (w *jsonWriter) float(f float64) {
	switch {
	case w.js && (math.IsInf(f, 0) || math.IsNaN(f)):
		w.b.WriteString("null")
	case w.js:
		w.b.WriteString(jsFloatText(f))
	case math.IsNaN(f):
		w.b.WriteString("NaN")
	case math.IsInf(f, 0):
		w.b.WriteString(strings.Replace(floatText(f), "inf", "Infinity", 1))
	default:
		w.b.WriteString(floatText(f))
	}
}

// comma and colon are what stands between elements, and after a key.
func (w *jsonWriter) comma(indented bool) string {
	if w.js || indented {
		return ","
	}
	return ", "
}

func (w *jsonWriter) colon(indented bool) string {
	if w.js && !indented {
		return ":"
	}
	return ": "
}

func (w *jsonWriter) list(items []any, indented bool, level int) {
	w.b.WriteByte('[')
	for i, x := range items {
		if i > 0 {
			w.b.WriteString(w.comma(indented))
		}
		w.newline(indented, level+1)
		if w.value(x, indented, level+1); w.err != nil {
			return
		}
	}
	if len(items) > 0 {
		w.newline(indented, level)
	}
	w.b.WriteByte(']')
}

func (w *jsonWriter) dict(d *Dict, indented bool, level int) {
	order := make([]int, 0, d.Len())
	for _, i := range jsKeys(d) {
		if _, missing := d.vals[i].(*undefined); !missing || !w.js {
			order = append(order, i)
		}
	}
	if !w.js { // jinja2 sorts the keys
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(keyText(d.keys[a]), keyText(d.keys[b])) })
	}
	w.b.WriteByte('{')
	for n, i := range order {
		if n > 0 {
			w.b.WriteString(w.comma(indented))
		}
		w.newline(indented, level+1)
		if _, ok := hash(d.keys[i]); ok {
			if _, isTuple := d.keys[i].(tuple); isTuple {
				w.err = failf("a tuple cannot be a key in JSON")
				return
			}
		}
		w.text(keyText(d.keys[i]))
		w.b.WriteString(w.colon(indented))
		if w.value(d.vals[i], indented, level+1); w.err != nil {
			return
		}
	}
	if len(order) > 0 {
		w.newline(indented, level)
	}
	w.b.WriteByte('}')
}

// text writes a string; for jinja2 all but printable ASCII, and what means something
// in HTML, as escapes.
func (w *jsonWriter) text(s string) {
	w.b.WriteByte('"')
	for _, c := range s {
		short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}[c]
		switch {
		case short != "":
			w.b.WriteString(short)
		case c < 0x20, !w.js && (c > 0x7e && c < 0x10000 || strings.ContainsRune("<>&'", c)):
			fmt.Fprintf(&w.b, `\u%04x`, c)
		case c >= 0x10000 && !w.js:
			hi, lo := utf16.EncodeRune(c)
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, hi, lo)
		default:
			w.b.WriteRune(c)
		}
	}
	w.b.WriteByte('"')
}
