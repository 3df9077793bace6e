package template

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestManifestSchema: the schema for editors and what is read have the same keys.
func TestManifestSchema(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(ManifestSchema, &schema); err != nil {
		t.Fatal(err)
	}
	compareKeys(t, "template.yaml", schema, reflect.TypeFor[manifest]())
}

func compareKeys(t *testing.T, path string, schema map[string]any, typ reflect.Type) {
	t.Helper()
	switch typ.Kind() {
	case reflect.Pointer:
		compareKeys(t, path, schema, typ.Elem())
	case reflect.Slice:
		if items, ok := schema["items"].(map[string]any); ok {
			compareKeys(t, path+"[]", items, typ.Elem())
		}
	case reflect.Map:
		if of, ok := schema["additionalProperties"].(map[string]any); ok {
			compareKeys(t, path+".*", of, typ.Elem())
		}
	case reflect.Struct:
		props, _ := schema["properties"].(map[string]any)
		have := slices.Sorted(maps.Keys(props))
		var want []string
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			want = append(want, name)
			if sub, ok := props[name].(map[string]any); ok {
				compareKeys(t, path+"."+name, sub, f.Type)
			}
		}
		if slices.Sort(want); !slices.Equal(have, want) {
			t.Errorf("%s: the schema has %v, the reader %v", path, have, want)
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s: the schema allows unknown keys", path)
		}
	}
}
