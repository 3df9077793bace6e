// Package template turns golden paths into trees of files.
//
// A template is a folder: template.yaml says what it is, skeleton/ holds the files
// a service starts with. Load reads it into memory, Validate checks a developer's
// inputs against its schema, Render fills in the skeleton. A Set serves templates
// by name from several sources and survives broken ones.
//
// In skeleton/ a file NAME.jinja is rendered (see package jinja) and becomes NAME;
// NAME.raw is copied and becomes NAME, which is how a file that itself ends in
// .jinja, or a go.mod, can be part of a template; any other file is copied as it
// is. Names of files and folders are rendered too. A file is executable where its
// source is, or where it starts with "#!".
//
// The variables are those of Vars:
//
//	name          the service                    payment-processor
//	team          the team that owns it          payment-squad
//	description   one line, perhaps empty
//	environments  a list of names                ["production"]
//	database      an engine, or "" for none      postgresql
//	cache         an engine, or "" for none      redis
//	inputs.NAME   the inputs template.yaml declares, defaults filled in
//	template      name and version of the template
//
// A file or folder that not every service has stands in template.yaml with a
// condition, which is an expression over the same variables:
//
//	files:
//	  - path: internal/database
//	    when: database == "postgresql"
//
// The package is pure: file systems and inputs in, trees out. It knows no
// repository, no store and no provider.
package template

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/cookiecutter"
	"github.com/pave-platform/pave/internal/template/jinja"
)

// The bounds of a template and of a tree made from it.
const (
	MaxFiles    = 20_000
	MaxBytes    = 32 << 20
	MaxManifest = 1 << 20 // of template.yaml
)

