package cookiecutter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/pave-platform/pave/internal/template/jinja"
)

const maxJSON = 16 << 20

// jsonify writes a value as Python's json.dumps does with sorted keys.
func jsonify(_ context.Context, args []any, kwargs map[string]any) (any, error) {
	a, err := arguments([]string{"obj", "indent"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	w := &jsonWriter{indent: "    "}
	switch n := a[1].(type) {
	case int64:
		if n > 40 {
			return nil, errors.New("indent is at most 40")
		}
		w.indent = strings.Repeat(" ", int(max(n, 0)))
	case string:
		w.indent = n[:min(len(n), 40)]
	case nil:
		_, isNone := kwargs["indent"]
		w.flat = isNone || len(args) > 1
	}
	if err := w.value(a[0], 0); err != nil {
		return nil, err
	}
	return w.String(), nil
}

type jsonWriter struct {
	strings.Builder
	indent string
	flat   bool // all on one line
}

func (w *jsonWriter) value(v any, depth int) error {
	if depth > maxDepth || w.Len() > maxJSON {
		return errors.New("the value is nested too deeply or too large")
	}
	switch v := v.(type) {
	case nil:
		w.WriteString("null")
	case bool:
		w.WriteString(strconv.FormatBool(v))
	case int64:
		w.WriteString(strconv.FormatInt(v, 10))
	case float64:
		w.WriteString(strings.NewReplacer("inf", "Infinity", "nan", "NaN").Replace(float(v)))
	case string:
		w.text(v)
	case []any:
		return w.items('[', ']', len(v), depth, func(i int) error { return w.value(v[i], depth+1) })
	case *jinja.Dict:
		keys := v.Keys()
		slices.Sort(keys)
		return w.items('{', '}', len(keys), depth, func(i int) error {
			w.text(keys[i])
			w.WriteString(": ")
			item, _ := v.Get(keys[i])
			return w.value(item, depth+1)
		})
	default:
		return fmt.Errorf("a value cannot be written as JSON")
	}
	return nil
}

func (w *jsonWriter) items(open, closing byte, n, depth int, item func(int) error) error {
	w.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
			if w.flat {
				w.WriteByte(' ')
			}
		}
		w.line(depth + 1)
		if err := item(i); err != nil {
			return err
		}
	}
	if n > 0 {
		w.line(depth)
	}
	w.WriteByte(closing)
	return nil
}

func (w *jsonWriter) line(depth int) {
	if !w.flat {
		w.WriteByte('\n')
		w.WriteString(strings.Repeat(w.indent, depth))
	}
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}

// text writes a string in ASCII.
func (w *jsonWriter) text(s string) {
	w.WriteByte('"')
	for _, r := range s {
		esc, ok := jsonEscapes[r]
		switch {
		case ok:
			w.WriteString(esc)
		case r >= ' ' && r < 0x7f || r == 0x7f:
			w.WriteRune(r)
		case r > 0xffff:
			a, b := utf16.EncodeRune(r)
			fmt.Fprintf(w, `\u%04x\u%04x`, a, b)
		default:
			fmt.Fprintf(w, `\u%04x`, r)
		}
	}
	w.WriteByte('"')
}
