package template

import (
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

const manifestText = `name: web
version: "1.0"
title: Web
description: A web service.
owner: platform
aliases: [web-service]
inputs:
  properties:
    level: {type: string, enum: [debug, info], default: info}
    port: {type: integer, minimum: 1024, maximum: 65535, default: 8080}
    probe: {type: boolean, default: true}
    code: {type: string, pattern: "^[A-Z]{3}$"}
  required: [code]
resources:
  - {kind: database, engine: postgresql, when: inputs.probe}
run: {command: bin/web, ready: /ready}
files:
  - path: db
    when: database == "postgresql"
  - path: "{{ name }}.probe.jinja"
    when: inputs.probe
`

// folder returns a template's files; each pair is a path and its content, and
// replaces what is there.
func folderOf(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{
		"template.yaml":                       {Data: []byte(manifestText)},
		"skeleton/README.md.jinja":            {Data: []byte("# {{ name }} of {{ team }} ({{ template.name }} {{ template.version }})\n")},
		"skeleton/go.mod.raw":                 {Data: []byte("module {{ x }}\n")},
		"skeleton/plain.txt":                  {Data: []byte("{{ untouched }}")},
		"skeleton/db/{{ name }}.sql.jinja":    {Data: []byte("-- {{ database }}")},
		"skeleton/{{ name }}.probe.jinja":     {Data: []byte("{{ inputs.port }}/{{ inputs.level|upper }}/{{ environments|join(',') }}")},
		"skeleton/scripts/run.jinja":          {Data: []byte("#!/bin/sh\n")},
		"skeleton/scripts/tool":               {Data: []byte("x"), Mode: 0o755},
		"skeleton/doc.jinja.raw":              {Data: []byte("{{ a }}")},
		"skeleton/.github/workflows/ci.jinja": {Data: []byte("${{ github.sha }}")},
	}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func load(t *testing.T, fsys fs.FS) *Template {
	t.Helper()
	tmpl, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestRender(t *testing.T) {
	t.Parallel()
	tmpl := load(t, folderOf())
	common := map[string]string{
		"README.md":            "# pay of squad (web 1.0)\n",
		"go.mod":               "module {{ x }}\n",
		"plain.txt":            "{{ untouched }}",
		"scripts/run":          "+#!/bin/sh\n",
		"scripts/tool":         "+x",
		"doc.jinja":            "{{ a }}",
		".github/workflows/ci": "${{ github.sha }}",
	}
	for name, c := range map[string]struct {
		reason string
		vars   Vars
		want   map[string]string
	}{
		"bare": {"conditions that do not hold leave files out",
			Vars{Inputs: map[string]any{"code": "ABC", "probe": false}}, nil},
		"all": {"conditions that hold keep files, and names are rendered",
			Vars{Database: "postgresql", Environments: []string{"a", "b"}, Inputs: map[string]any{"code": "ABC", "port": float64(9000)}},
			map[string]string{"db/pay.sql": "-- postgresql", "pay.probe": "9000/INFO/a,b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.vars.Name, c.vars.Team = "pay", "squad"
			tree, err := tmpl.Render(t.Context(), c.vars)
			if err != nil {
				t.Fatal(err)
			}
			want, got := maps.Clone(common), map[string]string{}
			maps.Copy(want, c.want)
			last := ""
			for _, f := range tree.Files {
				mark := ""
				if f.Mode == 0o755 {
					mark = "+"
				}
				got[f.Path] = mark + string(f.Data)
				if f.Path <= last {
					t.Errorf("%q comes after %q: a tree is sorted", f.Path, last)
				}
				last = f.Path
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:\n%s", c.reason, diff)
			}
		})
	}
}

func TestRenderRefusesPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"..", "../x", "a/../../x", "/etc/passwd", "", "a//b", "./a", "a/",
		".git", ".GIT", ".Git/hooks/x", "a/.git/config", "git~1", "GIT~2/x", ".git.", ".git ", ".g\u200cit",
		`a\b`, "a:b", ".git::$INDEX_ALLOCATION", "a\nb", "a\x00b", "ümlaut", "x. ", " x",
		strings.Repeat("a", 201), strings.Repeat("abc/", 300) + "a",
		"readme.md", "README.MD", "SCRIPTS/other", "scripts", "README.md/x",
	} {
		tmpl := load(t, folderOf("skeleton/{{ description if name != 'sample' else 'fine' }}", "x"))
		_, err := tmpl.Render(t.Context(), Vars{Name: "pay", Team: "t", Description: name, Inputs: map[string]any{"code": "ABC"}})
		if pave.CodeOf(err) != pave.Invalid {
			t.Errorf("path %q: got %v, want invalid", name, err)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	first := load(t, folderOf()).Digest()
	if again := load(t, folderOf()).Digest(); again != first {
		t.Errorf("the same template has digests %s and %s", first, again)
	}
	for reason, fsys := range map[string]fstest.MapFS{
		"a file's content":   folderOf("skeleton/plain.txt", "y"),
		"a file more":        folderOf("skeleton/new", ""),
		"the manifest":       folderOf("template.yaml", manifestText+"# note\n"),
		"content moved over": folderOf("skeleton/plain.txt", "", "skeleton/plain2.txt", "{{ untouched }}"),
	} {
		if load(t, fsys).Digest() == first {
			t.Errorf("%s changed, the digest did not", reason)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	edit := func(old, new string) fstest.MapFS {
		if !strings.Contains(manifestText, old) {
			t.Fatalf("%q is not in the manifest", old)
		}
		return folderOf("template.yaml", strings.Replace(manifestText, old, new, 1))
	}
	without := func(path string) fstest.MapFS {
		m := folderOf()
		maps.DeleteFunc(m, func(p string, _ *fstest.MapFile) bool { return strings.HasPrefix(p, path) })
		return m
	}
	for name, c := range map[string]struct {
		fsys       fs.FS
		want, hint string
	}{
		"no manifest":          {without("template.yaml"), "no file template.yaml", ""},
		"no skeleton":          {without("skeleton"), "no folder skeleton", ""},
		"unknown key":          {edit("owner:", "ownr:"), `template.yaml:5: unknown key "ownr"`, `did you mean "owner"?`},
		"case counts":          {edit("owner:", "Owner:"), `template.yaml:5: unknown key "Owner"`, `did you mean "owner"?`},
		"unknown inner key":    {edit("pattern:", "patern:"), `template.yaml:12: unknown key "inputs.properties.code.patern"`, `did you mean "pattern"?`},
		"unknown in a list":    {edit("engine:", "motor:"), `template.yaml:15: unknown key "resources.motor"`, "known keys are engine, kind, name, when"},
		"key twice":            {edit("owner: platform", "owner: a\nowner: b"), `line 6: key "owner" already set`, ""},
		"two documents":        {edit("owner:", "---\nowner:"), "template.yaml:5: a second document", ""},
		"many aliases":         {edit("owner: platform", "owner: &a "+strings.Repeat("x", 60<<10)+"\naliases: ["+strings.Repeat("*a, ", 8000)+"]"), "template.yaml: its aliases (*name) make 468 MiB of it", "use fewer"},
		"no YAML":              {edit("owner: platform", "owner: [a"), "template.yaml: line 5: did not find", ""},
		"number as text":       {edit(`version: "1.0"`, `version: 1.0`), "template.yaml:2: version must be a string, not a number", "quotes"},
		"bad version":          {edit(`"1.0"`, `"latest"`), `version "latest" must be a version`, ""},
		"bad name":             {edit("name: web", "name: Web"), `name "Web" must be`, ""},
		"bad alias":            {edit("[web-service]", "[-x]"), `name "-x" must be`, ""},
		"no owner":             {edit("owner: platform", "owner:"), "needs a title, a description and an owner", ""},
		"kind misspelt":        {edit("kind: database", "kind: databse"), `resources.kind "databse" is no kind`, "did you mean database?"},
		"unknown engine":       {edit("engine: postgresql", "engine: oracle"), `resources.engine "oracle" is no engine of a database`, "one of postgresql, mysql"},
		"unknown other engine": {edit("run:", "engines: {cache: [mysql]}\nrun:"), `engines.cache "mysql" is no engine of a cache`, "mysql is a database: --database mysql"},
		"engines of no kind":   {edit("run:", "engines: {databse: [mysql]}\nrun:"), `engines.databse "mysql" is no engine of a databse`, ""},
		"bad type":             {edit("type: boolean", "type: bool"), `inputs.properties.probe.type "bool" must be string`, ""},
		"bad default":          {edit("default: 8080", "default: 80"), `port.default "80" must be a whole number of at least 1024`, ""},
		"bad pattern":          {edit("^[A-Z]{3}$", "["), `code.pattern "[" is not a regular expression`, ""},
		"bad required":         {edit("required: [code]", "required: [cod]"), `inputs.required "cod" is not one of the properties: did you mean "code"?`, ""},
		"bad ready path":       {edit("ready: /ready", "ready: ready"), `run.ready "ready"`, ""},
		"bad condition":        {edit(`database == "postgresql"`, "database = 1"), `expected %}, found "="`, ""},
		"unknown condition":    {edit(`database == "postgresql"`, "databse"), `unknown variable "databse"`, `did you mean "database"?`},
		"condition on air":     {edit("path: db", "path: dbs"), `files.path "dbs" is no file or folder`, ""},
		"bad skeleton":         {folderOf("skeleton/a/b.jinja", "x\n{{ nme }}"), "template skeleton/a/b.jinja:2:4: unknown variable \"nme\"", `did you mean "name"?`},
		"bad syntax":           {folderOf("skeleton/b.jinja", "{% if %}"), "template skeleton/b.jinja:1:7", ""},
		"bad file name":        {folderOf("skeleton/{{ nme }}", ""), "the name of skeleton/{{ nme }}:1:4", ""},
		"huge manifest":        {edit("description: A", "description: "+strings.Repeat("A", MaxManifest)), "bytes, more than", ""},
		"only with a database": {folderOf("skeleton/db/x.jinja", "{{ nope }}"), `unknown variable "nope"`, ""},
		"only with a cache":    {folderOf("skeleton/x.jinja", "{% if cache == 'redis' %}{{ nope }}{% endif %}"), `unknown variable "nope"`, ""},
		"only with both":       {folderOf("skeleton/x.jinja", "{% if cache and database %}{{ nope }}{% endif %}"), `unknown variable "nope"`, ""},
		"only with neither":    {folderOf("skeleton/x.jinja", "{% if not cache and not database %}{{ nope }}{% endif %}"), `unknown variable "nope"`, ""},
		"cache, not database":  {folderOf("skeleton/x.jinja", "{% if cache and not database %}{{ nope }}{% endif %}"), `unknown variable "nope"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(c.fsys)
			if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.want) || !strings.Contains(pave.HintOf(err), c.hint) {
				t.Errorf("got %s %.300v (hint %q), want invalid with %q (hint %q)", pave.CodeOf(err), err, pave.HintOf(err), c.want, c.hint)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tmpl := load(t, folderOf())
	for name, c := range map[string]struct {
		reason string
		in     map[string]any
		want   map[string]any
		err    []string // fields and parts of their messages
	}{
		"defaults": {"what is not given is filled in", map[string]any{"code": "ABC"},
			map[string]any{"code": "ABC", "level": "info", "port": int64(8080), "probe": true}, nil},
		"json": {"JSON has floats only", map[string]any{"code": "ABC", "port": 9000.0, "probe": false},
			map[string]any{"code": "ABC", "level": "info", "port": int64(9000), "probe": false}, nil},
		"flags": {"command lines have strings only", map[string]any{"code": "ABC", "port": "1024", "probe": "false"},
			map[string]any{"code": "ABC", "level": "info", "port": int64(1024), "probe": false}, nil},
		"all wrong": {"every wrong field is named at once",
			map[string]any{"level": "trace", "port": 1.5, "probe": "yes", "levl": "x"}, nil,
			[]string{"inputs.level", "one of debug, info", "inputs.levl", `did you mean "level"?`, "inputs.port", "whole number of at least 1024", "inputs.probe", "true or false", "inputs.code", "required"}},
		"bounds":   {"a limit is a limit", map[string]any{"code": "ABC", "port": 65536}, nil, []string{"inputs.port", "65536", "at most 65535"}},
		"pattern":  {"patterns hold", map[string]any{"code": "abc"}, nil, []string{"inputs.code", "abc", "that matches ^[A-Z]{3}$"}},
		"too long": {"text is bounded", map[string]any{"code": strings.Repeat("A", MaxInput+1)}, nil, []string{"at most 4096 characters"}},
		"null":     {"null is no value", map[string]any{"code": nil}, nil, []string{"inputs.code"}},
		"list":     {"a list is no string", map[string]any{"code": []any{"ABC"}}, nil, []string{"inputs.code"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tmpl.Validate(t.Context(), Vars{Inputs: c.in})
			if c.err == nil {
				if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
					t.Errorf("%s: %v\n%s", c.reason, err, diff)
				}
				return
			}
			if pave.CodeOf(err) != pave.Invalid {
				t.Fatalf("%s: got %v, want invalid", c.reason, err)
			}
			for _, part := range c.err {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %q is not in %q", c.reason, part, err)
				}
			}
		})
	}
}

func TestDefaultResources(t *testing.T) {
	t.Parallel()
	tmpl := load(t, folderOf())
	for probe, want := range map[bool]int{true: 1, false: 0} {
		got, err := tmpl.DefaultResources(t.Context(), Vars{Inputs: map[string]any{"code": "ABC", "probe": probe}})
		if err != nil || len(got) != want {
			t.Errorf("probe %v: got %v, %v, want %d resources", probe, got, err, want)
		}
	}
}
