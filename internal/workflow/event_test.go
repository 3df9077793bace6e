package workflow_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// A reader that follows the cursor while many write must see every number once:
// none may become visible behind a greater one.
func TestEventCursor(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		r := start(t, open(), workflow.Options{Workers: 8, TeamCap: 8}, handlers{"a": func(ctx context.Context, task *workflow.Task) (workflow.Result, error) {
			return workflow.Result{}, task.Emit(ctx, "step.output", "line")
		}})
		reader := workflow.New(open(), workflow.Options{}) // as another process would
		var ended atomic.Bool
		var follow sync.WaitGroup
		seen := int64(0)
		follow.Go(func() {
			for {
				last := ended.Load()
				events, err := reader.Events(ctx, workflow.EventFilter{After: seen, Limit: 7})
				if err != nil {
					t.Errorf("events: %v", err)
					return
				}
				for _, ev := range events {
					if ev.Seq != seen+1 {
						t.Errorf("event %d came after %d", ev.Seq, seen)
					}
					seen = ev.Seq
				}
				if last && len(events) == 0 {
					return
				}
			}
		})
		const runs = 20
		var ids sync.Map
		var starters sync.WaitGroup
		for i := range runs {
			starters.Go(func() {
				ids.Store(i, r.begin(run(step("a1"), step("a2"), step("a3", "a1", "a2"))).ID)
			})
		}
		starters.Wait()
		ids.Range(func(_, id any) bool { r.ended(id.(string), pave.RunDone); return true })
		ended.Store(true)
		follow.Wait()
		if want := int64(runs * (2 + 3*3)); seen != want {
			t.Errorf("%d events, want %d", seen, want)
		}
	})
}

func TestEventFilter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		r := start(t, open(), workflow.Options{}, handlers{"a": ok, "big": func(ctx context.Context, task *workflow.Task) (workflow.Result, error) {
			return workflow.Result{}, task.Emit(ctx, "step.output", make([]byte, 100_000))
		}})
		changed := r.Changed()
		one := r.begin(run(step("a"))).ID
		select {
		case <-changed:
		case <-time.After(patience):
			t.Fatal("Changed is silent")
		}
		r.ended(one, pave.RunDone)
		other := run(step("a"))
		other.Service = "svc_2"
		two := r.begin(other).ID
		r.ended(two, pave.RunDone)
		for reason, c := range map[string]struct {
			f    workflow.EventFilter
			want int
		}{
			"all":         {workflow.EventFilter{}, 8},
			"service":     {workflow.EventFilter{Service: "svc_2"}, 4},
			"run":         {workflow.EventFilter{Run: one}, 4},
			"both":        {workflow.EventFilter{Run: one, Service: "svc_2"}, 0},
			"cursor":      {workflow.EventFilter{After: 6}, 2},
			"limit":       {workflow.EventFilter{Limit: 3}, 3},
			"unknown run": {workflow.EventFilter{Run: "run_x"}, 0},
		} {
			if events, err := r.Events(ctx, c.f); err != nil || len(events) != c.want {
				t.Errorf("%s: %d events, %v; want %d", reason, len(events), err, c.want)
			}
		}
		r.ended(r.begin(run(step("big"))).ID, pave.RunStopped) // refused, not cut
	})
}
