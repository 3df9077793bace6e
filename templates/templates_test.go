package templates_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/template"
	"github.com/pave-platform/pave/templates"
)

var update = flag.Bool("update", os.Getenv("UPDATE") != "", "write the golden files")

// names are the templates that ship.
var names = []string{"go-http", "node-express", "python-service", "static-site", "worker"}

// options are what a developer may choose of a database, a cache and a queue.
var options = map[string][3]string{
	"none": {}, "database": {"postgresql"}, "cache": {"", "redis"}, "both": {"postgresql", "redis"}, "queue": {"", "", "nats"}, "rabbitmq": {"", "", "rabbitmq"},
	"mysql": {"mysql"}, "mysql and cache": {"mysql", "redis"},
}

// chosen are the options of a template: another database those that speak to one, and
// another queue the worker, for the others know nothing of any.
func chosen(t *testing.T, name string) (out []string) {
	t.Helper()
	tmpl := load(t, name)
	for _, option := range []string{"none", "database", "cache", "both", "queue", "rabbitmq", "mysql", "mysql and cache"} {
		if (option != "rabbitmq" || name == "worker") && tmpl.Takes("database", options[option][0]) == nil {
			out = append(out, option)
		}
	}
	return out
}

// A rendered service.
type rendered struct {
	template, option string
	files            map[string]string // content by path
}

func load(t *testing.T, name string) *template.Template {
	t.Helper()
	sub, err := fs.Sub(templates.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(sub)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func render(t *testing.T, name, option string) rendered {
	t.Helper()
	vars := template.Vars{Name: "payment-processor", Team: "payment-squad", Description: "Takes 'money', \"fast\".",
		Environments: []string{"staging", "production"}, Database: options[option][0], Cache: options[option][1], Queue: options[option][2]}
	tree, err := load(t, name).Render(t.Context(), vars)
	if err != nil {
		t.Fatal(err)
	}
	r := rendered{name, option, map[string]string{}}
	for _, f := range tree.Files {
		r.files[f.Path] = string(f.Data)
	}
	return r
}

// each runs a test on every template with every choice.
func each(t *testing.T, test func(t *testing.T, r rendered)) {
	t.Helper()
	for _, name := range names {
		for _, option := range chosen(t, name) {
			t.Run(name+"/"+option, func(t *testing.T) {
				t.Parallel()
				test(t, render(t, name, option))
			})
		}
	}
}

// The set finds every template by its names, those of the documents among them.
func TestNames(t *testing.T) {
	t.Parallel()
	set := template.NewSet(nil, template.Source{Name: "built in", FS: templates.FS})
	if broken := set.Errors(); len(broken) > 0 {
		t.Fatalf("broken: %v", broken)
	}
	var all []string
	for _, tmpl := range set.List() {
		all = append(all, tmpl.Name)
	}
	if !slices.Equal(all, names) {
		t.Errorf("got the templates %v, want %v", all, names)
	}
	for alias, name := range map[string]string{
		"go-http": "go-http", "go-service": "go-http", "golang-microservice": "go-http",
		"node-service": "node-express", "node-microservice": "node-express", "python-microservice": "python-service", "python-service": "python-service",
	} {
		if tmpl, err := set.Get(alias); err != nil || tmpl.Name != name {
			t.Errorf("%s: got %v, %v, want %s", alias, tmpl, err, name)
		}
	}
}

// What files a service has, and with which choices. UPDATE=1 writes the lists anew.
func TestFiles(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where := map[string][]string{}
			all := chosen(t, name)
			for _, option := range all {
				for file := range render(t, name, option).files {
					where[file] = append(where[file], option)
				}
			}
			var list strings.Builder
			for _, file := range slices.Sorted(maps.Keys(where)) {
				list.WriteString(file)
				if len(where[file]) < len(all) {
					fmt.Fprintf(&list, " (%s)", strings.Join(where[file], ", "))
				}
				list.WriteString("\n")
			}
			golden := filepath.Join("testdata", name+".files")
			if *update {
				if err := os.WriteFile(golden, []byte(list.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || list.String() != string(want) {
				t.Errorf("%v: the files are not those of %s:\n%s", err, golden, list.String())
			}
		})
	}
}

// What a service would not have without a choice, nor a word of.
var traces = map[string]*regexp.Regexp{
	"database":   regexp.MustCompile(`(?i)database|postgres|pgx|psycopg|"pg"|migrat|internal/visit|visits table`),
	"mysql":      regexp.MustCompile(`(?i)mysql|maria`),
	"postgresql": regexp.MustCompile(`(?i)postgres|pgx|psycopg|"pg"`),
	"cache":      regexp.MustCompile(`(?i)redis|the cache|\bhits?\b`),
	"queue":      regexp.MustCompile(`QUEUE_URL`),
	"nats":       regexp.MustCompile(`(?i)\bnats\b|jetstream`),
	"rabbitmq":   regexp.MustCompile(`(?i)rabbit|amqp`),
}

// Nothing in a tree is dead: what was not chosen is not mentioned anywhere.
func TestNothingIsLeftOver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r rendered) {
		for what, pattern := range traces {
			o := options[r.option]
			chosen := what == "cache" && o[1] != "" || what == "database" && o[0] != "" || what == o[0] ||
				(what == "queue" && o[2] != "" || what == o[2]) && r.template == "worker" // the others know nothing of it
			found := ""
			for file, text := range r.files {
				if m := pattern.FindString(file + "\n" + text); m != "" && file != "package-lock.json" {
					found = fmt.Sprintf("%q in %s", m, file)
				}
			}
			if !chosen && found != "" {
				t.Errorf("without a %s there is %s", what, found)
			}
			if chosen && found == "" {
				t.Errorf("with a %s nothing tells of it", what)
			}
		}
	})
}

