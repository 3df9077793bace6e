package cookiecutter

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
)

// A renderer fills in values, names and files with the same variables.
type renderer struct {
	ctx    context.Context
	env    *jinja.Env
	vars   map[string]any
	starts []string // of which a text has at least one, or there is nothing to fill in
	t      *Template
}

func (t *Template) newRenderer(ctx context.Context, a *Answers, o Options) (*renderer, error) {
	options, err := t.config.options()
	if err != nil {
		return nil, err
	}
	builtin(&options, o)
	options.Loader = t.load
	env, err := jinja.New(options)
	if err != nil {
		return nil, err
	}
	starts := []string{options.BlockStart, options.VariableStart, options.CommentStart}
	for i, own := range []string{"{%", "{{", "{#"} {
		if starts[i] == "" {
			starts[i] = own
		}
	}
	for _, prefix := range []string{options.LineStatementPrefix, options.LineCommentPrefix} {
		if prefix != "" {
			starts = append(starts, prefix)
		}
	}
	vars := map[string]any{"cookiecutter": a.values, "_cookiecutter": a.raw}
	return &renderer{ctx: ctx, env: env, vars: vars, starts: starts, t: t}, nil
}

// load reads a file that a template includes: from the folder that is rendered, or
// from "templates" beside it.
func (t *Template) load(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", pave.Errorf(pave.NotFound, "%q is not a path inside the template", name)
	}
	for _, dir := range []string{t.project, "templates"} {
		at, info, err := t.source.follow(path.Join(t.dir, dir, name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
			continue
		}
		if err != nil {
			return "", err
		}
		data, err := t.source.read(at, MaxBytes)
		if err != nil {
			return "", err
		}
		if !utf8.Valid(data) {
			return "", pave.Errorf(pave.Invalid, "%s is not UTF-8", at)
		}
		return oneNewline.Replace(string(data)), nil
	}
	return "", pave.Errorf(pave.NotFound, "%q is neither in %s nor in templates", name, t.project)
}

// blank reports whether there is nothing to fill in.
func (r *renderer) blank(s string) bool {
	for _, start := range r.starts {
		if strings.Contains(s, start) {
			return false
		}
	}
	return true
}

// text renders src, whose lines end in LF. name is used in errors.
func (r *renderer) text(name, src string) (string, error) {
	if r.blank(src) {
		return src, nil
	}
	t, err := r.env.Parse(name, src)
	if err != nil {
		return "", err
	}
	return t.Render(r.ctx, r.vars)
}

// value renders a value of cookiecutter.json: text and numbers give text, lists
// and dictionaries are rendered inside.
func (r *renderer) value(key string, v any) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			var err error
			if list[i], err = r.value(key, item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *jinja.Dict:
		return r.dict(key, v)
	}
	return r.text(r.t.config.file+"#"+key, oneNewline.Replace(plain(v)))
}

func (r *renderer) dict(key string, d *jinja.Dict) (any, error) {
	out := jinja.NewDict()
	for _, k := range d.Keys() {
		name, err := r.text(r.t.config.file+"#"+key, k)
		if err != nil {
			return nil, err
		}
		item, _ := d.Get(k)
		value, err := r.value(key, item)
		if err != nil {
			return nil, err
		}
		out.Set(name, value)
	}
	return out, nil
}
