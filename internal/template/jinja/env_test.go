package jinja

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

func mustRender(t *testing.T, o Options, src string, vars map[string]any) string {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := e.Parse("t", src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	out, err := tmpl.Render(t.Context(), vars)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return out
}

// echo returns its arguments as text, so that tests see what arrives.
func echo(_ context.Context, args []any, kwargs map[string]any) (any, error) {
	var parts []string
	for _, a := range args {
		if d, ok := a.(*Dict); ok {
			a = d.Keys()
		}
		parts = append(parts, fmt.Sprintf("%T:%v", a, a))
	}
	for _, k := range sortedKeys(kwargs) {
		parts = append(parts, fmt.Sprintf("%s=%v", k, kwargs[k]))
	}
	return strings.Join(parts, " "), nil
}

func TestFunctionsAndFilters(t *testing.T) {
	t.Parallel()
	o := Options{
		Functions: map[string]Func{
			"echo": echo,
			"data": func(context.Context, []any, map[string]any) (any, error) {
				return map[string]any{"list": []any{1, "a"}, "n": 2.5}, nil
			},
			"fails": func(context.Context, []any, map[string]any) (any, error) { return nil, errors.New("out of order") },
			"odd":   func(context.Context, []any, map[string]any) (any, error) { return struct{}{}, nil },
		},
		Filters: map[string]Func{
			"shout": func(_ context.Context, args []any, kwargs map[string]any) (any, error) {
				return fmt.Sprint(args[0], strings.Repeat("!", len(args)), len(kwargs)), nil
			},
			"random": func(_ context.Context, args []any, _ map[string]any) (any, error) { return args[0].([]any)[0], nil },
		},
	}
	for src, want := range map[string]string{
		"{{ echo(1, 'a', none, [1], {'k': 1}, x=2) }}":        "int64:1 string:a <nil>:<nil> []interface {}:[1] []string:[k] x=2",
		"{{ echo((1, 2), range(2), 1.5, true) }}":             "[]interface {}:[1 2] []interface {}:[0 1] float64:1.5 bool:true",
		"{% echo 'utc', '%Y' %}":                              "string:utc string:%Y",
		"{% echo 'utc' + 'days=2', '%Y' %}":                   "string:utc string:%Y offset=+days=2",
		"{% echo 'utc' - 'hours=1' %}":                        "string:utc offset=-hours=1",
		"{% echo %}":                                          "",
		"{{ data().list[1] }}{{ data().n + 1 }}":              "a3.5",
		"{{ 'a' | shout }}{{ 'b' | shout(1, x=2) }}":          "a!0b!!1",
		"{{ ['x'] | map('shout') | join }}":                   "x!0",
		"{{ [5, 6] | random }}":                               "5",
		"{{ echo is callable }}{{ 'shout' is filter }}":       "TrueTrue",
		"{% macro m() %}{{ echo(1) }}{% endmacro %}{{ m() }}": "int64:1",
	} {
		if got := mustRender(t, o, src, nil); got != want {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
	}
	e, _ := New(o)
	for src, want := range map[string]string{
		"{{ fails() }}":    "template t:1:9: fails: out of order in {{ fails() }}",
		"{{ odd() }}":      "the result of odd has a type that templates do not have: struct {}",
		"{{ echo(miss) }}": `unknown variable "miss"`,
		"{{ echo }}":       "a function has no text",
		"{% nope 1 %}":     `unknown tag "nope"`,
		"{{ echo(m) }}{% macro m() %}{% endmacro %}": "unknown variable",
		"{% macro m() %}{% endmacro %}{{ echo(m) }}": "a macro is not a value that can leave the template",
	} {
		tmpl, err := e.Parse("t", src)
		if err == nil {
			_, err = tmpl.Render(t.Context(), nil)
		}
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", src, err, want)
		}
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	vars := map[string]any{"n": 3, "list": []any{1, "a"}, "map": map[string]any{"b": true}}
	for src, want := range map[string]any{
		"${{ n }}": int64(3), "${{ n + 0.5 }}": 3.5, "${{ n > 2 }}": true, "${{ list }}": []any{int64(1), "a"}, "x${{ n }}": "x3", "${{ n }} ": "3 ",
		"${{ map.b }}": true, "${{ 'a' }}": "a", "": "", "${{ null }}": nil, "${{ map.b if n else 1 }}": true,
	} {
		e, err := New(Options{Dialect: Nunjucks, VariableStart: "${{"})
		if err != nil {
			t.Fatal(err)
		}
		tmpl, err := e.Parse("t", src)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tmpl.Value(t.Context(), vars)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: got %#v, %v, want %#v", src, got, err, want)
		}
	}
	tmpl, _ := Parse("t", "{{ map }}")
	got, err := tmpl.Value(t.Context(), vars)
	d, ok := got.(*Dict)
	if err != nil || !ok || !cmp.Equal(d.Keys(), []string{"b"}) {
		t.Errorf("got %#v, %v, want a Dict with the key b", got, err)
	}
	tmpl, _ = Parse("t", "{{ nope }}")
	if _, err := tmpl.Value(t.Context(), vars); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("got %v, want an invalid error", err)
	}
}

