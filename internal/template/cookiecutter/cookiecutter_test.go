package cookiecutter

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
)

// files makes a template in memory; a value that begins with "->" is a link.
func files(pairs map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, data := range pairs {
		f := &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		if to, ok := strings.CutPrefix(data, "->"); ok {
			f.Data, f.Mode = []byte(to), fs.ModeSymlink|0o777
		}
		out[name] = f
	}
	return out
}

const folder = "{{cookiecutter.slug}}"

// render does all three steps.
func render(t *testing.T, fsys fs.FS, given map[string]any) (*Result, error) {
	t.Helper()
	tmpl, err := Load(fsys)
	if err != nil {
		return nil, err
	}
	o := Options{Now: time.Unix(0, 0).UTC(), Random: rand.NewChaCha8([32]byte{1})}
	answers, err := tmpl.Answers(t.Context(), given, o)
	if err != nil {
		return nil, err
	}
	return tmpl.Render(t.Context(), answers, o)
}

func texts(res *Result) map[string]string {
	out := map[string]string{}
	for _, f := range res.Files {
		out[f.Path] = string(f.Data)
	}
	return out
}

func TestRender(t *testing.T) {
	t.Parallel()
	res, err := render(t, files(map[string]string{
		ConfigName:                       `{"slug": "demo", "n": 2}`,
		folder + "/a.txt":                "{{ cookiecutter.slug }} {{ cookiecutter.n }}\n",
		folder + "/{{cookiecutter.n}}/b": "b",
		"hooks/post_gen_project.py":      "x",
		"README.md":                      "{{ not part of it }}",
	}), map[string]any{"n": 3})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a.txt": "demo 3\n", "3/b": "b"}
	if d := cmp.Diff(want, texts(res)); d != "" {
		t.Error(d)
	}
	if res.Root != "demo" || !slices.Equal(res.Skipped, []string{"hooks/post_gen_project.py"}) {
		t.Errorf("root %q, skipped %v", res.Root, res.Skipped)
	}
}

// Equal clocks and dice make equal trees, and dice that differ do not.
func TestRandomIsSettable(t *testing.T) {
	t.Parallel()
	tmpl, err := Load(files(map[string]string{
		ConfigName:        `{"slug": "demo", "key": "{{ random_ascii_string(20, punctuation=true) }}"}`,
		folder + "/a.txt": "{{ cookiecutter.key }} {{ uuid4() }} {% now 'utc', '%s' %}",
	}))
	if err != nil {
		t.Fatal(err)
	}
	made := func(seed byte) string {
		o := Options{Now: time.Unix(7, 0), Random: rand.NewChaCha8([32]byte{seed})}
		a, err := tmpl.Answers(t.Context(), nil, o)
		if err != nil {
			t.Fatal(err)
		}
		res, err := tmpl.Render(t.Context(), a, o)
		if err != nil {
			t.Fatal(err)
		}
		return texts(res)["a.txt"]
	}
	if a, b := made(1), made(1); a != b || len(a) != 20+1+36+1+1 {
		t.Errorf("%q, then %q", a, b)
	}
	if a, b := made(1), made(2); a == b {
		t.Errorf("both %q", a)
	}
}

