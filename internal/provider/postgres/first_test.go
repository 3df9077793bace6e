package postgres

import (
	"context"
	"sync"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Before the first database there is no server, and looking starts none; the
// first ones that come at the same time share one.
func TestFirstDatabases(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	r := fresh()
	if _, err := d.Observe(t.Context(), r); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("Observe: %v", err)
	}
	found, err := d.List(t.Context())
	if err != nil || len(found) != 0 {
		t.Errorf("List: %v, %v", found, err)
	}
	for what, f := range map[string]func(context.Context, resource.Resource) error{"Delete": d.Delete, "SetAside": d.SetAside} {
		if err := f(t.Context(), r); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := d.Drop(t.Context(), "run_1"); err != nil {
		t.Errorf("Drop: %v", err)
	}
	if diff, err := d.Diff(t.Context(), r); pave.CodeOf(err) != pave.NotFound || diff.Lost != "" {
		t.Errorf("Diff: %+v, %v", diff, err)
	}
	if all, err := d.Node.Servers(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("looking has started %v, %v", all, err)
	}
	var group sync.WaitGroup
	for range 8 {
		r := fresh()
		group.Go(func() {
			if _, err := d.Apply(t.Context(), r); err != nil && pave.CodeOf(err) != pave.Unavailable {
				t.Errorf("Apply beside others: %v", err)
			}
		})
	}
	group.Wait()
	st := ready(t, d, r)
	must(t, st.Secrets["url"].Reveal(), "SELECT 1")
	if c := d.Check(t.Context()); !c[0].OK {
		t.Errorf("check: %+v", c)
	}
	r.Spec = []byte(`{"engine":"oracle"}`)
	if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
		t.Errorf("another engine: %v", err)
	}
}
