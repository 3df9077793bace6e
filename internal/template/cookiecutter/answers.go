package cookiecutter

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/template/jinja"
)

// Options are what a rendering takes from outside.
type Options struct {
	Now    time.Time // of the tag now; its location is "local". Zero: the time of the call
	Random io.Reader // of random_ascii_string and uuid4. nil: crypto/rand

	// What the variables _template, _output_dir, _repo_dir and _checkout say.
	Template, OutputDir, RepoDir, Checkout string
}

// Answers are the values of all variables of a template.
type Answers struct {
	values *jinja.Dict // what templates see as cookiecutter
	raw    *jinja.Dict // what they see as _cookiecutter: before rendering
}

// clone is what one rendering may change.
func (a *Answers) clone() *Answers { return &Answers{cloneDict(a.values), cloneDict(a.raw)} }

// Get returns the value of a variable.
func (a *Answers) Get(name string) (any, bool) { return a.values.Get(name) }

// Values returns the variables that one is asked for, to be kept and given again.
func (a *Answers) Values() map[string]any {
	out := map[string]any{}
	for _, key := range a.values.Keys() {
		if v, _ := a.values.Get(key); !strings.HasPrefix(key, "_") {
			out[key] = v
		}
	}
	return out
}

// Answers works out all variables from those that are given: defaults are rendered
// in the order of cookiecutter.json, dictionaries after the others. The error is
// Invalid and names the variable, its value and what it may be.
func (t *Template) Answers(ctx context.Context, given map[string]any, o Options) (*Answers, error) {
	if len(t.nested) > 0 {
		return nil, t.mustSelect()
	}
	literal := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		declared, err := t.lookup(name)
		if err != nil {
			return nil, err
		}
		if literal[name], err = accept(name, declared, given[name]); err != nil {
			return nil, err
		}
	}
	known := &Answers{values: jinja.NewDict(), raw: cloneDict(t.config.values)}
	err := limited(ctx, func(ctx context.Context) error {
		r, err := t.newRenderer(ctx, known, o)
		if err != nil {
			return err
		}
		return t.work(r, literal, known.values)
	})
	if err != nil {
		return nil, err
	}
	return t.finish(known, literal, o), nil
}

// work fills in the variables. Private ones stay as they are, dictionaries come
// last, since they may refer to any other.
func (t *Template) work(r *renderer, literal map[string]any, values *jinja.Dict) error {
	for _, late := range []bool{false, true} {
		for _, key := range t.config.values.Keys() {
			raw, _ := t.config.values.Get(key)
			_, isDict := raw.(*jinja.Dict)
			hidden := strings.HasPrefix(key, "__")
			if key == "__prompts__" || late && (!isDict || strings.HasPrefix(key, "_") && !hidden) || !late && isDict && !strings.HasPrefix(key, "_") {
				continue
			}
			value, err := t.answer(r, key, raw, literal)
			if err != nil {
				return err
			}
			values.Set(key, value)
		}
	}
	return nil
}

// answer works out one variable.
func (t *Template) answer(r *renderer, key string, raw any, literal map[string]any) (any, error) {
	given, isGiven := literal[key]
	if strings.HasPrefix(key, "_") && !strings.HasPrefix(key, "__") {
		if isGiven {
			return given, nil
		}
		return clone(raw), nil
	}
	if list, ok := raw.([]any); ok && !strings.HasPrefix(key, "_") {
		value, err := r.value(key, list)
		if err != nil {
			return nil, err
		}
		if !isGiven {
			return value.([]any)[0], nil
		}
		return choose(key, given, list, value.([]any))
	}
	if dict, ok := raw.(*jinja.Dict); ok && isGiven {
		value, err := r.value(key, dict)
		if err != nil {
			return nil, err
		}
		return merge(value.(*jinja.Dict), given.(*jinja.Dict)), nil
	}
	if isGiven {
		return given, nil
	}
	return r.value(key, raw)
}

// finish puts the variables in the order of cookiecutter.json and adds those that
// tell where the template comes from.
func (t *Template) finish(known *Answers, literal map[string]any, o Options) *Answers {
	out := &Answers{values: jinja.NewDict(), raw: jinja.NewDict()}
	for _, key := range t.config.values.Keys() {
		raw, _ := t.config.values.Get(key)
		value, ok := known.values.Get(key)
		if !ok {
			continue
		}
		out.values.Set(key, value)
		if !strings.HasPrefix(key, "_") {
			if v, ok := literal[key]; ok && kindOf(raw) != KindChoice {
				raw = v
			}
			out.raw.Set(key, clone(raw))
		}
	}
	var checkout any
	if o.Checkout != "" {
		checkout = o.Checkout
	}
	out.values.Set("_template", o.Template)
	out.values.Set("_output_dir", o.OutputDir)
	out.values.Set("_repo_dir", o.RepoDir)
	out.values.Set("_checkout", checkout)
	return out
}

func (t *Template) mustSelect() error {
	var names []string
	for _, n := range t.nested {
		names = append(names, n.Name)
	}
	return pave.Errorf(pave.Invalid, "%s only offers other templates", t.config.file).
		WithHint("choose one of %s", strings.Join(names, ", "))
}

// lookup returns what cookiecutter.json says about a variable that may be set.
func (t *Template) lookup(name string) (any, error) {
	raw, ok := t.config.values.Get(name)
	if ok && !slices.Contains(own, name) {
		return raw, nil
	}
	if ok {
		return nil, pave.Errorf(pave.Invalid, "%s steers the template and cannot be set", name)
	}
	var names []string
	for _, p := range t.Prompts() {
		names = append(names, p.Name)
	}
	hint := "it has " + strings.Join(names, ", ")
	if near := pave.DidYouMean(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, &pave.Error{Code: pave.Invalid, Message: fmt.Sprintf("the template has no variable %q", name), Hint: hint,
		Fields: []pave.FieldError{{Field: name, Message: "is not a variable of the template"}}}
}
