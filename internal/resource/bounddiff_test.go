package resource

import (
	"encoding/json"
	"strings"
	"testing"

	pave "github.com/pave-platform/pave"
)

// What a plan changes of a module is told so that people see it.
func TestBoundDiff(t *testing.T) {
	t.Parallel()
	const was = `{"engine":"postgresql","module":{"digest":"sha256:1","source":"a","set":{"size":"small"},"secrets":{"KEY":"sec_1"}}}`
	for now, want := range map[string]string{
		`{"engine":"postgresql","module":{"digest":"sha256:1","source":"a","set":{"size":"large"},"secrets":{"KEY":"sec_1"}}}`: "size small -> large",
		`{"engine":"postgresql","module":{"digest":"sha256:1","source":"b","set":{"size":"small"},"secrets":{"KEY":"sec_2"}}}`: "module of a -> b; secret KEY is another",
		`{"engine":"mysql","module":{"digest":"sha256:2","source":"a","set":{"size":"small"},"secrets":{"KEY":"sec_1"}}}`:      `engine "postgresql" -> "mysql"; module sha256:1 -> sha256:2`,
		was: "",
	} {
		if got := strings.Join(specDiff(json.RawMessage(was), json.RawMessage(now)), "; "); got != want {
			t.Errorf("%s: %q, want %q", now, got, want)
		}
	}
	told := `{"binding":{"settings":{"org":"acme"},"secrets":{"token":"sec_1"}}}`
	if got := specDiff(json.RawMessage(told), json.RawMessage(strings.ReplaceAll(told, "acme", "other"))); len(got) != 1 || got[0] != "org acme -> other" {
		t.Errorf("a system: %q", got)
	}
}

// What a workload is given is read anew where a module changes what gives it out, and only there.
func TestChangedNeed(t *testing.T) {
	t.Parallel()
	database := pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"}
	elsewhere := database
	elsewhere.Env = "production"
	const module = `{"module":{"digest":"sha256:1"}}`
	for name, c := range map[string]struct {
		action pave.Action
		ref    pave.Ref
		id     string
		spec   string
		want   string
	}{
		"changed":                {pave.ActionUpdate, database, "res_1", module, "database"},
		"vanished":               {pave.ActionCreate, database, "res_1", module, "database"},
		"new":                    {pave.ActionCreate, database, "", module, ""},
		"kept":                   {pave.ActionKeep, database, "res_1", module, ""},
		"of this machine":        {pave.ActionUpdate, database, "res_1", `{"memory_mb":64}`, ""},
		"of another environment": {pave.ActionUpdate, elsewhere, "res_1", module, ""},
	} {
		changes := []Change{{Change: pave.Change{Action: c.action, Ref: c.ref}, Node: Node{Ref: c.ref, Spec: json.RawMessage(c.spec)}, Record: Record{ID: c.id}}}
		if got := changedNeed(changes, Node{Needs: []pave.Ref{database}}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
