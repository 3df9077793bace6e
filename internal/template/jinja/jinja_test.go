package jinja

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
	"github.com/rogpeppe/go-internal/txtar"
)

// A snippet is a golden case. A file of them is a txtar archive: "vars" (JSON),
// "options" (JSON) and "template NAME" hold for what follows; then come, for each,
//
//	-- in: what it shows --
//	-- want --     what comes out, or
//	-- error --    message and hint
//
// and where that differs from the original on purpose, between them
//
//	-- differs --  the reason
//	-- original -- what the original gives ("error: ..." if it fails)
//
// The last newline of each part is not part of it. test/oracle/jinja compares with
// the originals; with UPDATE=1 it writes what they give.
type snippet struct {
	title, in, kind, want, differs string
	vars                           map[string]any
	options                        options
	templates                      map[string]string
}

type options struct {
	TrimBlocks          bool   `json:"trim_blocks"`
	LstripBlocks        bool   `json:"lstrip_blocks"`
	DropTrailingNewline bool   `json:"drop_trailing_newline"`
	VariableStart       string `json:"variable_start"`
	LineStatement       string `json:"line_statement"`
	LineComment         string `json:"line_comment"`
	Do                  bool   `json:"do"`
	LoopControls        bool   `json:"loop_controls"`
}

func readSnippets(t testing.TB, file string) []snippet {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []snippet
	s := snippet{templates: map[string]string{}}
	for _, f := range archive.Files {
		data := strings.TrimSuffix(string(f.Data), "\n")
		kind, title, _ := strings.Cut(f.Name, ": ")
		name, isTemplate := strings.CutPrefix(f.Name, "template ")
		switch {
		case f.Name == "vars":
			s.vars, err = decodeVars(data)
		case f.Name == "options":
			s.options = options{}
			err = json.Unmarshal([]byte(data), &s.options)
		case isTemplate:
			s.templates[name] = string(f.Data)
		case kind == "in":
			s.title, s.in, s.differs = title, data, ""
		case kind == "differs":
			s.differs = data
		case kind == "want" || kind == "error":
			s.kind, s.want = kind, data
			all = append(all, s)
		case kind != "original":
			t.Fatalf("%s: unknown part %q", file, f.Name)
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", file, f.Name, err)
		}
	}
	return all
}

// decodeVars reads JSON, whole numbers as int64.
func decodeVars(data string) (map[string]any, error) {
	vars := map[string]any{}
	dec := json.NewDecoder(strings.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&vars); err != nil {
		return nil, err
	}
	wholeNumbers(vars)
	return vars, nil
}

func wholeNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
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

func (s snippet) env(t testing.TB, d Dialect) *Env {
	t.Helper()
	e, err := New(Options{
		Dialect: d, TrimBlocks: s.options.TrimBlocks, LstripBlocks: s.options.LstripBlocks,
		DropTrailingNewline: s.options.DropTrailingNewline, VariableStart: s.options.VariableStart,
		LineStatementPrefix: s.options.LineStatement, LineCommentPrefix: s.options.LineComment,
		Do: s.options.Do, LoopControls: s.options.LoopControls,
		Loader: func(name string) (string, error) {
			src, ok := s.templates[name]
			if !ok {
				return "", pave.Errorf(pave.NotFound, "no %s", name)
			}
			return src, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (s snippet) run(t testing.TB, d Dialect) (kind, out string) {
	tmpl, err := s.env(t, d).Parse("t", s.in)
	if err == nil {
		out, err = tmpl.Render(t.Context(), s.vars)
	}
	if err == nil {
		return "want", out
	}
	if pave.CodeOf(err) != pave.Invalid {
		t.Errorf("%s: code is %s, want invalid", s.title, pave.CodeOf(err))
	}
	return "error", strings.TrimSuffix(err.Error()+"\n"+pave.HintOf(err), "\n")
}

var dialects = map[string]Dialect{"jinja2": Jinja2, "nunjucks": Nunjucks}

func goldenFiles(t testing.TB, dialect string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dialect, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return files
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, dialect := range dialects {
		for _, file := range goldenFiles(t, name) {
			t.Run(name+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
				t.Parallel()
				for _, s := range readSnippets(t, file) {
					kind, out := s.run(t, dialect)
					if kind != s.kind || strings.TrimSuffix(out, "\n") != strings.TrimSuffix(s.want, "\n") {
						t.Errorf("%s: %s\ngot %s, want %s:\n%s", s.title, s.in, kind, s.kind, cmp.Diff(s.want, out))
					}
				}
			})
		}
	}
}

// How many snippets there must be at least.
func TestEnoughSnippets(t *testing.T) {
	t.Parallel()
	for name := range dialects {
		n := 0
		for _, file := range goldenFiles(t, name) {
			n += len(readSnippets(t, file))
		}
		if n < 300 {
			t.Errorf("%s has %d snippets, want at least 300", name, n)
		}
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

func ExampleTemplate_Value() {
	e, _ := New(Options{Dialect: Nunjucks, VariableStart: "${{"})
	t, _ := e.Parse("values", "${{ parameters.replicas }}")
	v, _ := t.Value(context.Background(), map[string]any{"parameters": map[string]any{"replicas": 3}})
	fmt.Printf("%T %v\n", v, v)
	// Output: int64 3
}
