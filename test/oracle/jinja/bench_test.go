package jinja_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/template/jinja"
)

// fortyFiles is a template such as services have: code, YAML and Markdown.
func fortyFiles() map[string]string {
	body := `{% set name = cookiecutter.project_name %}# {{ name | title }}

{% macro badge(text, color='blue') -%}
![{{ text }}](https://example.com/{{ text | lower | replace(' ', '-') }}-{{ color }}.svg)
{%- endmacro %}
{{ badge(name) }} {{ badge('license ' ~ cookiecutter.license, color='green') }}

{% for feature in cookiecutter.features -%}
- {{ loop.index }}. {{ feature | capitalize }}{% if not loop.last %};{% else %}.{% endif %}
{% endfor %}
{%- if cookiecutter.use_docker == 'y' %}
FROM scratch
COPY {{ cookiecutter.project_slug }} /{{ cookiecutter.project_slug }}
{%- elif cookiecutter.license in ['MIT', 'BSD'] %}
open
{%- else %}
closed
{%- endif %}

package {{ cookiecutter.project_slug.replace('-', '_') }}

// {{ cookiecutter.description }} by {{ cookiecutter.author.split()[0] }} ({{ cookiecutter.version.split('.') | join('/') }})
`
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("dir%d/file%d.txt", i%5, i)] = strings.Repeat(body, 1+i%4)
	}
	return files
}

const cookiecutterJSON = `{"project_name": "pay api", "project_slug": "pay-api", "author": "Ann Miller", "license": "MIT", "version": "0.1.0",
"use_docker": "y", "description": "Takes payments", "features": {"a": "database", "b": "metrics"}}`

// cpu is the processor time of this process, or of its children that have ended.
func cpu(t testing.TB, who int) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// renderForty parses and renders all files in process.
func renderForty(t testing.TB, files map[string]string, vars map[string]any) map[string]string {
	out := make(map[string]string, len(files))
	env, err := jinja.New(jinja.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range files {
		tmpl, err := env.Parse(name, src)
		if err != nil {
			t.Fatal(err)
		}
		if out[name], err = tmpl.Render(t.Context(), vars); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// cookiecutterForty runs cookiecutter on the same template.
func cookiecutterForty(t testing.TB, files map[string]string, run int) (dir string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "template")
	for name, src := range files {
		path := filepath.Join(root, "{{cookiecutter.project_slug}}", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "cookiecutter.json"), []byte(cookiecutterJSON), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), fmt.Sprintf("out%d", run))
	cmd := exec.Command("/usr/bin/cookiecutter", "--no-input", "--output-dir", out, root)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cookiecutter: %v: run scripts/setup-test\n%s", err, text)
	}
	return filepath.Join(out, "pay-api")
}

// measureForty returns the processor time of one run of each, and holds that they
// give the same bytes.
func measureForty(t testing.TB) (ours, theirs time.Duration) {
	files := fortyFiles()
	vars := map[string]any{"cookiecutter": variables(t, []byte(cookiecutterJSON))}
	const runs = 3
	before := cpu(t, syscall.RUSAGE_CHILDREN)
	var dir string
	for i := range runs {
		dir = cookiecutterForty(t, files, i)
	}
	theirs = (cpu(t, syscall.RUSAGE_CHILDREN) - before) / runs
	for name, text := range renderForty(t, files, vars) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(want) != text {
			t.Fatalf("%s: %v\nours:\n%s\ncookiecutter:\n%s", name, err, text, want)
		}
	}
	const rounds = 20
	before = cpu(t, syscall.RUSAGE_SELF)
	for range rounds {
		renderForty(t, files, vars)
	}
	return (cpu(t, syscall.RUSAGE_SELF) - before) / rounds, theirs
}

// Rendering in process takes at most a twentieth of the processor time of
// cookiecutter.
func TestFortyFiles(t *testing.T) {
	needOracle(t)
	ours, theirs := measureForty(t)
	t.Logf("40 files: ours %s, cookiecutter %s: 1/%.0f", ours, theirs, float64(theirs)/float64(ours))
	if ours*20 > theirs {
		t.Errorf("ours takes %s, more than a twentieth of cookiecutter's %s", ours, theirs)
	}
}

// BenchmarkFortyFiles reports the processor time of the whole cookiecutter process
// over ours: go test -run '^$' -bench FortyFiles ./test/oracle/jinja
func BenchmarkFortyFiles(b *testing.B) {
	ours, theirs := measureForty(b)
	files := fortyFiles()
	vars := map[string]any{"cookiecutter": variables(b, []byte(cookiecutterJSON))}
	for b.Loop() {
		renderForty(b, files, vars)
	}
	b.ReportMetric(float64(theirs)/float64(ours), "x-cookiecutter")
}
