package jinja

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
)

// Values are nil, bool, int64, float64, string, *Dict and these.
type (
	list   struct{ items []any }
	tuple  []any
	markup string // text that was escaped, or is called safe
	// undefined stands for a name or key that is not there. Only few things take it;
	// all else returns its error.
	undefined struct {
		t         *Template
		pos       int
		msg, hint string
		tell      func() string // the hint, when it takes work
		isRoot    bool          // a variable, not a key of one
		soft      bool          // what "x if false" gives: nothing, where the others are errors
	}
	// generator is a list that can be gone through once.
	generator struct {
		items []any
		i     int
	}
	// view is what items, keys and values of a dict return.
	view struct {
		d    *Dict
		kind string
	}
	namespace struct{ d *Dict }
	intRange  struct{ start, stop, step int64 }
	builtin   struct {
		name string
		fn   func(c *call) (any, error)
	}
	cycler struct {
		items []any
		i     int
		js    bool // moves before it returns; else after
	}
	joiner struct {
		sep  string
		used bool
	}
	// module is an imported template.
	module struct {
		t    *Template
		top  *scope
		body string
	}
	// pattern is a regular expression of nunjucks.
	pattern struct {
		re           *regexp.Regexp
		source, flag string
		cost         int // of a byte it looks at
	}
	absent struct{} // an argument that was not given
)

func (u *undefined) err() error {
	err := u.t.errorAt(u.pos, "%s", u.msg)
	if u.tell != nil {
		u.hint, u.tell = u.tell(), nil
	}
	if u.hint != "" {
		err = err.WithHint("%s", u.hint)
	}
	return err
}

// A fault is an error that does not know its place in the template yet.
type fault struct{ msg, hint string }

func (f *fault) Error() string { return f.msg }

func failf(format string, args ...any) *fault { return &fault{msg: fmt.Sprintf(format, args...)} }

func (f *fault) with(hint string, args ...any) *fault {
	f.hint = fmt.Sprintf(hint, args...)
	return f
}

const maxValueDepth = 100

// normal copies v into the types of this package. The error names the place of a Go
// type that templates do not have, or of too deep a value.
func normal(v any, place string, depth int) (any, error) {
	if depth > maxValueDepth {
		return nil, pave.Errorf(pave.Invalid, "variable %s is nested deeper than %d levels", cutPlace(place), maxValueDepth)
	}
	var err error
	switch v := v.(type) {
	case nil, bool, int64, float64, string, *list, tuple, markup:
		return v, nil
	case int:
		return int64(v), nil
	case *Dict:
		return v, v.check(place, depth)
	case []any:
		out := &list{make([]any, len(v))}
		for i, x := range v {
			if out.items[i], err = normal(x, place+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []string:
		out := &list{make([]any, len(v))}
		for i, x := range v {
			out.items[i] = x
		}
		return out, nil
	case map[string]any:
		out := NewDict()
		for _, k := range sortedKeys(v) {
			own, err := normal(v[k], place+"."+k, depth+1)
			if err != nil {
				return nil, err
			}
			out.put(k, own)
		}
		return out, nil
	}
	return nil, pave.Errorf(pave.Invalid, "variable %s has a type that templates do not have: %T", cutPlace(place), v)
}

func cutPlace(s string) string {
	if len(s) > 100 {
		return s[:100] + "..."
	}
	return s
}

// check finds values that Set could not take, and depth.
func (d *Dict) check(place string, depth int) error {
	if d == nil {
		return pave.Errorf(pave.Invalid, "variable %s is a nil *Dict", cutPlace(place))
	}
	if depth > maxValueDepth {
		return pave.Errorf(pave.Invalid, "variable %s is nested deeper than %d levels", cutPlace(place), maxValueDepth)
	}
	for i, v := range d.vals {
		var err error
		switch v := v.(type) {
		case *alien:
			err = pave.Errorf(pave.Invalid, "variable %s: %w", cutPlace(place), v.err)
		case *Dict:
			err = v.check(place+"."+keyText(d.keys[i]), depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exportValue turns a value of this package into one of Go.
func exportValue(v any, depth int) (any, error) {
	if depth > maxValueDepth {
		return nil, failf("value is nested deeper than %d levels", maxValueDepth)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case markup:
		return string(v), nil
	case *list:
		return exportList(v.items, depth)
	case tuple:
		return exportList(v, depth)
	case *Dict:
		out := NewDict()
		for i, k := range v.keys {
			// Its lists and dicts are copied, so that the caller shares none with us.
			x, err := exportValue(v.vals[i], depth+1)
			if err != nil {
				return nil, err
			}
			out.Set(keyText(k), x)
		}
		return out, nil
	case *undefined:
		return nil, v.err()
	}
	return nil, failf("%s is not a value that can leave the template", typeName(v))
}

func exportList(items []any, depth int) (any, error) {
	out := make([]any, len(items))
	for i, x := range items {
		var err error
		if out[i], err = exportValue(x, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// typeName is the word for v's type in errors.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "none"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case string, markup:
		return "a string"
	case *list:
		return "a list"
	case tuple, tupleKey:
		return "a tuple"
	case *Dict:
		return "a map"
	case *generator:
		return "a sequence that can be gone through once"
	case *view:
		return "a view of a map"
	case *intRange:
		return "a range"
	case *macro:
		return "a macro"
	case *builtin, *joiner:
		return "a function"
	case *loop:
		return "the loop"
	case *undefined:
		return "not defined"
	case *pattern:
		return "a regular expression"
	}
	return "an object"
}

// asText returns v if it is a string of either kind.
func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case markup:
		return string(v), true
	}
	return "", false
}

// like makes s markup if v is.
func like(v any, s string) any {
	if _, ok := v.(markup); ok {
		return markup(s)
	}
	return s
}

// asInt returns v as an integer; true and false are 1 and 0.
func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// number returns v as a number; as in Python true is 1.
func number(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	n, ok := asInt(v)
	return float64(n), ok
}

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

var jsEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;", `\`, "&#92;")