var actions = regexp.MustCompile(`\$\{\{.*?\}\}`)

// Expressions of others come out as they went in; nothing of ours is left; text is
// tidy.
func TestExpressionsAndText(t *testing.T) {
	t.Parallel()
	ours := regexp.MustCompile(`\{%|\{\{|\{#-`)
	others := regexp.MustCompile(`\$\{\{.*?\}\}|\{\{index \.RepoDigests 0\}\}`)
	each(t, func(t *testing.T, r rendered) {
		for file, text := range r.files {
			if source := sourceOf(t, r.template, file); strings.HasSuffix(file, ".yaml") {
				if got, want := actions.FindAllString(text, -1), actions.FindAllString(source, -1); !slices.Equal(got, want) {
					t.Errorf("%s: got %q, the skeleton has %q", file, got, want)
				}
			}
			left := others.ReplaceAllString(text, "")
			if m := ours.FindString(left); m != "" && path.Ext(file) != ".py" && path.Ext(file) != ".go" {
				t.Errorf("%s: %q is not rendered", file, m)
			}
			if text != "" && (!strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") || strings.HasPrefix(text, "\n")) {
				t.Errorf("%s begins or ends in an empty line, or in the middle of one", file)
			}
			if path.Ext(file) != ".py" && strings.Contains(text, "\n\n\n") {
				t.Errorf("%s has two empty lines, one after the other", file)
			}
			if regexp.MustCompile(`(?m)[ \t]+$`).MatchString(text) {
				t.Errorf("%s has a line that ends in white space", file)
			}
		}
	})
}

func sourceOf(t *testing.T, name, file string) string {
	t.Helper()
	for _, ending := range []string{".jinja", ".raw"} {
		if text, err := fs.ReadFile(templates.FS, path.Join(name, "skeleton", file+ending)); err == nil {
			return string(text)
		}
	}
	t.Fatalf("%s/skeleton has no %s.jinja or .raw", name, file)
	return ""
}

// What several templates share is the same in all of them, so that a repair reaches
// all.
func TestShared(t *testing.T) {
	t.Parallel()
	for _, shared := range []string{
		"internal/trace/trace.go.raw", "internal/trace/export.go.raw", "internal/trace/trace_test.go.raw",
		"internal/metrics/metrics.go.raw", "internal/metrics/metrics_test.go.raw", "internal/server/middleware.go.jinja",
		"internal/authority/authority.go.raw", "internal/authority/authority_test.go.jinja", "internal/cache/cache.go.jinja", "internal/database/database.go.jinja", "internal/database/migrate.go.raw",
		"internal/database/databasetest/databasetest.go.raw", "go.mod.jinja", "go.sum.jinja", ".github/workflows/ci.yaml.jinja",
	} {
		want, err := fs.ReadFile(templates.FS, "go-http/skeleton/"+shared)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"static-site", "worker"} {
			if name == "worker" && (strings.HasPrefix(shared, "go.") || strings.HasSuffix(shared, "ci.yaml.jinja")) {
				continue // it may have a queue
			}
			if got, err := fs.ReadFile(templates.FS, name+"/skeleton/"+shared); err != nil || string(got) != string(want) {
				t.Errorf("%s of %s is not that of go-http: %v", shared, name, err)
			}
		}
	}
}
