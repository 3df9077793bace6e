package cookiecutter

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pave-platform/pave"
)

// What is wrong is said with its place and the way out, and nothing is made.
func TestBadInput(t *testing.T) {
	t.Parallel()
	good := `{"slug": "demo", "kind": ["library", "service"], "ci": true, "map": {"a": 1}, "list": "x"}`
	for _, c := range []struct {
		name        string
		files       map[string]string
		given       map[string]any
		code        pave.Code
		want, hints string
	}{
		{"no template", map[string]string{"README": ""}, nil, pave.NotFound, "has no cookiecutter.json", ""},
		{"template elsewhere", map[string]string{"a/b/cookiecutter.json": "{}"}, nil, pave.NotFound, "has no cookiecutter.json", "a/b"},
		{"broken JSON", map[string]string{ConfigName: "{\n  \"a\": 1,\n}"}, nil, pave.Invalid, "cookiecutter.json:3:1 is not JSON", "comma"},
		{"cut off", map[string]string{ConfigName: `{"a": "b"`}, nil, pave.Invalid, "cookiecutter.json:1:9 is not JSON", ""},
		{"a list", map[string]string{ConfigName: `["a"]`}, nil, pave.Invalid, "not a JSON object", ""},
		{"not UTF-8", map[string]string{ConfigName: "{\"a\": \"\xe9\"}"}, nil, pave.Invalid, "not UTF-8", ""},
		{"deep", map[string]string{ConfigName: strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)}, nil, pave.Invalid, "too deeply", ""},
		{"no folder", map[string]string{ConfigName: `{"slug": "x"}`, "src/a": ""}, nil, pave.Invalid, "no folder to render", "{{cookiecutter.project_slug}}"},
		{"no choices", map[string]string{ConfigName: `{"slug": "x", "c": []}`, folder + "/a": ""}, nil, pave.Invalid, "c has no choices", ""},
		{"extension", map[string]string{ConfigName: `{"slug": "x", "_extensions": ["local_extensions.Foo"]}`, folder + "/a": ""}, nil, pave.Invalid, "local_extensions.Foo, which is a program in Python", "slugify"},
		{"environment", map[string]string{ConfigName: `{"slug": "x", "_jinja2_env_vars": {"trim_block": true}}`, folder + "/a": ""}, nil, pave.Invalid, "trim_block", `did you mean "trim_blocks"`},
		{"patterns", map[string]string{ConfigName: `{"slug": "x", "_copy_without_render": [1]}`, folder + "/a": ""}, nil, pave.Invalid, "_copy_without_render", ""},
		{"newlines", map[string]string{ConfigName: `{"slug": "x", "_new_lines": "crlf"}`, folder + "/a": ""}, nil, pave.Invalid, "_new_lines", ""},
		{"nested outside", map[string]string{ConfigName: `{"templates": {"a": {"path": "../b"}}}`}, nil, pave.Invalid, "not a folder below", ""},
		{"nested without folder", map[string]string{ConfigName: `{"template": ["a"]}`}, nil, pave.Invalid, "without a folder", ""},
		{"unknown variable", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"slgu": "x"}, pave.Invalid, `no variable "slgu"`, `did you mean "slug"`},
		{"steering variable", map[string]string{ConfigName: `{"slug": "x", "_extensions": []}`, folder + "/a": ""}, map[string]any{"_extensions": "x"}, pave.Invalid, "cannot be set", ""},
		{"wrong choice", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"kind": "servce"}, pave.Invalid, `kind "servce" is not one of the choices`, `did you mean "service"`},
		{"wrong boolean", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"ci": "perhaps"}, pave.Invalid, `ci "perhaps"`, "yes or no"},
		{"wrong object", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"map": "x"}, pave.Invalid, `map "x"`, "object"},
		{"list for text", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"list": []any{"a"}}, pave.Invalid, "list", "text"},
		{"NUL", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"list": "a\x00b"}, pave.Invalid, "list", "NUL"},
		{"unknown in default", map[string]string{ConfigName: `{"slug": "{{ cookiecutter.name }}", "name": "x"}`, folder + "/a": ""}, nil, pave.Invalid, "cookiecutter.json#slug", ""},
		{"unknown in file", map[string]string{ConfigName: good, folder + "/sub/a.txt": "one\n  {{ cookiecutter.slgu }}"}, nil, pave.Invalid, folder + "/sub/a.txt:2:", "slug"},
		{"unknown in name", map[string]string{ConfigName: good, folder + "/{{cookiecutter.nope}}/a": ""}, nil, pave.Invalid, "nope", ""},
		{"syntax", map[string]string{ConfigName: good, folder + "/a.txt": "{% if x %}"}, nil, pave.Invalid, folder + "/a.txt:1:", ""},
		{"other brackets", map[string]string{ConfigName: good, folder + "/a.js": "x = {{a: 1}}"}, nil, pave.Invalid, folder + "/a.js:1:", "_copy_without_render"},
		{"escape", map[string]string{ConfigName: good, folder + "/{{cookiecutter.list}}/a": ""}, map[string]any{"list": "../../etc"}, pave.Invalid, "leads outside", "answers"},
		{"escape of a file", map[string]string{ConfigName: good, folder + "/{{cookiecutter.list}}": ""}, map[string]any{"list": "../passwd"}, pave.Invalid, "leads outside", "answers"},
		{"escape of the root", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"slug": "../x"}, pave.Invalid, "leads outside", "answers"},
		{"empty root", map[string]string{ConfigName: good, folder + "/a": ""}, map[string]any{"slug": ""}, pave.Invalid, "no name", ""},
		{"absolute", map[string]string{ConfigName: good, folder + "/{{cookiecutter.list}}": ""}, map[string]any{"list": "/etc/passwd"}, pave.Invalid, "is absolute", ""},
		{"git", map[string]string{ConfigName: good, folder + "/{{cookiecutter.list}}/hooks/x": ""}, map[string]any{"list": ".GIT"}, pave.Invalid, "belongs to git", ""},
		{"long name", map[string]string{ConfigName: good, folder + "/{{cookiecutter.list}}": ""}, map[string]any{"list": strings.Repeat("x", 300)}, pave.Invalid, "255 bytes", ""},
		{"folders meet", map[string]string{ConfigName: good, folder + "/demo/a": "", folder + "/{{cookiecutter.slug}}/b": ""}, nil, pave.Conflict, `both become "demo"`, ""},
		{"folder without name", map[string]string{ConfigName: good, folder + "/{% if false %}x{% endif %}/a": ""}, nil, pave.Conflict, "gets no name", "left out"},
		{"file on folder", map[string]string{ConfigName: good, folder + "/x/{{cookiecutter.list}}/a": "", folder + "/b": ""}, map[string]any{"list": "../b"}, pave.Conflict, "is a file already", ""},
		{"link outside", map[string]string{ConfigName: good, folder + "/a": "->../../../etc/passwd"}, nil, pave.Invalid, "outside of the template", "replace"},
		{"absolute link", map[string]string{ConfigName: good, folder + "/a": "->/etc/passwd"}, nil, pave.Invalid, "outside of the template", "replace"},
		{"link to nothing", map[string]string{ConfigName: good, folder + "/a": "->b"}, nil, pave.Invalid, "does not exist", ""},
		{"config outside", map[string]string{ConfigName: "->../secret.json", folder + "/a": ""}, nil, pave.Invalid, "outside of the template", "replace"},
		{"hooks outside", map[string]string{ConfigName: good, folder + "/a": "", "hooks": "->/etc"}, nil, pave.Invalid, "outside of the template", "replace"},
		{"include by a link", map[string]string{ConfigName: good, folder + "/a": "{% include 'x' %}", "templates": "->/etc"}, nil, pave.Invalid, "outside of the template", ""},
		{"link to itself", map[string]string{ConfigName: good, folder + "/a": "->a"}, nil, pave.Invalid, "leads to itself", ""},
		{"link around", map[string]string{ConfigName: `{"slug": "x", "_copy_without_render": ["c"]}`, folder + "/c/d": "->.."}, nil, pave.Invalid, "nested deeper", ""},
		{"include outside", map[string]string{ConfigName: good, folder + "/a": "{% include '../../secret' %}"}, nil, pave.Invalid, "secret", ""},
		{"latin-1", map[string]string{ConfigName: good, folder + "/a": "caf\xe9 {{ cookiecutter.slug }}"}, nil, pave.Invalid, "neither UTF-8 nor binary", "_copy_without_render"},
		{"endless", map[string]string{ConfigName: good, folder + "/a": "{% for i in range(1000000) %}{% for j in range(1000000) %}x{% endfor %}{% endfor %}"}, nil, pave.Invalid, folder + "/a", ""},
		{"bomb", map[string]string{ConfigName: good, folder + "/a": "{{ 'x' * 1000000000000 }}"}, nil, pave.Invalid, folder + "/a", ""},
		{"own include", map[string]string{ConfigName: good, folder + "/a": "{% include 'a' %}"}, nil, pave.Invalid, "a:1:4", ""},
		{"random bomb", map[string]string{ConfigName: good, folder + "/a": "{{ random_ascii_string(100000000) }}"}, nil, pave.Invalid, "at most", ""},
		{"zone", map[string]string{ConfigName: good, folder + "/a": "{% now 'Mars/Olympus' %}"}, nil, pave.Invalid, "Mars/Olympus", ""},
		{"zone path", map[string]string{ConfigName: good, folder + "/a": "{% now '../../etc/passwd' %}"}, nil, pave.Invalid, "no time zone", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, err := render(t, files(c.files), c.given)
			if res != nil || pave.CodeOf(err) != c.code {
				t.Fatalf("%v, %s: %v", res, pave.CodeOf(err), err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(pave.HintOf(err), c.hints) {
				t.Errorf("%v (%s)\nwant %q (%q)", err, pave.HintOf(err), c.want, c.hints)
			}
		})
	}
}

