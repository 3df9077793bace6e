package client_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// routesOf are the routes of an OpenAPI document, each with what its calls look like.
func routesOf(t *testing.T, doc []byte) map[string]*regexp.Regexp {
	t.Helper()
	var d struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(doc, &d); err != nil {
		t.Fatal(err)
	}
	out := map[string]*regexp.Regexp{}
	for path, methods := range d.Paths {
		for m := range methods {
			route := strings.ToUpper(m) + " " + path
			out[route] = regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(route), `[^/]+`) + "$")
		}
	}
	if len(out) < 60 {
		t.Fatalf("%d routes", len(out))
	}
	return out
}