func TestPrompts(t *testing.T) {
	t.Parallel()
	tmpl, err := Load(files(map[string]string{
		ConfigName: `{"name": "My App", "slug": "{{ cookiecutter.name|lower|replace(' ', '-') }}", "_x": 1, "__y": "y",
			"db": ["{{ cookiecutter.slug }}-db", "none"], "ci": true, "extra": {"a": 1},
			"__prompts__": {"name": "What is it called?", "db": {"__prompt__": "Which database?", "none": "No database"}}}`,
		folder + "/a": "",
	}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range tmpl.Prompts() {
		got = append(got, string(p.Kind)+" "+p.Name+": "+p.Text)
	}
	want := []string{"text name: What is it called?", "text slug: slug", "choice db: Which database?", "boolean ci: ci", "object extra: extra"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	p, err := tmpl.Ask(t.Context(), "db", map[string]any{"name": "Big Shop"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Choice{{"big-shop-db", "big-shop-db"}, {"none", "No database"}}, p.Choices); d != "" || p.Default != "big-shop-db" {
		t.Error(d, p.Default)
	}
	a, err := tmpl.Answers(t.Context(), map[string]any{"db": "none", "ci": "off", "extra": `{"b": "2"}`}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(a.Values())); !slices.Equal(got, []string{"ci", "db", "extra", "name", "slug"}) {
		t.Errorf("values %v", got)
	}
	if v, _ := a.Get("extra"); v.(*jinja.Dict).Len() != 2 {
		t.Errorf("extra is %v", v)
	}
	if v, _ := a.Get("ci"); v != false {
		t.Errorf("ci is %v", v)
	}
}

// A template and its answers may be used by many, and no rendering changes them.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	tmpl, err := Load(files(map[string]string{
		ConfigName:        `{"slug": "demo", "_list": [1], "map": {"a": [2]}, "_extensions": ["jinja2.ext.do"]}`,
		folder + "/a.txt": "{% do cookiecutter._list.append(3) %}{% do cookiecutter.map.a.append(4) %}{{ cookiecutter._list }} {{ cookiecutter.map.a }}",
	}))
	if err != nil {
		t.Fatal(err)
	}
	a, err := tmpl.Answers(t.Context(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if res, err := tmpl.Render(t.Context(), a, Options{}); err != nil || texts(res)["a.txt"] != "[1, 3] ['2', 4]" {
					t.Errorf("%v %v", res, err)
				}
				if _, err := tmpl.Answers(t.Context(), map[string]any{"map": map[string]any{"a": []any{}}}, Options{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// What belongs to GitHub or to Helm stays as it is.
func TestForeign(t *testing.T) {
	t.Parallel()
	const workflow = "sha: ${{ github.sha }} {{ cookiecutter.slug }} {{ .Values.image }}"
	res, err := render(t, files(map[string]string{ConfigName: `{"slug": "demo"}`, folder + "/ci.yml": workflow}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(res)["ci.yml"]; got != "sha: ${{ github.sha }} demo {{ .Values.image }}" {
		t.Errorf("%q", got)
	}
}

// Choices may be numbers or lists, and are given as text, too.
func TestOddChoices(t *testing.T) {
	t.Parallel()
	tmpl, err := Load(files(map[string]string{
		ConfigName:    `{"slug": "demo", "version": [3.9, 3.1, 12], "tools": [["a"], ["b", "c"]], "on": [true, false]}`,
		folder + "/a": "",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range []map[string]any{
		{"version": "12", "tools": []any{"b", "c"}, "on": "False"},
		{"version": 12, "tools": []string{"b", "c"}, "on": false},
	} {
		a, err := tmpl.Answers(t.Context(), given, Options{})
		if err != nil {
			t.Fatal(err)
		}
		version, _ := a.Get("version")
		tools, _ := a.Get("tools")
		on, _ := a.Get("on")
		if d := cmp.Diff([]any{"12", []any{"b", "c"}, false}, []any{version, tools, on}); d != "" {
			t.Error(d)
		}
	}
	for _, given := range []map[string]any{{"tools": []any{"b"}}, {"version": []any{"b"}}, {"tools": map[string]any{}}, {"on": "maybe"}} {
		if _, err := tmpl.Answers(t.Context(), given, Options{}); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%v: %v", given, err)
		}
	}
}

// A value that a person gives is data, whatever it looks like.
func TestAnswersAreNotTemplates(t *testing.T) {
	t.Parallel()
	res, err := render(t, files(map[string]string{
		ConfigName:        `{"slug": "demo", "title": "x", "derived": "{{ cookiecutter.title }}"}`,
		folder + "/a.txt": "{{ cookiecutter.title }}|{{ cookiecutter.derived }}",
	}), map[string]any{"title": "{{ 7*7 }}{% for"})
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(res)["a.txt"]; got != "{{ 7*7 }}{% for|{{ 7*7 }}{% for" {
		t.Errorf("%q", got)
	}
}

func TestNested(t *testing.T) {
	t.Parallel()
	fsys := files(map[string]string{
		ConfigName:                  `{"templates": {"go": {"path": "./kinds/go", "title": "Go"}, "py": {"path": "kinds/py"}}}`,
		"kinds/go/" + ConfigName:    `{"slug": "go"}`,
		"kinds/go/" + folder + "/a": "->../../../shared/a",
		"shared/a":                  "{{ cookiecutter.slug }}",
		"kinds/py/" + ConfigName:    `{"slug": "py"}`,
		"kinds/py/" + folder + "/b": "b",
	})
	tmpl, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Nested{{"go", "kinds/go", "Go", ""}, {"py", "kinds/py", "", ""}}, tmpl.Nested()); d != "" {
		t.Error(d)
	}
	if _, err := tmpl.Answers(t.Context(), nil, Options{}); pave.CodeOf(err) != pave.Invalid || !strings.Contains(pave.HintOf(err), "go, py") {
		t.Errorf("answers of several templates: %v (%s)", err, pave.HintOf(err))
	}
	if _, err := tmpl.Select("og"); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("an unknown one: %v", err)
	}
	if tmpl, err = tmpl.Select("./kinds/go"); err != nil {
		t.Fatal(err)
	}
	a, _ := tmpl.Answers(t.Context(), nil, Options{})
	res, err := tmpl.Render(t.Context(), a, Options{})
	if err != nil || texts(res)["a"] != "go" {
		t.Errorf("%v %v", res, err)
	}
	found, err := Find(fsys)
	if d := cmp.Diff([]string{".", "kinds/go", "kinds/py"}, found); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestHookScript(t *testing.T) {
	t.Parallel()
	tmpl, err := Load(files(map[string]string{
		ConfigName:                   `{"slug": "demo"}`,
		folder + "/a":                "",
		"hooks/pre_prompt.py":        "{{ as it is }}",
		"hooks/pre_gen_project.py":   "print('{{ cookiecutter.slug }}')\r\n",
		"hooks/post_gen_project.py~": "",
		"hooks/post_gen_project":     "#!/bin/sh\n",
		"hooks/other.py":             "",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"hooks/post_gen_project", "hooks/pre_gen_project.py", "hooks/pre_prompt.py"}, tmpl.Hooks()); d != "" {
		t.Fatal(d)
	}
	a, err := tmpl.Answers(t.Context(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for hook, want := range map[string]string{"hooks/pre_prompt.py": "{{ as it is }}", "hooks/pre_gen_project.py": "print('demo')\n"} {
		f, err := tmpl.HookScript(t.Context(), hook, a, Options{})
		if err != nil || string(f.Data) != want || f.Mode != 0o755 {
			t.Errorf("%s: %q %v %v", hook, f.Data, f.Mode, err)
		}
	}
	if _, err := tmpl.HookScript(t.Context(), "hooks/other.py", a, Options{}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("another file: %v", err)
	}
}
