package template

import (
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

func TestVariablesAndChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ add, says string }{
		"good":              {"variables: {PGHOST: '${{ resources.database.host }}', FEATURES: search}\nchecks: [{name: default, requests: [{path: /}]}]\n", ""},
		"reserved":          {"variables: {PORT: '1'}\n", "is set by the platform"},
		"lower case":        {"variables: {port_of_x: '1'}\n", "must be a name of A-Z"},
		"no such resource":  {"variables: {X: '${{ resources.cache.url }}'}\n", "is no resource of this template"},
		"no such output":    {"variables: {X: '${{ resources.database.hots }}'}\n", "is no output of a database"},
		"half a reference":  {"variables: {X: 'a-${{ resources.database.host }}'}\n", "is neither text nor a reference"},
		"check's name":      {"checks: [{name: A}]\n", "must be a name of a-z"},
		"check twice":       {"checks: [{name: a}, {name: a}]\n", "stands there twice"},
		"path":              {"checks: [{name: a, requests: [{path: x}]}]\n", "must begin with /"},
		"status":            {"checks: [{name: a, requests: [{path: /, status: 99}]}]\n", "must be a status"},
		"unknown key":       {"checks: [{name: a, reqests: []}]\n", `unknown key "checks.reqests"`},
		"not the right typ": {"checks: [{name: a, requests: [{path: /, status: ok}]}]\n", "must be"},
	} {
		_, err := Load(folderOf("template.yaml", manifestText+c.add))
		if c.says == "" && err == nil {
			continue
		}
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