// A Template is a golden path, as template.yaml and skeleton/ describe it. It
// never changes once loaded and may be used by many at the same time.
type Template struct {
	Name        string     `json:"name"`
	Version     string     `json:"version"`
	Format      string     `json:"format"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Owner       string     `json:"owner"` // the team that keeps it
	Aliases     []string   `json:"aliases,omitempty"`
	Inputs      *Schema    `json:"inputs,omitempty"`
	Resources   []Resource `json:"resources,omitempty"`
	// Run says how the service is built and started, where that is not detected.
	Run pave.Override `json:"run"`
	// Variables of the workload beside those that every service gets: text, or
	// ${{ resources.KIND.OUTPUT }}.
	Variables map[string]string `json:"variables,omitempty"`
	// Engines are those that the code speaks to, by kind; of a kind that is not here it
	// takes any.
	Engines map[string][]string `json:"engines,omitempty"`
	Checks  []Check             `json:"checks,omitempty"`

	conditions []condition
	files      []source
	digest     string
	archive    []byte
	notes      []string
	cookie     *cookiecutter.Template // of that format
}

// A Resource is one that services of the template have unless their developer
// asks for another or none.
type Resource struct {
	Kind   string `json:"kind"`             // database, cache, queue, bucket
	Name   string `json:"name,omitempty"`   // empty: the service's
	Engine string `json:"engine,omitempty"` // postgresql
	When   string `json:"when,omitempty"`   // an expression; empty: always
}

// A Check is one service that a test of the template makes.
type Check struct {
	Name     string         `json:"name"`          // also of its folder golden/NAME
	Set      map[string]any `json:"set,omitempty"` // values, as on the command line
	Requests []CheckRequest `json:"requests,omitempty"`
}

// A CheckRequest is asked of the live service.
type CheckRequest struct {
	Path     string `json:"path"`
	Status   int    `json:"status,omitempty"` // 0 is 200
	Contains string `json:"contains,omitempty"`
}

// A condition keeps a file, or all files under a folder, out of trees.
type condition struct {
	path string // in skeleton/
	when string
}

// A source is one file of skeleton/.
type source struct {
	path string // as it lies there
	name *jinja.Template
	body *jinja.Template // nil: data is copied
	data []byte
	mode fs.FileMode
}

// Vars are the variables of a rendering. Inputs go through Validate once more, so
// that whole numbers which were stored as JSON are whole numbers again.
type Vars struct {
	Name         string
	Team         string
	Description  string
	Environments []string
	Database     string
	Cache        string
	Queue        string
	Bucket       string
	Inputs       map[string]any
	// Clock and dice of templates that have them: zero is today, and real dice.
	Now  time.Time
	Seed [32]byte
}

func (t *Template) vars(v Vars) map[string]any {
	environments := make([]any, len(v.Environments))
	for i, e := range v.Environments {
		environments[i] = e
	}
	return map[string]any{
		"name":         v.Name,
		"team":         v.Team,
		"description":  v.Description,
		"environments": environments,
		"database":     v.Database,
		"cache":        v.Cache,
		"queue":        v.Queue,
		"bucket":       v.Bucket,
		"inputs":       v.Inputs,
		"template":     map[string]any{"name": t.Name, "version": t.Version},
	}
}

// Digest is a hash of all that the template consists of: two templates with the
// same digest make the same trees.
func (t *Template) Digest() string { return t.digest }

// Archive is all that the template consists of: Open makes the same template of it
// again. It must not be changed.
func (t *Template) Archive() []byte { return t.archive }

// Notes are what a platform engineer should know although the template works.
func (t *Template) Notes() []string { return t.notes }

// DefaultResources returns the resources whose condition holds for v. The error
// is Invalid.
func (t *Template) DefaultResources(ctx context.Context, v Vars) ([]Resource, error) {
	var err error
	if v.Inputs, err = t.Validate(ctx, v); err != nil {
		return nil, err
	}
	return t.defaultResources(ctx, t.vars(v))
}

func (t *Template) defaultResources(ctx context.Context, vars map[string]any) ([]Resource, error) {
	var out []Resource
	for _, r := range t.Resources {
		ok, err := holds(ctx, r.When, vars)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// holds works a condition out; an empty one holds.
func holds(ctx context.Context, when string, vars map[string]any) (bool, error) {
	if when == "" {
		return true, nil
	}
	tmpl, err := parseCondition(when)
	if err != nil {
		return false, err
	}
	out, err := tmpl.Render(ctx, vars)
	return out != "", err
}

func parseCondition(when string) (*jinja.Template, error) {
	return jinja.Parse("when", "{% if "+when+" %}true{% endif %}")
}

// A File is one file of a tree.
type File struct {
	Path string // relative, with slashes
	Mode fs.FileMode
	Data []byte
}

// A Tree is the files a service starts with, sorted by path. Paths are relative,
// plain ASCII, free of "..", ".git" and of twins that differ in case only.
type Tree struct {
	Files []File
	Notes []string // what one may want to know of how it was made
}

// Render fills in the skeleton. The error is Invalid with file, line and column,
// or Unavailable when ctx ends. The same input gives the same tree.
func (t *Template) Render(ctx context.Context, v Vars) (*Tree, error) {
	var err error
	if t.cookie != nil {
		return t.renderCookiecutter(ctx, v)
	}
	if v.Inputs, err = t.Validate(ctx, v); err != nil {
		return nil, err
	}
	return t.render(ctx, t.vars(v))
}

func (t *Template) render(ctx context.Context, vars map[string]any) (*Tree, error) {
	tree, total := &Tree{}, 0
	skip, err := t.left(ctx, vars)
	if err != nil {
		return nil, err
	}
	for _, f := range t.files {
		if slices.ContainsFunc(skip, func(p string) bool { return under(f.path, p) }) {
			continue
		}
		file, err := f.render(ctx, vars)
		if err != nil {
			return nil, err
		}
		if total += len(file.Data); total > MaxBytes {
			return nil, pave.Errorf(pave.Invalid, "template %s makes more than %d bytes", t.Name, MaxBytes)
		}
		tree.Files = append(tree.Files, file)
	}
	slices.SortFunc(tree.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	if err := checkPaths(t.Name, tree.Files, strictRune); err != nil {
		return nil, err
	}
	return tree, nil
}

// left returns the paths of skeleton/ that are left out.
func (t *Template) left(ctx context.Context, vars map[string]any) (paths []string, err error) {
	for _, c := range t.conditions {
		ok, err := holds(ctx, c.when, vars)
		if err != nil {
			return nil, err
		}
		if !ok {
			paths = append(paths, c.path)
		}
	}
	return paths, nil
}

// under reports whether path is the file or lies in the folder.
func under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func (f source) render(ctx context.Context, vars map[string]any) (File, error) {
	out := File{Mode: f.mode, Data: f.data}
	var err error
	if out.Path, err = f.name.Render(ctx, vars); err != nil {
		return out, err
	}
	if f.body != nil {
		text, err := f.body.Render(ctx, vars)
		if err != nil {
			return out, err
		}
		out.Data = []byte(text)
	}
	if strings.HasPrefix(string(out.Data[:min(2, len(out.Data))]), "#!") {
		out.Mode = 0o755
	}
	return out, nil
}
