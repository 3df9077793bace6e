package template

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/cookiecutter"
)

// openCookiecutter makes a template of ours out of one of cookiecutter's. What it
// asks for become inputs; the rest of the work is that package's.
func openCookiecutter(fsys fs.FS, u Unnamed) (*Template, error) {
	c, err := cookiecutter.Load(fsys)
	if err != nil {
		return nil, err
	}
	if nested := c.Nested(); len(nested) > 0 {
		var paths []string
		for _, n := range nested {
			paths = append(paths, n.Path)
		}
		return nil, pave.Errorf(pave.Invalid, "this template only offers others: %s", strings.Join(paths, ", ")).
			WithHint("name one of them: ADDRESS//%s", paths[0])
	}
	t := &Template{Name: NameOf(u.Name), Version: u.Version, Format: FormatCookiecutter, Title: u.Name,
		Description: "A cookiecutter template.", cookie: c, Inputs: &Schema{Properties: map[string]Property{}}}
	for _, p := range c.Prompts() {
		t.Inputs.Properties[p.Name] = propertyOf(p)
	}
	if hooks := c.Hooks(); len(hooks) > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%s: programs of the template, which run with --allow-hooks only", strings.Join(hooks, ", ")))
	}
	return t, t.tryCookiecutter()
}

// Nested returns the folders of the templates that a template of cookiecutter's
// offers in its place; none for all others.
func Nested(fsys fs.FS, dir string) []string {
	sub, err := fs.Sub(fsys, dir)
	if err != nil {
		return nil
	}
	c, err := cookiecutter.Load(sub)
	if err != nil {
		return nil
	}
	var out []string
	for _, n := range c.Nested() {
		out = append(out, n.Path)
	}
	return out
}

// propertyOf describes a prompt. A default with an expression in it depends on other
// answers and is left to the rendering.
func propertyOf(p cookiecutter.Prompt) Property {
	f := Property{Type: "string", Description: p.Text}
	if p.Text == p.Name {
		f.Description = ""
	}
	switch p.Kind {
	case cookiecutter.KindBoolean:
		f.Type = "boolean"
	case cookiecutter.KindObject:
		f.Type = "object"
	}
	for _, c := range p.Choices {
		f.Enum = append(f.Enum, c.Value)
	}
	switch d := p.Default.(type) {
	case bool:
		f.Default = d
	case string:
		if f.Type == "string" && !strings.Contains(d, "{{") && !strings.Contains(d, "{%") {
			f.Default = d
		}
	}
	return f
}

// cookieOptions take clock and dice from the variables.
func (v Vars) cookieOptions() cookiecutter.Options {
	o := cookiecutter.Options{Now: v.Now}
	if o.Now.IsZero() {
		o.Now = time.Now().UTC().Truncate(24 * time.Hour)
	}
	if v.Seed != ([32]byte{}) {
		o.Random = rand.NewChaCha8(v.Seed)
	}
	return o
}

// validateCookiecutter returns the answer to every question, so that a service
// remembers them all.
func (t *Template) validateCookiecutter(ctx context.Context, v Vars) (map[string]any, error) {
	given := t.Prefill(v)
	answers, err := t.cookie.Answers(ctx, given, v.cookieOptions())
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, p := range t.cookie.Prompts() {
		_, said := given[p.Name] // a dictionary's default keeps its order where it is
		if value, ok := answers.Get(p.Name); ok && (said || p.Kind != cookiecutter.KindObject) {
			out[p.Name] = value
		}
	}
	return out, nil
}

// Questions that are about the service, as templates use to name them.
var (
	nameQuestions = []string{"service_name", "project_name", "project_slug", "app_name", "application_name", "repo_name",
		"repository_name", "package_name", "name", "slug", "project"}
	aboutQuestions = []string{"description", "project_description", "project_short_description", "short_description", "service_description"}
	teamQuestions  = []string{"team", "team_name", "owner", "owner_team"}
)

