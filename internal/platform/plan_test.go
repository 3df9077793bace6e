package platform

import (
	"slices"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

func TestAnew(t *testing.T) {
	t.Parallel()
	const said = "database shop_staging is made anew by terraform, without what the one before held: nothing of that was kept"
	cases := map[string]struct {
		action  pave.Action
		kind    string
		spec    string
		record  string
		restore bool
		want    []string
	}{
		"destroyed, and wanted again":  {pave.ActionCreate, "database", `{"module":{}}`, "", true, []string{said}},
		"kept, and brought back":       {pave.ActionRestore, "database", `{}`, "res_1", true, nil},
		"kept, and nothing left of it": {pave.ActionCreate, "database", `{}`, "res_1", true, nil}, // its own change says so
		"taken over from outside":      {pave.ActionCreate, "database", `{"module":{"import":{"a.b":"id"}}}`, "", true, nil},
		"holds nothing":                {pave.ActionCreate, "route", `{}`, "", true, nil},
		"new":                          {pave.ActionCreate, "database", `{"module":{}}`, "", false, nil},
	}
	for name, c := range cases {
		ch := resource.Change{Change: pave.Change{Action: c.action, Ref: pave.Ref{Kind: c.kind, Env: "staging", Service: "shop", Name: "shop"}, Provider: "terraform", External: "shop_staging"},
			Node: resource.Node{Spec: []byte(c.spec)}, Record: resource.Record{ID: c.record}}
		w := work{tr: transition{restore: c.restore}, changes: []resource.Change{ch}}
		if got := w.anew(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
