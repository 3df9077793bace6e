package cookiecutter

import (
	"context"
	"strings"

	"github.com/pave-platform/pave/internal/template/jinja"
)

// A Kind is what sort of answer a variable takes.
type Kind string

const (
	KindText    Kind = "text"
	KindChoice  Kind = "choice"
	KindBoolean Kind = "boolean"
	KindObject  Kind = "object" // a dictionary
)

// A Prompt is a variable one is asked for.
type Prompt struct {
	Name    string
	Text    string // the question; the name where the template has none
	Kind    Kind
	Default any // as cookiecutter.json has it; rendered by Ask
	Choices []Choice
}

// A Choice is one of several answers.
type Choice struct {
	Value any
	Label string
}

func kindOf(v any) Kind {
	switch v.(type) {
	case []any:
		return KindChoice
	case bool:
		return KindBoolean
	case *jinja.Dict:
		return KindObject
	}
	return KindText
}

// Prompts lists the variables one is asked for, in their order. Defaults may be
// expressions over variables before them; Ask renders them.
func (t *Template) Prompts() []Prompt {
	var out []Prompt
	for _, key := range t.config.values.Keys() {
		if !strings.HasPrefix(key, "_") {
			v, _ := t.config.values.Get(key)
			out = append(out, t.prompt(key, v))
		}
	}
	return out
}

// Ask returns the prompt for one variable with default and choices rendered, when
// the given answers are known.
func (t *Template) Ask(ctx context.Context, name string, given map[string]any, o Options) (Prompt, error) {
	raw, err := t.lookup(name)
	if err != nil {
		return Prompt{}, err
	}
	answers, err := t.Answers(ctx, given, o)
	if err != nil {
		return Prompt{}, err
	}
	r, err := t.newRenderer(ctx, answers, o)
	if err != nil {
		return Prompt{}, err
	}
	value, err := r.value(name, raw)
	if err != nil {
		return Prompt{}, err
	}
	return t.prompt(name, value), nil
}

func (t *Template) prompt(name string, v any) Prompt {
	p := Prompt{Name: name, Text: name, Kind: kindOf(v), Default: v}
	asked := t.wording(name)
	switch asked := asked.(type) {
	case string:
		if asked != "" {
			p.Text = asked
		}
	case *jinja.Dict:
		if s := text(asked, "__prompt__"); s != "" {
			p.Text = s
		}
	}
	if list, ok := v.([]any); ok {
		labels, _ := asked.(*jinja.Dict)
		for _, value := range list {
			c := Choice{Value: value, Label: plain(value)}
			if labels != nil && text(labels, c.Label) != "" {
				c.Label = text(labels, c.Label)
			}
			p.Choices = append(p.Choices, c)
		}
		if len(list) > 0 {
			p.Default = list[0]
		}
	}
	return p
}

// wording is what __prompts__ says about a variable.
func (t *Template) wording(name string) any {
	v, _ := t.config.values.Get("__prompts__")
	if prompts, ok := v.(*jinja.Dict); ok {
		w, _ := prompts.Get(name)
		return w
	}
	return nil
}
