package workflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// asks waits for the signal "go" and puts its payload out.
func asks(timeout time.Duration) workflow.Handler {
	return func(_ context.Context, t *workflow.Task) (workflow.Result, error) {
		if t.Signal == "" {
			return workflow.Result{}, workflow.AwaitSignal{Name: "go", Timeout: timeout, Reason: "approval"}
		}
		return workflow.Result{Output: t.Payload}, nil
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		hold := make(chan struct{})
		r := start(t, open(), workflow.Options{}, handlers{
			"ask": asks(0), "soon": asks(300 * time.Millisecond),
			"hold": func(context.Context, *workflow.Task) (workflow.Result, error) { <-hold; return workflow.Result{}, nil },
		})
		signal := func(id, payload string, want pave.Code) {
			t.Helper()
			wantCode(t, "signal", r.Signal(ctx, id, "go", payload), want)
		}
		late := r.begin(run(step("ask"))).ID
		if got := r.waiting(late, "ask"); got.Reason != "ask: approval" {
			t.Errorf("reason %q", got.Reason)
		}
		signal(late, "yes", "")
		got := r.ended(late, pave.RunDone)
		if s := got.Steps[0]; string(s.Output) != `"yes"` || s.Attempt != 1 {
			t.Errorf("late: %+v", s)
		}
		signal(late, "again", pave.Conflict)
		signal("run_unknown", "x", pave.NotFound)

		early := r.begin(run(step("hold"), step("ask1", "hold"), step("ask2", "ask1"))).ID
		signal(early, "one", "")
		signal(early, "two", "")
		close(hold)
		got = r.ended(early, pave.RunDone)
		if a, b := string(stepOf(got, "ask1").Output), string(stepOf(got, "ask2").Output); a != `"one"` || b != `"two"` {
			t.Errorf("early signals came as %s, %s", a, b)
		}
		timeout := r.begin(run(step("soon"))).ID
		if got := r.ended(timeout, pave.RunStopped); got.Reason != "soon: no go in time" {
			t.Errorf("reason %q", got.Reason)
		}
		// A retry asks anew instead of meeting the old answer.
		if err := r.Retry(ctx, timeout, "usr_2"); err != nil {
			t.Fatal(err)
		}
		r.until(timeout, "waiting", func(run pave.Run) bool { return run.Steps[0].State == pave.StepWaiting })
		signal(timeout, "now", "")
		r.ended(timeout, pave.RunDone)
	})
}

// Who said when to come again is asked then, as often as that takes: it is no failure. It is
// shown as a wait, which says why, and no wait is longer than some minutes.
func TestLater(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		later := func(in time.Duration) error {
			cause := pave.Errorf(pave.Unavailable, "github wants no calls: %w", pave.Later{At: time.Now().Add(in)}).WithHint("it goes on")
			return pave.Errorf(pave.Unavailable, "make it: %w", cause)
		}
		var calls, early atomic.Int64
		var due atomic.Pointer[time.Time]
		r := start(t, open(), workflow.Options{}, handlers{
			"soon": func(_ context.Context, task *workflow.Task) (workflow.Result, error) {
				if at := due.Load(); at != nil && time.Now().Before(*at) || task.Attempt != 1 {
					early.Add(1)
				}
				if calls.Add(1) == 3 {
					return workflow.Result{}, nil
				}
				at := time.Now().Add(1200 * time.Millisecond)
				due.Store(&at)
				return workflow.Result{}, later(1200 * time.Millisecond)
			},
			"far": fails(later(time.Hour)),
		})
		once := func(key string) pave.Run {
			s := step(key)
			s.Retry.Attempts = 1 // a failure would be the end
			return r.begin(run(s))
		}
		far, soon := once("far").ID, once("soon").ID
		got := r.until(far, "waiting", func(run pave.Run) bool { return run.Steps[0].Reason != "" })
		if s := got.Steps[0]; s.State.Ended() || !strings.Contains(s.Reason, "it answers again at") || s.Hint != "it goes on" {
			t.Errorf("%+v", s)
		}
		events, err := r.Events(context.Background(), workflow.EventFilter{Run: far, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		last := events[len(events)-1]
		var data struct {
			After int64 `json:"after_ms"`
		}
		if err := json.Unmarshal(last.Data, &data); err != nil || last.Type != "step.waiting" || data.After < 300_000 || data.After > 330_000 {
			t.Errorf("%s %s, %v", last.Type, last.Data, err)
		}
		r.ended(soon, pave.RunDone)
		if early.Load() > 0 || calls.Load() != 3 {
			t.Errorf("%d calls, %d of them too early or counted as another attempt", calls.Load(), early.Load())
		}
	})
}

