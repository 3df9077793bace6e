package cookiecutter

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave/internal/template/jinja"
)

// normal turns a value of a caller into one of those cookiecutter.json has.
func normal(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case json.Number:
		return number(v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = normal(item)
		}
		return list
	case map[string]any:
		dict := jinja.NewDict()
		for _, key := range slices.Sorted(maps.Keys(v)) {
			dict.Set(key, normal(v[key]))
		}
		return dict
	case nil, bool, int64, float64, string, *jinja.Dict:
		return v
	}
	return fmt.Sprint(v)
}

// clone copies a value, since templates can change lists and dictionaries.
func clone(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = clone(item)
		}
		return list
	case *jinja.Dict:
		return cloneDict(v)
	}
	return v
}

func cloneDict(d *jinja.Dict) *jinja.Dict {
	out := jinja.NewDict()
	for _, key := range d.Keys() {
		v, _ := d.Get(key)
		out.Set(key, clone(v))
	}
	return out
}

// plain is a value as Python writes it into text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return v
	case float64:
		return float(v)
	}
	return fmt.Sprint(v)
}

// float is the shortest text for f, as Python writes it.
func float(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
