package jinja

import (
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func seedSnippets(f *testing.F) {
	for name := range dialects {
		for _, file := range goldenFiles(f, name) {
			for _, s := range readSnippets(f, file) {
				f.Add(s.in, name == "nunjucks")
			}
		}
	}
	for _, s := range attacks() {
		f.Add(s, false)
		f.Add(s, true)
	}
	for _, s := range []string{"{{", "{%-", "{#-#}", "{{''}}", "{%raw%}{%endraw%}", "${{env", "${{ env['}}'] }}", "{{a[-1]|indent(1,true)}}", "\r\n{%- if", "{{- .x -}}", "# for\n##"} {
		f.Add(s, false)
	}
}

func fuzzEnv(t *testing.T, js bool) *Env {
	o := Options{TrimBlocks: true, LstripBlocks: true, Limits: Limits{Time: 2 * time.Second, Output: 1 << 20, Memory: 16 << 20, Steps: 500_000}}
	if js {
		o.Dialect = Nunjucks
	} else {
		o.LineStatementPrefix, o.LineCommentPrefix, o.Do, o.LoopControls = "#", "##", true, true
	}
	o.Loader = func(name string) (string, error) {
		if name == "self" {
			return "{% include 'self' %}", nil
		}
		return "{% macro m(a) %}{{ a }}{% endmacro %}{% block b %}x{% endblock %}", nil
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// FuzzLex: the tokens of any source lie in it, in their order.
func FuzzLex(f *testing.F) {
	seedSnippets(f)
	f.Fuzz(func(t *testing.T, src string, js bool) {
		tmpl := &Template{env: fuzzEnv(t, js), name: "t", src: src}
		tokens, err := tmpl.lex()
		if err != nil {
			if pave.CodeOf(err) != pave.Invalid {
				t.Fatalf("code %s: %v", pave.CodeOf(err), err)
			}
			return
		}
		last := 0
		for _, tok := range tokens {
			if tok.pos < last || tok.pos > len(src) {
				t.Fatalf("token %+v comes after position %d of %d", tok, last, len(src))
			}
			last = tok.pos
		}
	})
}

// FuzzParse: whatever the source, there is a template or an invalid error.
func FuzzParse(f *testing.F) {
	seedSnippets(f)
	f.Fuzz(func(t *testing.T, src string, js bool) {
		start := time.Now()
		if _, err := fuzzEnv(t, js).Parse("t", src); err != nil && pave.CodeOf(err) != pave.Invalid {
			t.Fatalf("code %s: %v", pave.CodeOf(err), err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %s", took)
		}
	})
}

// FuzzRender: whatever the template, there is a text or an invalid error, soon.
func FuzzRender(f *testing.F) {
	seedSnippets(f)
	f.Fuzz(func(t *testing.T, src string, js bool) {
		start := time.Now()
		tmpl, err := fuzzEnv(t, js).Parse("t", src)
		if err != nil {
			return
		}
		list := []any{"a", "b", int64(3), nil, 1.5}
		vars := map[string]any{
			"name": "pay-api", "n": int64(3), "f": 1.5, "yes": true, "no": false, "nothing": nil, "uni": "Grüße 🎉",
			"items": []any{"b", "a", "C"}, "nums": []any{int64(3), int64(1), int64(2)}, "list": list,
			"map": map[string]any{"k": "v", "list": []any{}}, "env": map[string]any{"x": "y"},
			"users": []any{map[string]any{"name": "Ann", "age": int64(3)}},
		}
		_, err = tmpl.Render(t.Context(), vars)
		if err == nil {
			_, err = tmpl.Value(t.Context(), vars)
		}
		if err != nil && pave.CodeOf(err) != pave.Invalid {
			t.Fatalf("code %s: %v", pave.CodeOf(err), err)
		}
		if took := time.Since(start); took > 9*time.Second {
			t.Fatalf("took %s", took)
		}
	})
}