// onDisk lays files into a folder.
func onDisk(t *testing.T, pairs map[string][]byte) fs.FS {
	t.Helper()
	dir := t.TempDir()
	pairs[ConfigName] = []byte(`{"slug": "demo"}`)
	for name, data := range pairs {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return os.DirFS(dir)
}

func TestTooMuch(t *testing.T) {
	t.Parallel()
	many, loud := map[string][]byte{}, map[string][]byte{}
	for i := range MaxFiles + 1 {
		many[fmt.Sprintf("%s/f%d", folder, i)] = nil
	}
	for i := range 10 {
		loud[fmt.Sprintf("%s/f%d", folder, i)] = []byte("{{ 'x' * 10000000 }}")
	}
	for want, pairs := range map[string]map[string][]byte{
		"more than 20000 files": many,
		"larger than":           {folder + "/large": make([]byte, MaxBytes+1)},
		"more than 64 MiB":      loud,
		"deeper than":           {folder + strings.Repeat("/d", maxDepth+2) + "/a": nil},
	} {
		if _, err := render(t, onDisk(t, pairs), nil); pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Ten thousand files and a large one that has nothing to fill in are no trouble.
func TestMuch(t *testing.T) {
	t.Parallel()
	pairs := map[string][]byte{folder + "/large.txt": bytes.Repeat([]byte("0123456789abcde\n"), 1<<20)}
	for i := range 10_000 {
		pairs[fmt.Sprintf("%s/d%d/f%d.txt", folder, i%100, i)] = []byte("{{ cookiecutter.slug }}\n")
	}
	start := time.Now()
	res, err := render(t, onDisk(t, pairs), nil)
	if err != nil || len(res.Files) != 10_001 {
		t.Fatal(err)
	}
	t.Logf("%d files in %s", len(res.Files), time.Since(start))
}

func TestEnds(t *testing.T) {
	t.Parallel()
	tmpl, err := Load(files(map[string]string{ConfigName: `{"slug": "demo"}`, folder + "/a": "{% for i in range(1000000) %}{% for j in range(1000000) %}{% endfor %}{% endfor %}"}))
	if err != nil {
		t.Fatal(err)
	}
	a, err := tmpl.Answers(t.Context(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := tmpl.Render(ctx, a, Options{}); pave.CodeOf(err) != pave.Unavailable {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errTooSlow)
	defer cancel()
	if _, err := tmpl.Render(ctx, a, Options{}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("its own time is over: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		`{"slug": "demo"}`, `{"slug": "{{ cookiecutter.a }}", "a": [1, {"b": null}]}`, `{"_extensions": ["x"], "_jinja2_env_vars": {"trim_blocks": 1}}`,
		`{"templates": {"a": {"path": "./b"}}}`, `{"template": ["A (b)"]}`, `{"_copy_without_render": "*", "__x": {"{{ 1 }}": true}}`, `{"__prompts__": {"slug": {"__prompt__": "x"}}}`,
		`[`, `{"a": 1e999}`, `{"a": 123456789012345678901234567890}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, config []byte) {
		fsys := files(map[string]string{folder + "/{{cookiecutter.slug}}.txt": "{{ cookiecutter }}"})
		fsys[ConfigName] = &fstest.MapFile{Data: config, Mode: 0o644}
		tmpl, err := Load(fsys)
		if err != nil {
			if pave.CodeOf(err) != pave.Invalid {
				t.Fatalf("%s: %v", pave.CodeOf(err), err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		a, err := tmpl.Answers(ctx, nil, Options{})
		if err != nil {
			return
		}
		res, err := tmpl.Render(ctx, a, Options{})
		if err != nil {
			return
		}
		for _, file := range res.Files {
			if !fs.ValidPath(file.Path) {
				t.Fatalf("path %q", file.Path)
			}
		}
	})
}
