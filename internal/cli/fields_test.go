package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

// TestFields holds what --json gives to docs/json.md: scripts depend on it. A field may
// be added (UPDATE=1 writes it down); one that is gone or of another type breaks them.
func TestFields(t *testing.T) {
	t.Parallel()
	golden(t, "../../docs/json.md", fieldsPage(), "is not what --json gives; anything but a new field breaks scripts")
}

const fieldsIntro = `# Fields of --json

What commands print for programs, made from the code and held to it by a test. Fields are
added; none is taken away, and none changes its type, without a line in the CHANGELOG. A
field that is empty may be left out of the JSON without --json FIELDS, and is null with
it. Times are RFC 3339, UTC.

## Commands

`

// fieldsPage lists each command with the type of its answer, then the types.
func fieldsPage() string {
	var b strings.Builder
	b.WriteString(fieldsIntro)
	types := map[string]reflect.Type{}
	a := &app{deps: Deps{Getenv: func(string) string { return "" }}}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if f := c.Flags().Lookup("json"); f != nil && !c.Hidden {
			if j, ok := f.Value.(*jsonFlag); ok {
				t := reflect.TypeOf(j.sample)
				fmt.Fprintf(&b, "- `%s`: %s\n", c.CommandPath(), nameOf(t, types))
			}
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(a.root())
	done := map[string]bool{}
	var out []string
	for len(done) < len(types) { // types are found while others are written
		for _, name := range slices.Sorted(maps.Keys(types)) {
			if !done[name] {
				done[name] = true
				out = append(out, section(name, types))
			}
		}
	}
	slices.Sort(out)
	return b.String() + "\n## Answers\n" + strings.Join(out, "")
}

func section(name string, types map[string]reflect.Type) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n", name)
	var fields func(t reflect.Type)
	fields = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && tag == "":
				fields(f.Type)
			case tag != "-" && tag != "":
				fmt.Fprintf(&b, "- `%s`: %s\n", tag, nameOf(f.Type, types))
			}
		}
	}
	fields(types[name])
	return b.String()
}

// nameOf is a type in the words of JSON; structs are remembered.
func nameOf(t reflect.Type, types map[string]reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return "any JSON"
	case t.Kind() == reflect.Pointer:
		return nameOf(t.Elem(), types)
	case t.Implements(reflect.TypeFor[json.Marshaler]()) && t.Kind() != reflect.Struct, t == reflect.TypeFor[pave.Secret]():
		return "string"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "list of " + nameOf(t.Elem(), types)
	case reflect.Map:
		return "object of " + nameOf(t.Elem(), types)
	case reflect.Struct:
		if t.Name() == "" || t.NumField() == 0 {
			return "object"
		}
		name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
		if have, ok := types[name]; ok && have != t {
			panic("two answers are called " + name)
		}
		types[name] = t
		return name
	}
	return "number"
}