// A Dict keeps its order and is changed by the template, a map is not.
func TestDict(t *testing.T) {
	t.Parallel()
	d := NewDict()
	d.Set("z", 1)
	d.Set("a", []any{"x", map[string]any{"k": "v"}})
	d.Set("z", 2)
	if got := mustRender(t, Options{}, "{{ d }} {% for k in d %}{{ k }}{% endfor %}", map[string]any{"d": d}); got != "{'z': 2, 'a': ['x', {'k': 'v'}]} za" {
		t.Errorf("got %s", got)
	}
	m := map[string]any{"a": []any{1}}
	src := "{% set _ = d.update(new=n) %}{% set _ = m.update(new=1) %}{% set _ = m.a.append(2) %}{{ m.a }}"
	if got := mustRender(t, Options{}, src, map[string]any{"d": d, "m": m, "n": 5}); got != "[1, 2]" {
		t.Errorf("got %s", got)
	}
	if v, ok := d.Get("new"); !ok || v != int64(5) || d.Len() != 3 {
		t.Errorf("new is %v, %v, want 5: the template changes the Dict it was given", v, ok)
	}
	if !cmp.Equal(m, map[string]any{"a": []any{1}}) {
		t.Errorf("the map was changed: %v", m)
	}
	v, _ := d.Get("a")
	if inner, ok := v.([]any)[1].(*Dict); !ok || inner.Len() != 1 {
		t.Errorf("got %#v, want a list with a Dict", v)
	}
	if _, ok := d.Get("nope"); ok {
		t.Error("nope is there")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	vars := map[string]any{"n": 1}
	for name, c := range map[string]struct {
		o         Options
		src, want string
	}{
		"delimiters": {Options{BlockStart: "<%", BlockEnd: "%>", VariableStart: "<<", VariableEnd: ">>", CommentStart: "<#", CommentEnd: "#>"}, "<% if n %><< n >><# c #><% endif %>{{ n }}", "1{{ n }}"},
		"latex":      {Options{BlockStart: `\BLOCK{`, BlockEnd: "}", VariableStart: `\VAR{`, VariableEnd: "}"}, `\VAR{n}\BLOCK{if n}a\BLOCK{endif}`, "1a"},
		"foreign":    {Options{Foreign: []string{"tokens"}}, "{{ tokens.x }} ${{ tokens['a'] }}", "{{ tokens.x }} ${{ tokens['a'] }}"},
		"no loader":  {Options{}, "{% include 'x' ignore missing %}ok", "ok"},
		"newline":    {Options{DropTrailingNewline: true}, "a\r\n", "a"},
	} {
		if got := mustRender(t, c.o, c.src, vars); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	for name, o := range map[string]Options{
		"dialect":    {Dialect: 7},
		"delimiters": {BlockStart: "{{"},
	} {
		if _, err := New(o); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%s: got %v, want an invalid error", name, err)
		}
	}
}

// An error of the loader that is not about a missing file is told.
func TestLoaderFails(t *testing.T) {
	t.Parallel()
	e, _ := New(Options{Loader: func(string) (string, error) { return "", pave.Errorf(pave.Denied, "the file is a link") }})
	tmpl, _ := e.Parse("t", "{% include 'x' ignore missing %}")
	if _, err := tmpl.Render(t.Context(), nil); pave.CodeOf(err) != pave.Denied {
		t.Errorf("got %v, want denied", err)
	}
}

// Many may render one template at a time.
func TestParallel(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("t", "{% macro m(x) %}{{ x }}{% endmacro %}{% for i in range(50) %}{{ m(i) }}{{ items | map('upper') | join }}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	for range 8 {
		go func() {
			out, _ := tmpl.Render(t.Context(), map[string]any{"items": []any{"a", "b"}})
			done <- out
		}()
	}
	first := <-done
	for range 7 {
		if out := <-done; out != first || first == "" {
			t.Error("renderings differ")
		}
	}
}
