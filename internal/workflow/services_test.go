package workflow_test

import (
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// A reader who may see some services gets runs and events of those and of none, and
// pages of them that are full.
func TestOfServices(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		r := start(t, open(), workflow.Options{}, handlers{"a": ok})
		engine := workflow.New(open(), workflow.Options{})
		for _, service := range []string{"svc_1", "svc_2", "", "svc_1"} {
			s := run(step("a1"))
			s.Service = service
			r.ended(r.begin(s).ID, pave.RunDone)
		}
		for name, c := range map[string]struct {
			services []string
			want     map[string]bool
			runs     int
		}{
			"all": {nil, map[string]bool{"": true, "svc_1": true, "svc_2": true}, 4}, "none": {[]string{}, map[string]bool{"": true}, 1},
			"one": {[]string{"svc_1"}, map[string]bool{"": true, "svc_1": true}, 3}, "unknown": {[]string{"svc_3"}, map[string]bool{"": true}, 1},
		} {
			runs, err := engine.List(t.Context(), workflow.Filter{Services: c.services})
			if err != nil || len(runs) != c.runs {
				t.Errorf("%s: %d runs, %v; want %d", name, len(runs), err, c.runs)
			}
			if first, err := engine.List(t.Context(), workflow.Filter{Services: c.services, Limit: 1}); err != nil || len(first) != 1 {
				t.Errorf("%s: a page of one has %d, %v", name, len(first), err)
			}
			events, err := engine.Events(t.Context(), workflow.EventFilter{Services: c.services})
			if err != nil || len(events) == 0 {
				t.Errorf("%s: %d events, %v", name, len(events), err)
			}
			for _, e := range events {
				if !c.want[e.Service] {
					t.Errorf("%s: an event of %q", name, e.Service)
				}
			}
		}
	})
}
