package template

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// looksRendered matches text that somebody meant to be rendered. What follows a
// dollar sign is GitHub's.
var looksRendered = regexp.MustCompile(`(?:^|[^$])(\{\{-?\s*(?:name|team|description|database|cache|environments|inputs|template)\b|\{%)`)

// Lint returns what is allowed and yet probably not meant: inputs that nothing
// uses, and expressions in files that are not rendered. Each names file and line.
func (t *Template) Lint() []string {
	var out []string
	for _, name := range t.Inputs.names() {
		if t.cookie == nil && !t.uses(name) { // cookiecutter's own way to use them is another
			out = append(out, fmt.Sprintf("%s: input %q is used by no file and no condition", manifestName, name))
		}
	}
	for _, f := range t.files {
		if f.body != nil || strings.HasSuffix(f.path, ".raw") {
			continue
		}
		if at := looksRendered.FindIndex(f.data); at != nil && !slices.Contains(f.data, 0) {
			out = append(out, fmt.Sprintf("skeleton/%s:%d: an expression in a file that is not rendered: end its name in .jinja, or in .raw if that is meant",
				f.path, 1+bytes.Count(f.data[:at[1]], []byte{'\n'})))
		}
	}
	return out
}

// uses reports whether an input stands in a file, a name or a condition.
func (t *Template) uses(input string) bool {
	word := regexp.MustCompile(`\binputs(\.|\[["'])` + regexp.QuoteMeta(input) + `\b`)
	for _, f := range t.files {
		if word.MatchString(f.path) || f.body != nil && word.Match(f.data) {
			return true
		}
	}
	for _, c := range t.conditions {
		if word.MatchString(c.when) {
			return true
		}
	}
	return slices.ContainsFunc(t.Resources, func(r Resource) bool { return word.MatchString(r.When) })
}

// HasInput reports whether the template asks for a value of that name.
func (t *Template) HasInput(name string) bool {
	_, ok := t.Inputs.property(name)
	return ok
}

// Engine is what the template gives its services of a kind unless they ask for
// something else; "" for nothing.
func (t *Template) Engine(kind string) string {
	for _, r := range t.Resources {
		if r.Kind == kind {
			return r.Engine
		}
	}
	return ""
}
