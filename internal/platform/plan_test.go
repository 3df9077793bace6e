package platform

import (
	"slices"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// A plan is for the binding that it was made with: with another one it is another plan,
// where that makes something.
func TestPlanHash(t *testing.T) {
	t.Parallel()
	hash := func(action pave.Action, spec string) string {
		t.Helper()
		ch := resource.Change{Change: pave.Change{Action: action, Ref: pave.Ref{Kind: "database", Env: "staging", Service: "shop", Name: "shop"}}, Node: resource.Node{Spec: []byte(spec)}}
		h, err := planHash(work{changes: []resource.Change{ch}, plan: pave.Plan{Request: pave.Envelope{Request: pave.Heal{Service: "shop"}}, Changes: []pave.Change{ch.Change}}})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for name, c := range map[string]struct {
		action   pave.Action
		one, two string
		same     bool
	}{
		"the same":             {pave.ActionCreate, `{"module":{"set":{"size":1}},"uid":1}`, `{"module":{"set":{"size":1}},"uid":2}`, true},
		"another value":        {pave.ActionCreate, `{"module":{"set":{"size":1}}}`, `{"module":{"set":{"size":2}}}`, false},
		"another organization": {pave.ActionUpdate, `{"binding":{"settings":{"org":"a"}}}`, `{"binding":{"settings":{"org":"b"}}}`, false},
		"it is kept":           {pave.ActionKeep, `{"module":{"set":{"size":1}}}`, `{"module":{"set":{"size":2}}}`, true},
		"of this machine":      {pave.ActionCreate, `{"engine":"postgresql"}`, `{"engine":"mysql"}`, true},
	} {
		if got := hash(c.action, c.one) == hash(c.action, c.two); got != c.same {
			t.Errorf("%s: the same plan is %v", name, got)
		}
	}
}

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
