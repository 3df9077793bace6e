package jinja

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A filter is {{ value | name(args) }}. Names, parameters and results are those
// of Jinja2.
type filter struct {
	params    []param
	undefined bool // takes what is not defined
	apply     func(r *renderer, f *filterExpr, v any, args []any) (any, error)
}

type param struct {
	name     string
	required bool
	value    any // when not given
}

func filters() map[string]*filter {
	trim := &filter{params: []param{{name: "chars"}}, apply: filterTrim}
	length := &filter{apply: filterLength}
	byDefault := &filter{undefined: true, params: []param{{name: "default_value", value: ""}, {name: "boolean", value: false}}, apply: filterDefault}
	return map[string]*filter{
		"capitalize": onText(capitalize),
		"count":      length,
		"d":          byDefault,
		"default":    byDefault,
		"indent": {params: []param{{name: "width", value: int64(4)}, {name: "first", value: false}, {name: "blank", value: false}},
			apply: filterIndent},
		"join":    {params: []param{{name: "d", value: ""}}, apply: filterJoin},
		"length":  length,
		"lower":   onText(strings.ToLower),
		"replace": {params: []param{{name: "old", required: true}, {name: "new", required: true}, {name: "count"}}, apply: filterReplace},
		"title":   onText(title),
		"tojson":  {params: []param{{name: "indent"}}, apply: filterJSON},
		"trim":    trim,
		"upper":   onText(strings.ToUpper),
	}
}

// onText is a filter without arguments on the text form of any value.
func onText(f func(string) string) *filter {
	return &filter{apply: func(_ *renderer, _ *filterExpr, v any, _ []any) (any, error) {
		return f(text(v)), nil
	}}
}

func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + strings.ToLower(s[n:])
}

// title capitalises what follows white space, a hyphen or an opening bracket.
func title(s string) string {
	var b strings.Builder
	start := true
	for _, r := range s {
		if start {
			b.WriteString(strings.ToUpper(string(r)))
		} else {
			b.WriteString(strings.ToLower(string(r)))
		}
		start = unicode.IsSpace(r) || strings.ContainsRune("-({[<", r)
	}
	return b.String()
}

func filterTrim(r *renderer, f *filterExpr, v any, args []any) (any, error) {
	if args[0] == nil {
		return strings.TrimSpace(text(v)), nil
	}
	chars, ok := args[0].(string)
	if !ok || len(chars) > 100 {
		return nil, r.badArgument(f, 0, args, "a string of at most 100 bytes")
	}
	return strings.Trim(text(v), chars), nil
}

func filterLength(r *renderer, f *filterExpr, v any, _ []any) (any, error) {
	switch v := v.(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), nil
	case []any:
		return int64(len(v)), nil
	case map[string]any:
		return int64(len(v)), nil
	}
	return nil, r.t.errorAt(f.at(), "%s has no length", typeName(v))
}

func filterDefault(_ *renderer, _ *filterExpr, v any, args []any) (any, error) {
	if _, missing := v.(undefined); missing || truth(args[1]) && !truth(v) {
		return args[0], nil
	}
	return v, nil
}

func filterJSON(r *renderer, f *filterExpr, v any, args []any) (any, error) {
	indent := int64(0)
	if args[0] != nil {
		var ok bool
		if indent, ok = args[0].(int64); !ok || indent < 0 || indent > 16 {
			return nil, r.badArgument(f, 0, args, "a number from 0 to 16")
		}
	}
	// Each piece may stand on a line of its own, and a character may become six.
	if err := r.work(f, size(v)*(6+int(indent))); err != nil {
		return nil, err
	}
	return toJSON(v, int(indent)), nil
}

func filterJoin(r *renderer, f *filterExpr, v any, args []any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, r.t.errorAt(f.at(), "join needs a list, not %s", typeName(v))
	}
	sep := text(args[0])
	if err := r.work(f, size(v)+len(sep)*len(list)); err != nil {
		return nil, err
	}
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = text(x)
	}
	return strings.Join(parts, sep), nil
}

func filterReplace(r *renderer, f *filterExpr, v any, args []any) (any, error) {
	s, old, repl := text(v), text(args[0]), text(args[1])
	limit := -1
	if args[2] != nil {
		n, ok := args[2].(int64)
		if !ok {
			return nil, r.badArgument(f, 2, args, "a number")
		}
		limit = int(max(-1, min(n, MaxOutput)))
	}
	n := strings.Count(s, old)
	if limit >= 0 {
		n = min(n, limit)
	}
	if err := r.work(f, len(s)+n*len(repl)); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, repl, limit), nil
}

var lineEnd = regexp.MustCompile(`\r\n|[\n\r\v\f\x1c-\x1e\x{85}\x{2028}\x{2029}]`)

// filterIndent indents all lines but the first, and blank ones only if asked.
func filterIndent(r *renderer, f *filterExpr, v any, args []any) (any, error) {
	var unit string
	switch w := args[0].(type) {
	case string:
		unit = w
	case int64:
		if w < 0 || w > 1000 {
			return nil, r.badArgument(f, 0, args, "a number from 0 to 1000, or a string")
		}
		unit = strings.Repeat(" ", int(w))
	default:
		return nil, r.badArgument(f, 0, args, "a number from 0 to 1000, or a string")
	}
	s := text(v)
	lines := lineEnd.Split(s, -1)
	if err := r.work(f, len(s)+len(lines)*len(unit)); err != nil {
		return nil, err
	}
	for i, line := range lines {
		if i == 0 && truth(args[1]) || i > 0 && (line != "" || truth(args[2])) {
			lines[i] = unit + line
		}
	}
	return strings.Join(slices.Clip(lines), "\n"), nil
}

// badArgument is the error about the i-th argument of a filter.
func (r *renderer) badArgument(f *filterExpr, i int, args []any, want string) error {
	return r.t.errorAt(f.at(), "argument %q must be %s, not %s", f.spec.params[i].name, want, typeName(args[i]))
}
