package catalog

import (
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestObserve(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx, c := t.Context(), New(open())
		observe := func(o Observation) {
			o.Kind, o.Name, o.Service, o.Owner = "component", "shop", "svc_1", "web"
			if err := c.Observe(ctx, o); err != nil {
				t.Fatal(err)
			}
		}
		facts := func() (map[string]string, pave.Entity) {
			list, err := c.List(ctx, "svc_1")
			if err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			out := map[string]string{}
			for _, f := range list[0].Facts {
				if f.Seen.IsZero() || f.Evidence == "" || f.Source == "" {
					t.Errorf("a fact says where it comes from and when: %+v", f)
				}
				out[f.Key] = f.Value
			}
			return out, list[0]
		}
		observe(Observation{Source: "repository", Facts: []Fact{{"language", "go", "go.mod at 1"}, {"docs", "yes", "docs at 1"}},
			Relations: []Relation{{"provides", "api:shop", "openapi.yaml at 1"}}})
		observe(Observation{Source: "run", Facts: []Fact{{"release", "1", "run 1"}}})
		observe(Observation{Source: "repository", Facts: []Fact{{"language", "node", "package.json at 2"}}})
		got, e := facts()
		if got["language"] != "node" || got["release"] != "1" || got["docs"] != "" || len(e.Links) != 0 {
			t.Errorf("a source replaces what it said itself, and nothing else: %v %v", got, e.Links)
		}
		observe(Observation{Source: "repository", Err: "go.mod: line 3: broken"})
		if got, e := facts(); got["language"] != "node" || e.Error == "" {
			t.Errorf("a broken input keeps the last good facts and shows its error: %v %q", got, e.Error)
		}
		observe(Observation{Source: "file", Facts: []Fact{{"title", "Shop", "catalog-info.yaml at 2"}}, Fault: "spec.owner is missing"})
		if got, e := facts(); got["title"] != "Shop" || e.Error != "spec.owner is missing; go.mod: line 3: broken" {
			t.Errorf("a part that is broken does not hide the rest: %v %q", got, e.Error)
		}
		observe(Observation{Source: "run", Facts: []Fact{{"release", "2", "run 2"}}})
		observe(Observation{Source: "file"})
		if _, e := facts(); e.Error != "go.mod: line 3: broken" {
			t.Errorf("a source that is well clears its own errors alone: %q", e.Error)
		}
		observe(Observation{Source: "repository", Facts: []Fact{{"language", "go", "go.mod at 3"}}})
		if _, e := facts(); e.Error != "" || e.Owner != "web" {
			t.Errorf("a mended input clears it: %+v", e)
		}
		if err := c.Lost(ctx, "component:shop"); err != nil {
			t.Fatal(err)
		}
		if list, err := c.List(ctx, ""); err != nil || len(list) != 0 {
			t.Errorf("what is lost is not listed: %v, %v", list, err)
		}
		observe(Observation{Source: "run"})
		if n, err := c.Gone(ctx, "svc_1"); err != nil || n != 1 {
			t.Errorf("gone: %d, %v", n, err)
		}
		if list, err := c.List(ctx, ""); err != nil || len(list) != 0 {
			t.Errorf("what is gone is not listed: %v, %v", list, err)
		}
	})
}
