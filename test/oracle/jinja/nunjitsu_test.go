package jinja_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/template/jinja"
	"github.com/rogpeppe/go-internal/txtar"
)

// Where Backstage's own engine renders a snippet that nunjucks and we agree on, it
// gives the same; it refuses what it does not support.
func TestNunjitsu(t *testing.T) {
	needOracle(t)
	o := startNode(t)
	files, err := filepath.Glob(filepath.Join(snippets, "nunjucks", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snippets: %v", err)
	}
	equal, refused := 0, 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		req := request{Engine: "nunjitsu"}
		for i, f := range archive.Files {
			data := strings.TrimSuffix(string(f.Data), "\n")
			switch f.Name {
			case "vars":
				req.Vars = json.RawMessage(data)
			case "options":
				req.Options = json.RawMessage(data)
			}
			if !strings.HasPrefix(f.Name, "in: ") || archive.Files[i+1].Name != "want" {
				continue
			}
			req.Src = data
			want := strings.TrimSuffix(string(archive.Files[i+1].Data), "\n")
			kind, got := o.ask(t, req).text()
			switch {
			case kind == "error":
				refused++
			case strings.TrimSuffix(got, "\n") == strings.TrimSuffix(want, "\n"):
				equal++
			case isDisputed(data):
			default:
				t.Errorf("%s: %s\n%s\nours:     %q\nnunjitsu: %q", filepath.Base(file), f.Name, data, want, got)
			}
		}
	}
	t.Logf("nunjitsu: %d equal, %d refused by it", equal, refused)
}

// isDisputed tells the snippets in which nunjitsu differs from nunjucks; we follow
// nunjucks.
func isDisputed(src string) bool {
	return strings.Contains(src, "{% set x -%}") || // nunjucks ignores the sign of a set block
		strings.Contains(src, "{% set q = map.x %}") // nunjucks sets what has no value in the loop only
}

// Native values have the type that Backstage's engine gives them.
func TestValues(t *testing.T) {
	needOracle(t)
	o := startNode(t)
	vars := json.RawMessage(`{"parameters": {"enabled": true, "list": [1, "a", {"b": 2}], "map": {"a": [1], "b": null}, "n": 3, "f": 1.5, "name": "x", "none": null, "empty": ""}}`)
	for _, src := range []string{
		"${{ parameters.n }}", "${{ parameters.enabled }}", "${{ parameters.list }}", "${{ parameters.map }}", "${{ parameters.f }}", "${{ parameters.name }}",
		"${{ parameters.n + 1 }}", "${{ parameters.n > 2 }}", "${{ parameters.list | length }}", "${{ parameters.list[2] }}", "${{ parameters.list | first }}",
		"${{ parameters.map.a }}", "${{ [parameters.n, 'x'] }}", "${{ {a: parameters.n} }}", "x${{ parameters.n }}", "${{ parameters.n }} ", "${{ parameters.n }}${{ parameters.n }}",
		"plain", "", "${{ '5' }}", "${{ 'true' }}", "${{ parameters.enabled and parameters.n }}", "${{ parameters.none or 'd' }}", "${{ parameters.empty }}", "${{ parameters.none }}",
		"${{ parameters.name | upper }}", "${{ parameters.list | dump }}", "{% if parameters.enabled %}true{% endif %}", "${{ not parameters.enabled }}", "${{ 1 / 2 }}",
	} {
		env, err := jinja.New(jinja.Options{Dialect: jinja.Nunjucks, VariableStart: "${{"})
		if err != nil {
			t.Fatal(err)
		}
		tmpl, err := env.Parse("t", src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		v, err := tmpl.Value(t.Context(), variables(t, vars))
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		a := o.ask(t, request{Engine: "nunjitsu", Value: true, Src: src, Vars: vars, Options: json.RawMessage(`{"variable_start": "${{"}`)})
		if got := asJSON(t, v); !reflect.DeepEqual(got, a.Out) {
			t.Errorf("%s: ours %#v, nunjitsu %#v %s", src, got, a.Out, a.Error)
		}
	}
}

// asJSON turns a value into what JSON would make of it.
func asJSON(t *testing.T, v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = asJSON(t, x)
		}
		return out
	case *jinja.Dict:
		out := map[string]any{}
		for _, k := range v.Keys() {
			x, _ := v.Get(k)
			out[k] = asJSON(t, x)
		}
		return out
	}
	return v
}