func TestChildRuns(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		var healthy atomic.Bool
		var childCalls atomic.Int64
		r := start(t, open(), workflow.Options{}, handlers{
			"parent": func(_ context.Context, t *workflow.Task) (workflow.Result, error) {
				if t.Child == nil {
					child := run(step("ok1"), step("child", "ok1"))
					child.ID, child.Kind = "run_child_of_"+t.Run.ID, pave.RunRollout
					return workflow.Result{}, workflow.AwaitRun{Start: child}
				}
				if t.Child.State != pave.RunDone {
					return workflow.Result{}, pave.Errorf(pave.Conflict, "rollout is %s", t.Child.State)
				}
				return workflow.Result{Output: stepOf(*t.Child, "child").Output}, nil
			},
			"child": func(context.Context, *workflow.Task) (workflow.Result, error) {
				childCalls.Add(1)
				if !healthy.Load() {
					return workflow.Result{}, pave.Errorf(pave.Conflict, "unhealthy")
				}
				return workflow.Result{Output: 42}, nil
			},
			"ok": ok,
			"loop": func(_ context.Context, t *workflow.Task) (workflow.Result, error) {
				child := run(step("ok"))
				child.ID = "run_loop"
				return workflow.Result{}, workflow.AwaitRun{Start: child}
			},
			"bad": fails(workflow.AwaitRun{Start: workflow.Start{ID: "run_bad", Kind: "x", Steps: []workflow.StepSpec{step("a", "a")}}}),
		})
		id := r.begin(run(step("parent"), step("ok", "parent"))).ID
		got := r.ended(id, pave.RunStopped)
		if got.Reason != "parent: rollout is stopped" {
			t.Errorf("reason %q", got.Reason)
		}
		child := stepOf(got, "parent").Child
		if c := r.ended(child, pave.RunStopped); c.Parent != id || c.Reason != "child: unhealthy" {
			t.Errorf("child %+v", c)
		}
		healthy.Store(true)
		// A retry of the child means its parent too.
		if err := r.Retry(ctx, child, "usr_2"); err != nil {
			t.Fatal(err)
		}
		got = r.ended(id, pave.RunDone)
		if s := stepOf(got, "parent"); string(s.Output) != "42" || got.Attempts != 2 {
			t.Errorf("after the retry: %+v, attempts %d", s, got.Attempts)
		}
		if c := r.ended(child, pave.RunDone); c.Attempts != 2 || stepOf(c, "ok1").Attempt != 1 {
			t.Errorf("child after the retry: %+v", c)
		}
		wantCode(t, "retry of a done run", r.Retry(ctx, id, "usr_2"), pave.Conflict)
		if types := r.eventTypes(id); !strings.Contains(types, "step.done:child run.done") {
			t.Errorf("events of the tree lack the child's: %s", types)
		}
		for _, key := range []string{"loop", "bad"} { // a handler that would spin, and a child that cannot be
			r.ended(r.begin(run(step(key))).ID, pave.RunStopped)
		}
	})
}

