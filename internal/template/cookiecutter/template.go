package cookiecutter

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// ConfigName is the file that makes a folder a template.
const ConfigName = "cookiecutter.json"

// A Template is a folder with cookiecutter.json. It never changes once loaded and
// may be used by many at the same time.
type Template struct {
	source  source
	dir     string // of cookiecutter.json, in the file system
	project string // the folder to render, below dir; "" where there are only nested templates
	config  *config
	nested  []Nested
	hooks   []string
	notes   []string
}

// A Nested is a template that another one offers beside others.
type Nested struct {
	Name        string `json:"name"`
	Path        string `json:"path"` // below the template that offers it
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}

// Load reads the template at the root of fsys. The error is NotFound where there
// is none, and Invalid where it is broken or needs what only Python has.
func Load(fsys fs.FS) (*Template, error) { return LoadAt(fsys, ".") }

// LoadAt reads the template in a folder of fsys. Its links may lead anywhere
// inside fsys.
func LoadAt(fsys fs.FS, dir string) (*Template, error) {
	if !fs.ValidPath(dir) {
		return nil, pave.BadField("directory", dir, "is not a path inside the template", "give a relative path such as templates/go")
	}
	t := &Template{source: source{fsys}, dir: dir}
	at, _, err := t.source.follow(path.Join(dir, ConfigName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(fsys, dir)
	}
	if err != nil {
		return nil, err
	}
	data, err := t.source.read(at, maxConfig)
	if err != nil {
		return nil, err
	}
	if t.config, err = parseConfig(path.Join(dir, ConfigName), data); err != nil {
		return nil, err
	}
	if t.nested, err = t.config.nested(dir); err != nil {
		return nil, err
	}
	if len(t.nested) > 0 {
		return t, nil
	}
	if err := t.config.check(); err != nil {
		return nil, err
	}
	if err := t.findProject(); err != nil {
		return nil, err
	}
	return t, t.findHooks()
}

// missing says that there is no template, and where there are some.
func missing(fsys fs.FS, dir string) error {
	where := dir
	if dir == "." {
		where = "the template's root"
	}
	e := pave.Errorf(pave.NotFound, "%s has no %s", where, ConfigName)
	found, err := Find(fsys)
	switch {
	case err != nil || len(found) == 0:
		return e.WithHint("a cookiecutter template has a %s beside the folder it renders", ConfigName)
	case len(found) > 10:
		return e.WithHint("name one of its %d folders that have one, for example %s", len(found), strings.Join(found[:10], ", "))
	}
	return e.WithHint("name one of its folders that have one: %s", strings.Join(found, ", "))
}

// maxFindDepth is how deep Find looks for templates.
const maxFindDepth = 5

// Find lists the folders of fsys that hold a template, sorted, without those
// inside of what a template renders.
func Find(fsys fs.FS) ([]string, error) {
	var found []string
	seen := 0
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if seen++; seen > maxEntries {
			return fs.SkipAll
		}
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (strings.Contains(p, "{{") || d.Name() == ".git" || strings.Count(p, "/") >= maxFindDepth) {
				return fs.SkipDir
			}
			return nil
		}
		if d.Name() == ConfigName {
			found = append(found, path.Dir(p))
		}
		return nil
	})
	slices.Sort(found)
	return found, err
}

// Select loads a nested template by its name or path.
func (t *Template) Select(name string) (*Template, error) {
	var known []string
	for _, n := range t.nested {
		if name == n.Name || path.Clean(name) == n.Path {
			return LoadAt(t.source.fsys, path.Join(t.dir, n.Path))
		}
		known = append(known, n.Name)
	}
	if len(known) == 0 {
		return nil, pave.Errorf(pave.Invalid, "the template offers no other templates, so there is no %q", name)
	}
	hint := "it has " + strings.Join(known, ", ")
	if near := pave.DidYouMean(name, known); near != "" {
		hint = "did you mean \"" + near + "\"?"
	}
	return nil, pave.BadField("template", name, "is not one that the template offers", hint)
}

// Nested lists the templates this one offers. Where there are any, it renders
// nothing itself.
func (t *Template) Nested() []Nested { return slices.Clone(t.nested) }

// Dir is the folder of the template in its file system.
func (t *Template) Dir() string { return t.dir }

// Hooks lists the programs the template wants to have run, as paths.
func (t *Template) Hooks() []string { return slices.Clone(t.hooks) }

// findProject looks for the folder to render, as cookiecutter does: its name
// contains "cookiecutter" and an expression.
func (t *Template) findProject() error {
	entries, err := t.source.list(t.dir)
	if err != nil {
		return err
	}
	begin, end := t.config.delimiters()
	var found []string
	for _, e := range entries {
		if e.IsDir() && strings.Contains(e.Name(), "cookiecutter") && strings.Contains(e.Name(), begin) && strings.Contains(e.Name(), end) {
			found = append(found, e.Name())
		}
	}
	if len(found) == 0 {
		return pave.Errorf(pave.Invalid, "%s has no folder to render beside it", path.Join(t.dir, ConfigName)).
			WithHint("name a folder %scookiecutter.project_slug%s, or as another variable says", begin, end)
	}
	if len(found) > 1 {
		t.notes = append(t.notes, "of the folders "+strings.Join(found, ", ")+" only the first is rendered")
	}
	t.project = found[0]
	return nil
}

// hookName matches the programs cookiecutter runs.
var hookName = regexp.MustCompile(`^(pre_prompt|pre_gen_project|post_gen_project)(\.[^.]*[^.~])?$`)

func (t *Template) findHooks() error {
	entries, err := t.source.list(path.Join(t.dir, "hooks"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if hookName.MatchString(e.Name()) {
			t.hooks = append(t.hooks, "hooks/"+e.Name())
		}
	}
	return nil
}
