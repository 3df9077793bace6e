package entityfile

import (
	"regexp"
	"strings"
)

// A Ref names an entity, all in lower case: case makes no difference in references.
type Ref struct{ Kind, Namespace, Name string }

// String is kind:namespace/name, without the namespace where it is the default one.
func (r Ref) String() string {
	if r.Kind == "" {
		return ""
	}
	return r.Kind + ":" + r.Path()
}

// Path is namespace/name, or the name alone in the default namespace.
func (r Ref) Path() string {
	if r.Namespace == defaultNamespace {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}

const defaultNamespace = "default"

// namePattern is what names and namespaces are made of.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`)

var kindPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)

// ParseRef reads [kind:][namespace/]name; what is left out is of kind and namespace. It
// says what is wrong with it, "" being nothing.
func ParseRef(text, kind, namespace string) (r Ref, wrong string) {
	rest := text
	if k, after, ok := strings.Cut(text, ":"); ok {
		kind, rest = k, after
	}
	if n, after, ok := strings.Cut(rest, "/"); ok {
		namespace, rest = n, after
	}
	switch {
	case kind == "":
		return r, "has no kind"
	case !kindPattern.MatchString(kind), !namePattern.MatchString(namespace), !namePattern.MatchString(rest):
		return r, "is no reference"
	}
	return Ref{strings.ToLower(kind), strings.ToLower(namespace), strings.ToLower(rest)}, ""
}
