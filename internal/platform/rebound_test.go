package platform

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// What is another in a binding since a plan is told, values of secrets are not, and what is
// made already stays with its provider.
func TestBindingDiff(t *testing.T) {
	t.Parallel()
	const was = `{"engine":"postgresql","module":{"digest":"sha256:1","source":"a","set":{"connections":3,"zones":["a"]},"fill":{"name":"name"},
		"secrets":{"KEY":"sec_1","URL":"sec_2"},"backend":{"type":"http","config":{"address":"a"}}}}`
	module := func(change func(*pave.Module)) pave.Binding {
		m := resource.ModuleOf(json.RawMessage(was))
		change(m)
		return pave.Binding{Provider: "terraform", Module: m}
	}
	for name, c := range map[string]struct {
		state pave.ResourceState
		spec  string
		now   pave.Binding
		want  string
	}{
		"the same":       {pave.ResourcePlanned, was, module(func(*pave.Module) {}), ""},
		"where it lies":  {pave.ResourcePlanned, was, module(func(m *pave.Module) { m.Source = "b" }), ""},
		"a value":        {pave.ResourcePlanned, was, module(func(m *pave.Module) { m.Set["connections"] = float64(20) }), "connections 3 -> 20"},
		"one more":       {pave.ResourcePresent, was, module(func(m *pave.Module) { m.Set["tier"] = "small" }), "tier nothing -> small"},
		"one less":       {pave.ResourcePlanned, was, module(func(m *pave.Module) { delete(m.Set, "zones") }), `zones ["a"] -> nothing`},
		"another module": {pave.ResourcePlanned, was, module(func(m *pave.Module) { m.Digest = "sha256:2" }), "module sha256:1 -> sha256:2"},
		"a secret":       {pave.ResourcePlanned, was, module(func(m *pave.Module) { m.Secrets["KEY"] = "sec_3" }), "secret KEY is another"},
		"all the rest": {pave.ResourcePlanned, was, module(func(m *pave.Module) {
			m.Fill, m.Mirror, m.Backend = map[string]string{"name": "service"}, "/srv", nil
			m.Outputs, m.Import = map[string]string{"host": "address"}, map[string]string{"a.b": "1"}
		}), "fill name name -> service; output for host nothing -> address; import of a.b nothing -> 1; mirror; backend"},
		"another maker":            {pave.ResourcePlanned, was, pave.Binding{Provider: "postgres"}, "made by terraform -> postgres"},
		"another maker, of others": {pave.ResourcePresent, was, pave.Binding{Provider: "postgres"}, ""},
		"a system": {pave.ResourcePlanned, `{"binding":{"settings":{"org":"acme"},"secrets":{"token":"sec_1"}}}`,
			pave.Binding{Provider: "terraform", Told: true, Settings: map[string]string{"org": "other"}}, "org acme -> other"},
		"this machine": {pave.ResourcePlanned, `{"engine":"postgresql"}`, pave.Binding{Provider: "terraform", Settings: map[string]string{"memory_mb": "64"}}, ""},
	} {
		got := bindingDiff(resource.Record{Provider: "terraform", State: c.state}, json.RawMessage(c.spec), c.now)
		if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The way to a new plan of what heals is the command itself: such a run wrote no revision.
func TestPlanAgain(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{`{"verb":"heal"}`: "give the command again: pave heal shop", `{"verb":"scale"}`: "pave undo run_01JD4T9XK2M7, then give the command again"} {
		run := pave.Run{ID: "run_01JD4T9XK2M7QQQQ", Title: "heal shop", Input: json.RawMessage(input)}
		if got := planAgain(run); got != want {
			t.Errorf("%s: %q, want %q", input, got, want)
		}
	}
}
