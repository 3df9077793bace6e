package jinja

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// FuzzRender: whatever the source, there is a text or an invalid error, soon.
func FuzzRender(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		for _, g := range readGolden(f, file) {
			f.Add(g.input)
		}
	}
	for _, s := range []string{"{{", "{%-", "{#-#}", "{{''}}", "{%raw%}{%endraw%}", "${{env", "${{ env['}}'] }}", "{{a[-1]|indent(1,true)}}", "\r\n{%- if"} {
		f.Add(s)
	}
	vars := map[string]any{
		"name": "pay-api", "n": int64(3), "f": 1.5, "yes": true, "nothing": nil,
		"list": []any{"a", "b", int64(3)}, "map": map[string]any{"key": "value", "list": []any{}}, "env": map[string]any{"x": "y"},
	}
	f.Fuzz(func(t *testing.T, src string) {
		start := time.Now()
		tmpl, err := Parse("t", src)
		if err == nil {
			_, err = tmpl.Render(t.Context(), vars)
		}
		if err != nil && pave.CodeOf(err) != pave.Invalid {
			t.Fatalf("code %s: %v", pave.CodeOf(err), err)
		}
		if took := time.Since(start); took > MaxTime+5*time.Second {
			t.Fatalf("took %s", took)
		}
	})
}
