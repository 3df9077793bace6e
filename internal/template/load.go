package template

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
)

const manifestName = "template.yaml"

var (
	versionPattern = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6}){1,2}$`)
	inputPattern   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
)

// Unnamed is what a template is called whose format has no place for it.
type Unnamed struct {
	Name    string
	Version string // "": from the digest
}

// Load reads the template in fsys and tries it out with sample inputs, so that
// what is wrong with it is found now and not by the first developer. The error is
// Invalid and names file and line.
func Load(fsys fs.FS) (*Template, error) { return loadNamed(fsys, Unnamed{}) }

func loadNamed(fsys fs.FS, u Unnamed) (*Template, error) {
	archive, err := Pack(fsys)
	if err != nil {
		return nil, err
	}
	return Open(archive, u)
}

// Open is Load for what Pack made, or for an archive from elsewhere.
func Open(archive []byte, u Unnamed) (*Template, error) {
	fsys, err := Unpack(archive)
	if err != nil {
		return nil, err
	}
	digest, err := digestOf(fsys)
	if err != nil {
		return nil, err
	}
	if u.Version == "" {
		u.Version = strings.TrimPrefix(digest, "sha256:")[:8]
	}
	t, err := open(fsys, u)
	if err != nil {
		return nil, err
	}
	t.archive, t.digest = archive, digest
	return t, nil
}

func open(fsys fs.FS, u Unnamed) (*Template, error) {
	if isCookiecutter(fsys) {
		return openCookiecutter(fsys, u)
	}
	data, err := readFile(fsys, manifestName, MaxManifest)
	if err == nil {
		err = refuseBackstage(data)
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, err
	}
	t := m.template()
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := t.loadSkeleton(fsys); err != nil {
		return nil, err
	}
	if err := t.checkConditions(); err != nil {
		return nil, err
	}
	return t, t.try()
}

// readFile returns a regular file of at most limit bytes.
func readFile(fsys fs.FS, path string, limit int64) ([]byte, error) {
	info, err := fs.Stat(fsys, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, pave.Errorf(pave.Invalid, "template has no file %s", path)
	case err != nil:
		return nil, pave.Errorf(pave.Unavailable, "reading %s: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, pave.Errorf(pave.Invalid, "%s is not a regular file", path)
	case info.Size() > limit:
		return nil, pave.Errorf(pave.Invalid, "%s has %d bytes, more than %d", path, info.Size(), limit)
	}
	data, err := fs.ReadFile(fsys, path)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "reading %s: %w", path, err)
	}
	return data, nil
}

// check holds the manifest to its rules.
func (t *Template) check() error {
	for _, name := range append([]string{t.Name}, t.Aliases...) {
		if _, err := pave.ParseName("name", name); err != nil {
			return err
		}
	}
	if !versionPattern.MatchString(t.Version) {
		return pave.BadField("version", t.Version, "must be a version such as \"1.0\"", "write it in quotes")
	}
	if t.Title == "" || t.Description == "" || t.Owner == "" {
		return pave.Errorf(pave.Invalid, "%s needs a title, a description and an owner", manifestName)
	}
	for _, r := range t.Resources {
		if err := r.check(); err != nil {
			return err
		}
	}
	if p := t.Run.Ready; p != "" && p != "tcp" && !strings.HasPrefix(p, "/") {
		return pave.BadField("run.ready", p, "must be a path that starts with a slash", "for example: ready: /health/ready")
	}
	if err := t.checkEngines(); err != nil {
		return err
	}
	if err := t.checkVariables(); err != nil {
		return err
	}
	if err := t.checkChecks(); err != nil {
		return err
	}
	return t.Inputs.check()
}

func (s *Schema) check() error {
	for _, name := range s.names() {
		p := s.Properties[name]
		field := "inputs.properties." + name
		if !inputPattern.MatchString(name) {
			return pave.BadField(field, name, "must be a name of a-z, 0-9 and '_'", "for example: log_level")
		}
		if !slices.Contains([]string{"string", "integer", "boolean"}, p.Type) {
			return pave.BadField(field+".type", p.Type, "must be string, integer or boolean", "for example: type: string")
		}
		if _, err := regexp.Compile(p.Pattern); err != nil || len(p.Pattern) > 1000 {
			return pave.BadField(field+".pattern", p.Pattern, "is not a regular expression of RE2", "see https://github.com/google/re2/wiki/Syntax")
		}
		if p.Default == nil {
			continue
		}
		if _, broken := p.check(p.Default); broken != "" {
			return pave.BadField(field+".default", shown(p.Default), broken, "change the default or the rule")
		}
	}
	if s == nil {
		return nil
	}
	for _, name := range s.Required {
		if _, ok := s.Properties[name]; !ok {
			return pave.BadField("inputs.required", name, "is not one of the properties"+otherInputs(name, s.names()), "list names of properties")
		}
	}
	return nil
}

// loadSkeleton reads and parses all files of skeleton/.
func (t *Template) loadSkeleton(fsys fs.FS) error {
	skeleton, err := fs.Sub(fsys, "skeleton")
	if err != nil {
		return pave.Errorf(pave.Internal, "opening skeleton: %w", err)
	}
	total := int64(0)
	err = fs.WalkDir(skeleton, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := loadFile(skeleton, path)
		if err != nil {
			return err
		}
		t.files = append(t.files, f)
		if total += int64(len(f.data)); total > MaxBytes || len(t.files) > MaxFiles {
			return pave.Errorf(pave.Invalid, "skeleton has more than %d files or %d bytes", MaxFiles, MaxBytes)
		}
		return nil
	})
	var known *pave.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return pave.Errorf(pave.Invalid, "template has no folder skeleton")
	case err != nil:
		return pave.Errorf(pave.Unavailable, "reading skeleton: %w", err)
	}
	return nil
}

func loadFile(skeleton fs.FS, path string) (f source, err error) {
	if f.data, err = readFile(skeleton, path, MaxBytes); err != nil {
		return f, err
	}
	info, err := fs.Stat(skeleton, path)
	if err != nil {
		return f, err
	}
	f.path, f.mode = path, 0o644
	if info.Mode()&0o111 != 0 {
		f.mode = 0o755
	}
	name, isJinja := strings.CutSuffix(path, ".jinja")
	if isJinja {
		if f.body, err = jinja.Parse("skeleton/"+path, string(f.data)); err != nil {
			return f, err
		}
	} else {
		name = strings.TrimSuffix(path, ".raw")
	}
	f.name, err = jinja.Parse("the name of skeleton/"+path, name)
	return f, err
}

// checkConditions makes sure that each condition is an expression and is about
// something.
func (t *Template) checkConditions() error {
	for _, r := range t.Resources {
		if _, err := parseCondition(r.When); r.When != "" && err != nil {
			return err
		}
	}
	for _, c := range t.conditions {
		if _, err := parseCondition(c.when); err != nil {
			return err
		}
		if !slices.ContainsFunc(t.files, func(f source) bool { return under(f.path, c.path) }) {
			return pave.BadField("files.path", c.path, "is no file or folder of skeleton/",
				"write the path as it lies in skeleton/, with .jinja or .raw")
		}
	}
	return nil
}

// try renders the template with and without a database and a cache. Sample inputs
// need not fit their patterns.
func (t *Template) try() error {
	inputs := t.Sample()
	choices := [][2]string{{"", ""}, {"postgresql", ""}, {"", "redis"}, {"postgresql", "redis"}}
	for _, engine := range t.Engines[pave.KindDatabase] {
		choices = append(choices, [2]string{engine, ""})
	}
	for _, with := range choices {
		v := Vars{Name: "sample", Team: "sample", Description: "Sample.", Environments: []string{"production"},
			Database: with[0], Cache: with[1], Inputs: inputs}
		if _, err := t.render(context.Background(), t.vars(v)); err != nil {
			return err
		}
		if _, err := t.defaultResources(context.Background(), t.vars(v)); err != nil {
			return err
		}
	}
	return nil
}

// Sample is a value for every input: its default, its first choice, or one of its
// type.
func (t *Template) Sample() map[string]any {
	inputs := map[string]any{}
	for _, name := range t.Inputs.names() {
		p := t.Inputs.Properties[name]
		switch {
		case p.Default != nil:
			inputs[name], _ = p.check(p.Default)
		case len(p.Enum) > 0:
			inputs[name], _ = p.convert(p.Enum[0])
		case p.Type == "string":
			inputs[name] = "sample"
		default:
			inputs[name] = p.zero()
		}
	}
	return inputs
}