// Prefill answers those questions about the service that were not answered and whose
// default depends on no other answer.
func (t *Template) Prefill(v Vars) map[string]any {
	out := map[string]any{}
	for k, value := range v.Inputs {
		out[k] = value
	}
	if t.cookie == nil {
		return out
	}
	for _, p := range t.cookie.Prompts() {
		text, isText := p.Default.(string)
		if _, answered := out[p.Name]; answered || !isText || p.Kind != cookiecutter.KindText ||
			strings.Contains(text, "{{") || strings.Contains(text, "{%") {
			continue
		}
		switch {
		case slices.Contains(nameQuestions, p.Name):
			out[p.Name] = inStyleOf(text, v.Name)
		case slices.Contains(aboutQuestions, p.Name) && v.Description != "":
			out[p.Name] = v.Description
		case slices.Contains(teamQuestions, p.Name):
			out[p.Name] = v.Team
		}
	}
	return out
}

// inStyleOf writes a name with underscores where the example has them.
func inStyleOf(example, name string) string {
	if strings.Contains(example, "_") && !strings.ContainsAny(example, "- ") {
		return strings.ReplaceAll(name, "-", "_")
	}
	return name
}

// renderCookiecutter makes a tree with the answers of v.
func (t *Template) renderCookiecutter(ctx context.Context, v Vars) (*Tree, error) {
	o := v.cookieOptions()
	answers, err := t.cookie.Answers(ctx, t.Prefill(v), o)
	if err != nil {
		return nil, err
	}
	made, err := t.cookie.Render(ctx, answers, o)
	if err != nil {
		return nil, err
	}
	tree := &Tree{}
	for _, note := range made.Notes {
		if !strings.HasPrefix(note, "not run: ") { // said when the template was loaded
			tree.Notes = append(tree.Notes, note)
		}
	}
	for _, f := range made.Files {
		tree.Files = append(tree.Files, File{Path: f.Path, Mode: f.Mode, Data: f.Data})
	}
	slices.SortFunc(tree.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return tree, checkPaths(t.Name, tree.Files, looseRune)
}

// tryCookiecutter renders the template with its own defaults.
func (t *Template) tryCookiecutter() error {
	tree, err := t.renderCookiecutter(context.Background(), Vars{Name: "sample", Team: "sample", Seed: [32]byte{1}})
	if err == nil {
		t.notes = append(t.notes, tree.Notes...)
	}
	return err
}

// HookNames are the programs of the template, by path.
func (t *Template) HookNames() []string {
	if t.cookie == nil {
		return nil
	}
	return t.cookie.Hooks()
}

// HasHooks reports whether the template has programs of its own.
func (t *Template) HasHooks() bool { return len(t.HookNames()) > 0 }

// Hooks returns the programs of the template, rendered, for a caller who was told to
// run them; none for formats without hooks.
func (t *Template) Hooks(ctx context.Context, v Vars) ([]File, error) {
	if t.cookie == nil {
		return nil, nil
	}
	o := v.cookieOptions()
	answers, err := t.cookie.Answers(ctx, t.Prefill(v), o)
	if err != nil {
		return nil, err
	}
	var out []File
	for _, name := range t.cookie.Hooks() {
		f, err := t.cookie.HookScript(ctx, name, answers, o)
		if err != nil {
			return nil, err
		}
		out = append(out, File{Path: f.Path, Mode: f.Mode, Data: f.Data})
	}
	return out, nil
}

// ReadTree reads a folder as a tree, as Pack reads it.
func ReadTree(template string, fsys fs.FS) (*Tree, error) {
	archive, err := Pack(fsys)
	if err != nil {
		return nil, err
	}
	packed, err := Unpack(archive)
	if err != nil {
		return nil, err
	}
	files, err := filesOf(packed)
	if err != nil {
		return nil, err
	}
	return &Tree{Files: files}, checkPaths(template, files, looseRune)
}
