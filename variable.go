package pave

import "regexp"

var reference = regexp.MustCompile(`^\$\{\{\s*resources\.([a-z]+)\.([a-z_]+)\s*\}\}$`)

// A Reference is the value of a variable that holds an output of a resource.
type Reference struct{ Kind, Output string }

// ParseReference reads ${{ resources.KIND.OUTPUT }}; ok is false for plain text.
func ParseReference(value string) (r Reference, ok bool) {
	m := reference.FindStringSubmatch(value)
	if m == nil {
		return r, false
	}
	return Reference{m[1], m[2]}, true
}