// A run says what the runs below it wait for, as far down as they go, and that is gone when
// they go on.
func TestWaitsBelow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		var passed atomic.Bool
		below := func(title, key string) workflow.Handler {
			return func(_ context.Context, t *workflow.Task) (workflow.Result, error) {
				if t.Child != nil {
					return workflow.Result{}, nil
				}
				child := run(step("ok1"), step(key, "ok1"))
				child.ID, child.Title = "run_"+key+"_of_"+t.Run.ID, title
				return workflow.Result{}, workflow.AwaitRun{Start: child}
			}
		}
		r := start(t, open(), workflow.Options{}, handlers{
			"ok": ok, "apply": below("pipeline of shop", "pipeline"), "pipeline": below("rollout of shop", "checks"),
			"checks": func(context.Context, *workflow.Task) (workflow.Result, error) {
				if !passed.Load() {
					return workflow.Result{}, workflow.Again{After: 20 * time.Millisecond, Reason: "the host runs ci"}
				}
				return workflow.Result{}, nil
			},
		})
		id := r.begin(run(step("apply"))).ID
		const want = "pipeline of shop: rollout of shop: the host runs ci"
		got := r.until(id, "told what is waited for", func(run pave.Run) bool { return run.Steps[0].Reason == want })
		if got.Reason != "apply: "+want {
			t.Errorf("the run waits for %q", got.Reason)
		}
		for range 10 { // a look, while a poll goes on too
			mid, err := r.Get(context.Background(), got.Steps[0].Child)
			if err != nil || mid.Reason != "pipeline: rollout of shop: the host runs ci" {
				t.Errorf("the run between waits for %q, %v", mid.Reason, err)
			}
			leaf, err := r.Get(context.Background(), stepOf(mid, "pipeline").Child)
			if err != nil || leaf.Reason != "checks: the host runs ci" {
				t.Errorf("the lowest run waits for %q, %v", leaf.Reason, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		passed.Store(true)
		if got := r.ended(id, pave.RunDone); got.Reason != "" || got.Steps[0].Reason != "" {
			t.Errorf("done, and waits for %q, %q", got.Reason, got.Steps[0].Reason)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		var cleaned atomic.Int64
		blocked := func(ctx context.Context, _ *workflow.Task) (workflow.Result, error) {
			<-ctx.Done()
			return workflow.Result{}, errors.New("killed")
		}
		r := start(t, open(), workflow.Options{}, handlers{
			"ok": ok, "ask": asks(0), "block": blocked,
			"clean": func(ctx context.Context, _ *workflow.Task) (workflow.Result, error) {
				if cleaned.Add(1); ctx.Err() != nil {
					t.Error("clean-up runs with an ended context")
				}
				return workflow.Result{}, nil
			},
			"parent": func(_ context.Context, t *workflow.Task) (workflow.Result, error) {
				child := run(step("block"))
				child.ID = "run_child_of_" + t.Run.ID
				return workflow.Result{}, workflow.AwaitRun{Start: child}
			},
		})
		clean := step("clean", "block", "ask")
		clean.Always = true
		id := r.begin(run(step("ok1"), step("block"), step("ask"), step("parent"), step("ok2", "block"), clean)).ID
		r.waiting(id, "ask")
		child := stepOf(r.waiting(id, "parent"), "parent").Child
		r.until(child, "running", func(run pave.Run) bool { return stepOf(run, "block").State == pave.StepRunning })
		r.until(id, "running", func(run pave.Run) bool {
			return stepOf(run, "block").State == pave.StepRunning && stepOf(run, "ok1").State == pave.StepDone
		})
		if err := r.Cancel(ctx, id, "usr_2", "wrong name"); err != nil {
			t.Fatal(err)
		}
		got := r.ended(id, pave.RunCanceled)
		if s := states(got); s != "ok1=done block=canceled ask=canceled parent=canceled ok2=canceled clean=done" {
			t.Errorf("states %s", s)
		}
		if got.Reason != "wrong name" || cleaned.Load() != 1 {
			t.Errorf("reason %q, cleaned %d times", got.Reason, cleaned.Load())
		}
		r.ended(child, pave.RunCanceled)
		wantCode(t, "cancel of an ended run", r.Cancel(ctx, id, "usr_2", ""), pave.Conflict)
		wantCode(t, "cancel of no run", r.Cancel(ctx, "run_unknown", "usr_2", ""), pave.NotFound)

		events, err := r.Events(ctx, workflow.EventFilter{Run: id})
		if last := events[len(events)-1]; err != nil || last.Type != "run.canceled" || last.Actor != "usr_2" {
			t.Errorf("last event %+v, %v", last, err)
		}
		// A canceled run can be retried; its clean-up then runs once more.
		if err := r.Retry(ctx, id, "usr_2"); err != nil {
			t.Fatal(err)
		}
		r.waiting(id, "ask")
		if err := r.Cancel(ctx, id, "usr_2", ""); err != nil {
			t.Fatal(err)
		}
		r.ended(id, pave.RunCanceled)
		if cleaned.Load() != 2 {
			t.Errorf("cleaned %d times, want 2", cleaned.Load())
		}
	})
}

func TestRetryRun(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		var broken atomic.Bool
		var oks atomic.Int64
		broken.Store(true)
		r := start(t, open(), workflow.Options{}, handlers{
			"ok": func(context.Context, *workflow.Task) (workflow.Result, error) {
				oks.Add(1)
				return workflow.Result{}, nil
			},
			"flaky": func(context.Context, *workflow.Task) (workflow.Result, error) {
				if broken.Load() {
					return workflow.Result{}, pave.Errorf(pave.Policy, "not on a Friday")
				}
				return workflow.Result{}, nil
			},
			"ask": asks(0),
		})
		s := run(step("ok1"), step("flaky", "ok1"), step("ok2", "flaky"))
		s.Key = "one at a time"
		id := r.begin(s).ID
		r.ended(id, pave.RunStopped)

		other := run(step("ask"))
		other.Key = s.Key
		otherID := r.begin(other).ID
		wantCode(t, "retry while another run has the key", r.Retry(ctx, id, "usr_2"), pave.Conflict)
		r.waiting(otherID, "ask")
		wantCode(t, "retry of a running run", r.Retry(ctx, otherID, "usr_2"), pave.Conflict)
		if err := r.Signal(ctx, otherID, "go", nil); err != nil {
			t.Fatal(err)
		}
		r.ended(otherID, pave.RunDone)

		broken.Store(false)
		if err := r.Retry(ctx, id, "usr_2"); err != nil {
			t.Fatal(err)
		}
		got := r.ended(id, pave.RunDone)
		if got.Attempts != 2 || got.Reason != "" || oks.Load() != 2 || stepOf(got, "flaky").Attempt != 2 {
			t.Errorf("run %+v, %d calls of ok", got, oks.Load())
		}
	})
}

