package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	pave "github.com/pave-platform/pave"
)

// ModuleDiff tells what is no secret, and of secrets that they were given again.
func ModuleDiff(was, now pave.Module) (out []string) {
	if was.Digest != now.Digest {
		out = append(out, fmt.Sprintf("module %.19s -> %.19s", was.Digest, now.Digest))
	}
	out = append(out, MapDiff("", was.Set, now.Set)...)
	out = append(out, MapDiff("fill ", was.Fill, now.Fill)...)
	out = append(out, MapDiff("output for ", was.Outputs, now.Outputs)...)
	out = append(out, MapDiff("import of ", was.Import, now.Import)...)
	for _, name := range keysOf(was.Secrets, now.Secrets) {
		if was.Secrets[name] != now.Secrets[name] {
			out = append(out, "secret "+name+" is another")
		}
	}
	if was.Mirror != now.Mirror {
		out = append(out, "mirror")
	}
	if !reflect.DeepEqual(was.Backend, now.Backend) {
		out = append(out, "backend")
	}
	return out
}

// MapDiff lists the entries in which two maps differ, "connections 3 -> 20".
func MapDiff[V any](what string, was, now map[string]V) (out []string) {
	told := func(m map[string]V, key string) string {
		value, ok := m[key]
		if !ok {
			return "nothing"
		}
		text := fmt.Sprint(value)
		if _, plain := any(value).(string); !plain {
			data, _ := json.Marshal(value) // it was JSON before
			text = string(data)
		}
		if len(text) > 60 {
			text = strings.ToValidUTF8(text[:57], "") + "..."
		}
		return text
	}
	for _, key := range keysOf(was, now) {
		if !reflect.DeepEqual(was[key], now[key]) {
			out = append(out, fmt.Sprintf("%s%s %s -> %s", what, key, told(was, key), told(now, key)))
		}
	}
	return out
}

func keysOf[V any](a, b map[string]V) []string {
	all := map[string]V{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// boundDiff says in what two specs differ that were made by bindings, in words; nil where
// they have no module and are told nothing.
func boundDiff(key string, have, want json.RawMessage) []string {
	switch key {
	case "module":
		was, now := ModuleOf(have), ModuleOf(want)
		if was == nil || now == nil {
			return nil
		}
		out := ModuleDiff(*was, *now)
		if was.Source != now.Source {
			out = append(out, fmt.Sprintf("module of %s -> %s", was.Source, now.Source))
		}
		if was.Commit != now.Commit {
			out = append(out, fmt.Sprintf("module of commit %.12s -> %.12s", was.Commit, now.Commit))
		}
		return out
	case "binding":
		was, now := BindingOf(have), BindingOf(want)
		out := MapDiff("", was.Settings, now.Settings)
		for _, name := range keysOf(was.Secrets, now.Secrets) {
			if was.Secrets[name] != now.Secrets[name] {
				out = append(out, "secret "+name+" is another")
			}
		}
		return out
	}
	return nil
}
