package jinja

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

// A golden case is, in a file of its topic:
//
//	==== what it shows
//	{"vars": "as JSON"}
//	-- input --
//	the template
//	-- want --           (or -- error --)
//	what comes out       (or message and hint)
//
// The last newline of each part is not part of it. UPDATE=1 writes what comes out.
type golden struct{ title, vars, input, kind, want string }

func readGolden(t testing.TB, file string) []golden {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	for part := range strings.SplitSeq(string(data), "==== ") {
		if part == "" {
			continue
		}
		var g golden
		var rest string
		var ok bool
		g.title, rest, _ = strings.Cut(part, "\n")
		if g.vars, rest, ok = strings.Cut(rest, "-- input --\n"); !ok {
			t.Fatalf("%s: %s: no input", file, g.title)
		}
		for _, kind := range []string{"want", "error"} {
			if in, want, ok := strings.Cut(rest, "\n-- "+kind+" --\n"); ok {
				g.kind, g.input, g.want = kind, in, strings.TrimSuffix(want, "\n")
			}
		}
		if g.kind == "" {
			t.Fatalf("%s: %s: neither want nor error", file, g.title)
		}
		cases = append(cases, g)
	}
	return cases
}

func run(t testing.TB, g golden) (kind, out string) {
	vars := map[string]any{}
	if g.vars != "" {
		if err := json.Unmarshal([]byte(g.vars), &vars); err != nil {
			t.Fatalf("%s: vars: %v", g.title, err)
		}
		wholeNumbers(vars)
	}
	tmpl, err := Parse("t", g.input)
	if err == nil {
		out, err = tmpl.Render(t.Context(), vars)
	}
	if err == nil {
		return "want", out
	}
	if pave.CodeOf(err) != pave.Invalid {
		t.Errorf("%s: code is %s, want invalid", g.title, pave.CodeOf(err))
	}
	return "error", strings.TrimSuffix(err.Error()+"\n"+pave.HintOf(err), "\n")
}

// wholeNumbers makes JSON's numbers integers where they are whole.
func wholeNumbers(v any) any {
	switch v := v.(type) {
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	case []any:
		for i := range v {
			v[i] = wholeNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = wholeNumbers(v[k])
		}
	}
	return v
}

func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			var updated strings.Builder
			for _, g := range readGolden(t, file) {
				kind, out := run(t, g)
				updated.WriteString("==== " + g.title + "\n" + g.vars + "-- input --\n" + g.input + "\n-- " + kind + " --\n" + out + "\n")
				if os.Getenv("UPDATE") == "" && (kind != g.kind || out != g.want) {
					t.Errorf("%s: got %s, want %s:\n%s", g.title, kind, g.kind, cmp.Diff(g.want, out))
				}
			}
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(updated.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<19)
	list := make([]any, 3000)
	for name, c := range map[string]struct{ reason, src, want string }{
		"source":      {"a template is not a data file", strings.Repeat("x", MaxSource+1), "has 1048577 bytes"},
		"utf8":        {"a picture is no template", "\xff\xfe", "not UTF-8"},
		"depth":       {"parentheses recurse", "{{ " + strings.Repeat("(", MaxDepth+1) + "1" + strings.Repeat(")", MaxDepth+1) + " }}", "nested deeper"},
		"not":         {"not recurses", "{{ " + strings.Repeat("not ", MaxDepth+1) + "1 }}", "nested deeper"},
		"else":        {"inline else recurses", "{{ " + strings.Repeat("1 if 1 else ", MaxDepth+1) + "1 }}", "nested deeper"},
		"blocks":      {"blocks recurse", strings.Repeat("{% if 1 %}", MaxDepth+1), "nested deeper"},
		"chain":       {"filters recurse when worked out", "{{ 1" + strings.Repeat("|lower", MaxDepth+2) + " }}", "chain longer"},
		"output":      {"a loop writes much", "{% for x in list %}{% for y in list %}" + strings.Repeat("y", 100) + "{% endfor %}{% endfor %}", "the rendering is larger"},
		"replace":     {"each letter becomes a text", "{{ big | replace('', big) }}", "value is too large"},
		"join":        {"the separator is long", "{{ list | join(big) }}", "value is too large"},
		"indent":      {"each line grows", "{{ '" + strings.Repeat(`\n`, 1<<16) + "' | indent(1000, blank=true) }}", "value is too large"},
		"concat":      {"the same value often", "{{ big" + strings.Repeat(" ~ big", 100) + " }}", "value is too large"},
		"work":        {"values that are thrown away", "{% for x in list %}{% if (big ~ big)|length == 0 %}{% endif %}{% endfor %}", "value is too large"},
		"steps":       {"three loops", "{% for x in list %}{% for y in list %}{% for z in list %}{% endfor %}{% endfor %}{% endfor %}", "steps"},
		"foreign":     {"no Go object reaches a template", "{{ file }}", "variable file has a type that templates do not have: *os.File"},
		"foreign key": {"also inside", "", "variable nest.list[0] has a type that templates do not have: func()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vars := map[string]any{"big": big, "list": list}
			if name == "foreign" {
				vars["file"] = os.Stdin
			}
			if name == "foreign key" {
				vars["nest"] = map[string]any{"list": []any{func() {}}}
			}
			tmpl, err := Parse("t", c.src)
			if err == nil {
				_, err = tmpl.Render(t.Context(), vars)
			}
			if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %.200v, want an invalid error with %q", c.reason, err, c.want)
			}
		})
	}
}

func TestRenderCancelled(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("t", "{% for x in list %}{% for y in list %}{% endfor %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tmpl.Render(ctx, map[string]any{"list": make([]any, 3000)})
	var e *pave.Error
	if !errors.As(err, &e) || e.Code != pave.Unavailable {
		t.Errorf("got %v, want unavailable: the caller went away, the template is not at fault", err)
	}
}
