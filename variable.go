package pave

import (
	"net/url"
	"regexp"
	"strings"
)

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

// Engines are what a kind of resource may be made of; the first is the usual one.
var Engines = map[string][]string{
	KindDatabase: {"postgresql"},
	KindCache:    {"redis"},
}

// Outputs are what a resource gives its service, by kind, for variables to refer to.
var Outputs = map[string][]string{
	KindDatabase: {"url", "host", "port", "name", "user", "password"},
	KindCache:    {"url", "host", "port", "name", "user", "password"},
}

// OutputsOf takes the address of a database or cache apart.
func OutputsOf(address Secret) map[string]Secret {
	out := map[string]Secret{"url": address}
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return out
	}
	password, _ := u.User.Password()
	for name, value := range map[string]string{"host": u.Hostname(), "port": u.Port(), "name": strings.TrimPrefix(u.Path, "/"),
		"user": u.User.Username(), "password": password} {
		out[name] = NewSecret(value)
	}
	return out
}
