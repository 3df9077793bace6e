package template

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pave-platform/pave"
)

// MaxInput is the length of a string input, in characters.
const MaxInput = 4096

// A Schema describes the inputs of a template: the part of JSON Schema that forms,
// flags and clear errors need.
type Schema struct {
	Properties map[string]Property `json:"properties,omitempty"`
	Required   []string            `json:"required,omitempty"`
}

// A Property describes one input. Minimum and Maximum are of integers, Pattern is
// of strings and not anchored.
type Property struct {
	Type        string   `json:"type"` // string, integer or boolean
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Enum        []any    `json:"enum,omitempty"`
	Default     any      `json:"default,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
}

// Validate returns the inputs of v with defaults filled in, as string, int64 and bool.
// A string is taken for an integer or boolean where it is written as one, so that
// the values of command lines fit. The error is Invalid and names every wrong
// field, its value and the rule.
func (t *Template) Validate(ctx context.Context, v Vars) (map[string]any, error) {
	if t.cookie != nil {
		return t.validateCookiecutter(ctx, v)
	}
	return t.validate(v.Inputs)
}

func (t *Template) validate(inputs map[string]any) (map[string]any, error) {
	out := map[string]any{}
	var wrong []pave.FieldError
	known := t.Inputs.names()
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		p, ok := t.Inputs.property(name)
		if !ok {
			wrong = append(wrong, pave.FieldError{Field: "inputs." + name, Message: "is not an input of template " + t.Name + otherInputs(name, known)})
			continue
		}
		v, rule := p.check(inputs[name])
		if rule != "" {
			wrong = append(wrong, pave.FieldError{Field: "inputs." + name, Value: shown(inputs[name]), Message: rule})
		}
		out[name] = v
	}
	for _, name := range known {
		if _, given := inputs[name]; given {
			continue
		}
		p := t.Inputs.Properties[name]
		switch {
		case p.Default != nil:
			out[name], _ = p.check(p.Default)
		case slices.Contains(t.Inputs.Required, name):
			wrong = append(wrong, pave.FieldError{Field: "inputs." + name, Message: "is required: " + p.Rule()})
		default:
			out[name] = p.zero()
		}
	}
	if len(wrong) > 0 {
		return nil, inputError(t.Name, wrong)
	}
	return out, nil
}

func inputError(template string, wrong []pave.FieldError) error {
	texts := make([]string, len(wrong))
	for i, w := range wrong {
		texts[i] = w.Field
		if w.Value != "" {
			texts[i] += fmt.Sprintf(" %q", w.Value)
		}
		texts[i] += " " + w.Message
	}
	return &pave.Error{
		Code:    pave.Invalid,
		Message: strings.Join(texts, "; "),
		Hint:    "pave describe template " + template + " lists the inputs",
		Fields:  wrong,
	}
}

func otherInputs(name string, known []string) string {
	switch near := pave.DidYouMean(name, known); {
	case near != "":
		return fmt.Sprintf(": did you mean %q?", near)
	case len(known) == 0:
		return ", which has none"
	}
	return ", which has " + strings.Join(known, ", ")
}

func (s *Schema) names() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

func (s *Schema) property(name string) (Property, bool) {
	if s == nil {
		return Property{}, false
	}
	p, ok := s.Properties[name]
	return p, ok
}

// check returns v as the property's type, or the rule it breaks.
func (p Property) check(v any) (_ any, broken string) {
	v, ok := p.convert(v)
	if !ok {
		return nil, p.Rule()
	}
	if len(p.Enum) > 0 && !slices.ContainsFunc(p.Enum, func(e any) bool { e, _ = p.convert(e); return e == v }) {
		return nil, p.Rule()
	}
	switch v := v.(type) {
	case string:
		if utf8.RuneCountInString(v) > MaxInput || strings.ContainsRune(v, 0) || !utf8.ValidString(v) {
			return nil, fmt.Sprintf("must be text of at most %d characters", MaxInput)
		}
		if p.Pattern != "" {
			if re, err := regexp.Compile(p.Pattern); err != nil || !re.MatchString(v) {
				return nil, p.Rule()
			}
		}
	case int64:
		if p.Minimum != nil && float64(v) < *p.Minimum || p.Maximum != nil && float64(v) > *p.Maximum {
			return nil, p.Rule()
		}
	}
	return v, ""
}

func (p Property) convert(v any) (any, bool) {
	s, isString := v.(string)
	switch p.Type {
	case "string":
		return s, isString
	case "boolean":
		if isString && (s == "true" || s == "false") {
			return s == "true", true
		}
		b, ok := v.(bool)
		return b, ok
	}
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64: // JSON's numbers
		return int64(v), v == math.Trunc(v) && math.Abs(v) <= 1<<53
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return nil, false
}

// Rule says what values the property has.
func (p Property) Rule() string {
	var parts []string
	switch {
	case len(p.Enum) > 0:
		parts = append(parts, "must be one of "+strings.Join(shownAll(p.Enum), ", "))
	case p.Type == "boolean":
		parts = append(parts, "must be true or false")
	case p.Type == "object":
		parts = append(parts, "must be a dictionary, as JSON")
	case p.Type == "integer":
		parts = append(parts, "must be a whole number")
	default:
		parts = append(parts, "must be a string")
	}
	if p.Pattern != "" {
		parts = append(parts, "that matches "+p.Pattern)
	}
	if p.Minimum != nil {
		parts = append(parts, fmt.Sprintf("of at least %v", *p.Minimum))
	}
	if p.Maximum != nil {
		parts = append(parts, fmt.Sprintf("of at most %v", *p.Maximum))
	}
	return strings.Join(parts, " ")
}

// zero is the value of an input that is optional, without default, and not given.
func (p Property) zero() any {
	switch p.Type {
	case "integer":
		return int64(0)
	case "boolean":
		return false
	}
	return ""
}

func shown(v any) string {
	s := fmt.Sprint(v)
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}

func shownAll(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = shown(v)
	}
	return out
}