// A run whose done steps left nothing begins anew when it is tried again.
func TestRetryLost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		var built, lost atomic.Bool
		var builds atomic.Int64
		r := start(t, open(), workflow.Options{Lost: func(run pave.Run) bool {
			return lost.Load() && stepOf(run, "build").State == pave.StepDone
		}}, handlers{
			"build": func(context.Context, *workflow.Task) (workflow.Result, error) {
				built.Store(builds.Add(1) > 1)
				return workflow.Result{}, nil
			},
			"release": func(context.Context, *workflow.Task) (workflow.Result, error) {
				if !built.Load() {
					return workflow.Result{}, pave.Errorf(pave.Conflict, "nothing was built")
				}
				return workflow.Result{}, nil
			},
		})
		id := r.begin(run(step("build"), step("release", "build"))).ID
		r.ended(id, pave.RunStopped)
		for attempt, want := range []struct {
			lost   bool
			state  pave.RunState
			builds int64
		}{{false, pave.RunStopped, 1}, {true, pave.RunDone, 2}} {
			lost.Store(want.lost)
			if err := r.Retry(context.Background(), id, "usr_2"); err != nil {
				t.Fatal(err)
			}
			if r.ended(id, want.state); builds.Load() != want.builds {
				t.Errorf("attempt %d: built %d times, want %d", attempt+2, builds.Load(), want.builds)
			}
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		r := start(t, open(), workflow.Options{}, handlers{"ok": ok, "ask": asks(0), "parent": func(_ context.Context, t *workflow.Task) (workflow.Result, error) {
			child := run(step("ok"))
			child.ID = "run_child_of_" + t.Run.ID
			if t.Child == nil {
				return workflow.Result{}, workflow.AwaitRun{Start: child}
			}
			return workflow.Result{}, nil
		}})
		parent := r.begin(run(step("parent"))).ID
		r.ended(parent, pave.RunDone)
		open2 := r.begin(run(step("ask"))).ID
		r.waiting(open2, "ask")
		old := time.Now()
		time.Sleep(2 * time.Millisecond)
		young := r.begin(run(step("ok"))).ID
		r.ended(young, pave.RunDone)

		if n, err := r.Prune(ctx, old); err != nil || n != 2 {
			t.Fatalf("pruned %d runs, %v; want 2", n, err)
		}
		_, err := r.Get(ctx, parent)
		wantCode(t, "pruned", err, pave.NotFound)
		var left int
		if err := r.db.QueryRow(ctx, `SELECT count(*) FROM steps`).Scan(&left); err != nil || left != 2 {
			t.Errorf("%d steps left, %v", left, err)
		}
		if types := r.eventTypes(parent); types != "" {
			t.Errorf("events left: %s", types)
		}
		r.waiting(open2, "ask")
	})
}
