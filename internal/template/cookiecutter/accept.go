package cookiecutter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
)

// accept turns a given value into one of the kind that the variable has.
func accept(name string, declared, given any) (any, error) {
	value := normal(given)
	switch kindOf(declared) {
	case KindChoice:
		if strings.HasPrefix(name, "_") {
			return value, nil
		}
		choices := declared.([]any)
		_, isList := value.([]any)
		_, isDict := value.(*jinja.Dict)
		if isDict || isList && !slices.ContainsFunc(choices, func(c any) bool { return kindOf(c) == KindChoice }) {
			return nil, wrongKind(name, given, "one of "+listed(choices))
		}
		return value, nil
	case KindBoolean:
		if b, ok := value.(bool); ok {
			return b, nil
		}
		if b, ok := yesNo(plain(value)); ok {
			return b, nil
		}
		return nil, wrongKind(name, given, "yes or no")
	case KindObject:
		if s, ok := value.(string); ok && json.Valid([]byte(s)) { // as cookiecutter asks for one
			value, _ = decodeJSON([]byte(s))
		}
		if d, ok := value.(*jinja.Dict); ok {
			return d, nil
		}
		return nil, wrongKind(name, given, `an object, as in {"key": "value"}`)
	}
	switch value.(type) {
	case []any, *jinja.Dict:
		return nil, wrongKind(name, given, "text")
	case nil, bool:
		return value, nil
	}
	s := plain(value)
	if strings.ContainsRune(s, 0) {
		return nil, wrongKind(name, given, "text without NUL")
	}
	return s, nil
}

func wrongKind(name string, given any, want string) error {
	return pave.BadField(name, fmt.Sprint(given), "does not fit", "give "+want)
}

// yesNo reads an answer as cookiecutter does.
func yesNo(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "true", "t", "yes", "y", "on":
		return true, true
	case "0", "false", "f", "no", "n", "off":
		return false, true
	}
	return false, false
}

// choose returns the choice that was given, by its value or by what
// cookiecutter.json writes for it.
func choose(name string, given any, raw, rendered []any) (any, error) {
	for i := range rendered {
		if plain(given) == plain(rendered[i]) || plain(given) == plain(raw[i]) {
			return rendered[i], nil
		}
	}
	var values []string
	for _, v := range rendered {
		values = append(values, plain(v))
	}
	hint := "choose " + listed(rendered)
	if near := pave.DidYouMean(plain(given), values); near != "" {
		hint = fmt.Sprintf("did you mean %q? The choices are %s", near, listed(rendered))
	}
	return nil, pave.BadField(name, plain(given), "is not one of the choices", hint)
}

func listed(values []any) string {
	var words []string
	for _, v := range values {
		words = append(words, plain(v))
	}
	const most = 30
	if len(words) > most {
		words = append(words[:most], "...")
	}
	return strings.Join(words, ", ")
}

// merge returns base with the keys of over put over it, at every depth.
func merge(base, over *jinja.Dict) *jinja.Dict {
	out := jinja.NewDict()
	for _, key := range base.Keys() {
		v, _ := base.Get(key)
		out.Set(key, v)
	}
	for _, key := range over.Keys() {
		v, _ := over.Get(key)
		was, _ := base.Get(key)
		below, isDict := was.(*jinja.Dict)
		if d, ok := v.(*jinja.Dict); ok && isDict {
			v = merge(below, d)
		}
		out.Set(key, v)
	}
	return out
}
