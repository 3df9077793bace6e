package workflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

func TestGraph(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		var mu sync.Mutex
		var order []string
		h := func(ctx context.Context, task *workflow.Task) (workflow.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, task.Step)
			if task.Step == "a3" && (string(task.Outputs["a1"]) != `"a1!"` || string(task.Outputs["a2"]) != `"a2!"`) {
				t.Errorf("outputs %s", task.Outputs)
			}
			if string(task.Input) != `{"n":1}` && task.Step == "a1" {
				t.Errorf("input %s", task.Input)
			}
			return workflow.Result{Output: task.Step + "!", Summary: "made\x1b " + task.Step, Data: map[string]int{"n": 1}},
				task.Emit(ctx, "step.output", "hello")
		}
		r := start(t, open(), workflow.Options{}, handlers{"a": h})
		first := step("a1")
		first.Input = map[string]int{"n": 1}
		id := r.begin(run(first, step("a2", "a1"), step("a3", "a1", "a2"), step("a4", "a3"))).ID
		got := r.ended(id, pave.RunDone)
		if s := strings.Join(order, " "); s != "a1 a2 a3 a4" {
			t.Errorf("order %s", s)
		}
		if s := stepOf(got, "a2"); s.Summary != "made  a2" || string(s.Output) != `"a2!"` || s.Attempt != 1 || s.Ended.IsZero() {
			t.Errorf("step %+v", s)
		}
		want := "run.started step.started:a1 step.output:a1 step.done:a1 step.started:a2 step.output:a2 step.done:a2 " +
			"step.started:a3 step.output:a3 step.done:a3 step.started:a4 step.output:a4 step.done:a4 run.done"
		if s := r.eventTypes(id); s != want {
			t.Errorf("events\n got %s\nwant %s", s, want)
		}
		if empty := r.begin(run()); empty.State != pave.RunDone {
			t.Errorf("a run without steps is %s", empty.State)
		}
	})
}

// Branches that end at the same moment must not both think the other is open.
func TestJoin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		r := start(t, open(), workflow.Options{Workers: 8, TeamCap: 8}, handlers{"a": ok, "join": ok})
		var ids []string
		for range 20 {
			ids = append(ids, r.begin(run(step("a1"), step("a2"), step("a3"), step("a4"), step("join", "a1", "a2", "a3", "a4"))).ID)
		}
		for _, id := range ids {
			r.ended(id, pave.RunDone)
		}
	})
}

func TestFailure(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		var log strings.Builder
		release := make(chan struct{})
		r := start(t, open(), workflow.Options{Logger: testLogger(&log)}, handlers{
			"ok": ok,
			"slow": func(context.Context, *workflow.Task) (workflow.Result, error) {
				<-release
				return workflow.Result{}, nil
			},
			"bad": fails(pave.Errorf(pave.Conflict, "database %q is foreign", "x").WithHint("pick another name")),
			"bug": fails(errors.New("secret cause")),
			"panic": func(context.Context, *workflow.Task) (workflow.Result, error) {
				panic("secret panic")
			},
		})
		clean := step("ok9", "ok2")
		clean.Always = true
		id := r.begin(run(step("ok1"), step("bad", "ok1"), step("ok2", "bad"), step("ok3", "ok2"), clean, step("slow"), step("ok4", "slow"))).ID
		r.until(id, "cleaned", func(run pave.Run) bool { return stepOf(run, "ok9").State == pave.StepDone })
		close(release) // the other branch goes on after the failure
		got := r.ended(id, pave.RunStopped)
		if s := states(got); s != "ok1=done bad=failed ok2=skipped ok3=skipped ok9=done slow=done ok4=done" {
			t.Errorf("states %s", s)
		}
		if got.Reason != `bad: database "x" is foreign` || got.Hint != "pave retry "+id+", or pave undo "+id {
			t.Errorf("reason %q, hint %q", got.Reason, got.Hint)
		}
		if s := stepOf(got, "bad"); s.Hint != "pick another name" || s.Attempt != 1 {
			t.Errorf("step %+v", s)
		}
		if s := stepOf(got, "ok3"); s.Reason != "step ok2 was skipped" {
			t.Errorf("skipped because %q", s.Reason)
		}
		for _, key := range []string{"bug", "panic"} {
			id := r.begin(run(step(key))).ID
			got := r.ended(id, pave.RunStopped)
			if s := stepOf(got, key); s.Reason != "internal error ("+id+")" || s.Hint != "pave retry "+id+", or pave undo "+id {
				t.Errorf("%s: reason %q, hint %q", key, s.Reason, s.Hint)
			}
		}
		r.stop()
		for _, cause := range []string{"secret cause", "secret panic"} {
			if !strings.Contains(log.String(), cause) {
				t.Errorf("the log lacks %q", cause)
			}
		}
	})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		var calls, slow, polls atomic.Int64
		down := pave.Errorf(pave.Unavailable, "github does not answer")
		r := start(t, open(), workflow.Options{}, handlers{
			"flaky": func(_ context.Context, task *workflow.Task) (workflow.Result, error) {
				if n := calls.Add(1); int(n) != task.Attempt {
					t.Errorf("call %d has attempt %d", n, task.Attempt)
				}
				if task.Attempt < 3 {
					return workflow.Result{}, down
				}
				return workflow.Result{}, nil
			},
			"down": fails(down),
			"slow": func(ctx context.Context, _ *workflow.Task) (workflow.Result, error) {
				if slow.Add(1) > 1 {
					return workflow.Result{}, nil
				}
				<-ctx.Done()
				return workflow.Result{}, errors.New("killed") // a cause of any kind
			},
			"poll": func(_ context.Context, task *workflow.Task) (workflow.Result, error) {
				if task.Attempt != 1 {
					t.Errorf("a poll counts as attempt %d", task.Attempt)
				}
				if polls.Add(1) < 8 { // more often than there are attempts
					return workflow.Result{}, workflow.Again{Reason: "creating"}
				}
				return workflow.Result{}, nil
			},
		})
		quick := func(key string) workflow.StepSpec {
			s := step(key)
			s.Retry = workflow.Retry{Attempts: 3, Base: time.Millisecond, Max: 2 * time.Millisecond}
			return s
		}
		limited := quick("slow")
		limited.Timeout = 20 * time.Millisecond
		id := r.begin(run(quick("flaky"), limited, quick("poll"))).ID
		r.ended(id, pave.RunDone)
		types := r.eventTypes(id)
		for typ, n := range map[string]int{"step.retry:flaky": 2, "step.retry:slow": 1, "step.waiting:poll": 1, "step.started:poll": 1} {
			if got := strings.Count(types, typ); got != n {
				t.Errorf("%d events %s, want %d: %s", got, typ, n, types)
			}
		}
		id = r.begin(run(quick("down"))).ID
		if got := r.ended(id, pave.RunStopped); got.Reason != "down: github does not answer" || got.Steps[0].Attempt != 3 {
			t.Errorf("reason %q after %d attempts", got.Reason, got.Steps[0].Attempt)
		}
	})
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	e := workflow.New(storetest.Open(t, storetest.SQLite(t)), workflow.Options{})
	for reason, c := range map[string]struct {
		steps []workflow.StepSpec
		text  string
	}{
		"cycle":         {[]workflow.StepSpec{step("a"), step("b", "a", "d"), step("c", "b"), step("d", "c")}, "waits for itself"},
		"own need":      {[]workflow.StepSpec{step("a", "a")}, "waits for itself"},
		"unknown need":  {[]workflow.StepSpec{step("a", "z")}, `needs "z"`},
		"duplicate key": {[]workflow.StepSpec{step("a"), step("a")}, "two steps"},
		"no key":        {[]workflow.StepSpec{{Handler: "a"}}, "needs a key"},
		"no handler":    {[]workflow.StepSpec{{Key: "a"}}, "needs a handler"},
	} {
		_, err := e.Start(context.Background(), run(c.steps...))
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v", reason, err)
		}
	}
	if runs, err := e.List(context.Background(), workflow.Filter{}); err != nil || len(runs) != 0 {
		t.Errorf("refused runs left %v, %v", runs, err)
	}
}

func TestStartTx(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		r := start(t, open(), workflow.Options{}, handlers{"a": ok})
		no := errors.New("the caller changed its mind")
		s := run(step("a"))
		s.ID = pave.NewID("run")
		err := r.db.Tx(ctx, func(tx *store.Tx) error {
			if _, err := r.StartTx(ctx, tx, s); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		_, err = r.Get(ctx, s.ID)
		wantCode(t, "rolled back", err, pave.NotFound)

		r.begin(s)
		r.ended(s.ID, pave.RunDone)
		if again := r.begin(s); again.ID != s.ID || again.State != pave.RunDone {
			t.Errorf("a second start of the id: %+v", again)
		}
	})
}

func TestKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		var runs atomic.Int64
		hold := make(chan struct{})
		r := start(t, open(), workflow.Options{}, handlers{"a": func(context.Context, *workflow.Task) (workflow.Result, error) {
			runs.Add(1)
			<-hold
			return workflow.Result{}, nil
		}})
		s := run(step("a"))
		s.Key = "create service x"
		var wg sync.WaitGroup
		var ids sync.Map
		for range 50 {
			wg.Go(func() {
				got, err := r.Start(ctx, s)
				if err != nil {
					t.Errorf("start: %v", err)
				}
				ids.Store(got.ID, true)
			})
		}
		wg.Wait()
		var all []string
		ids.Range(func(id, _ any) bool { all = append(all, id.(string)); return true })
		if len(all) != 1 {
			t.Fatalf("%d runs of one key", len(all))
		}
		close(hold)
		r.ended(all[0], pave.RunDone)
		if next := r.begin(s); next.ID == all[0] {
			t.Error("a key must be free again once its run has ended")
		} else {
			r.ended(next.ID, pave.RunDone)
		}
		if n := runs.Load(); n != 2 {
			t.Errorf("the step ran %d times", n)
		}
	})
}

func TestUnknownHandlerParks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		old := start(t, open(), workflow.Options{}, handlers{"a": ok})
		id := old.begin(run(step("a1"), step("new"), step("a2", "new"))).ID
		got := old.waiting(id, "new")
		if s := stepOf(got, "new"); s.Reason != "this pave has no handler new" || got.Reason != "new: "+s.Reason {
			t.Errorf("reasons %q, %q", s.Reason, got.Reason)
		}
		old.ended(old.begin(run(step("a"))).ID, pave.RunDone) // neighbours go on
		old.stop()

		upgraded := start(t, open(), workflow.Options{}, handlers{"a": ok, "new": ok})
		upgraded.ended(id, pave.RunDone)
	})
}

func TestTeamCap(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		var mu sync.Mutex
		var now, most int
		count := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			now += n
			most = max(most, now)
			return now
		}
		other := make(chan struct{})
		r := start(t, open(), workflow.Options{Workers: 6, TeamCap: 2}, handlers{
			"a": func(context.Context, *workflow.Task) (workflow.Result, error) {
				count(1)
				defer count(-1)
				<-other
				return workflow.Result{}, nil
			},
			"other": func(context.Context, *workflow.Task) (workflow.Result, error) {
				close(other)
				return workflow.Result{}, nil
			},
		})
		greedy := r.begin(run(step("a1"), step("a2"), step("a3"), step("a4"), step("a5"), step("a6"), step("a7"))).ID
		for end := time.Now().Add(patience); count(0) < 2 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		s := run(step("other")) // the first team may not keep the second from running
		s.Team = "another"
		r.ended(r.begin(s).ID, pave.RunDone)
		r.ended(greedy, pave.RunDone)
		if most != 2 {
			t.Errorf("%d steps of a team at once, want 2", most)
		}
	})
}

func TestQueries(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		ctx := context.Background()
		e := workflow.New(open(), workflow.Options{})
		add := func(id string, kind pave.RunKind, service string) {
			s := run(step("a"))
			s.ID, s.Kind, s.Service, s.Input = id, kind, service, json.RawMessage(`{"x":1}`)
			if _, err := e.Start(ctx, s); err != nil {
				t.Fatal(err)
			}
		}
		add("run_01JD4T9XK2M7AAAAAAAAAAAAAA", pave.RunApply, "svc_1")
		add("run_01JD4T9XK2M7BBBBBBBBBBBBBB", pave.RunRollout, "svc_1")
		add("run_01JD4T9ZZZZZBBBBBBBBBBBBBB", pave.RunApply, "svc_2")

		for prefix, c := range map[string]struct {
			code pave.Code
			id   string
		}{
			"run_01JD4T9XK2M7AAAAAAAAAAAAAA":  {"", "run_01JD4T9XK2M7AAAAAAAAAAAAAA"},
			"run_01JD4T9XK2M7A":               {"", "run_01JD4T9XK2M7AAAAAAAAAAAAAA"},
			"run_01jd4t9z":                    {"", "run_01JD4T9ZZZZZBBBBBBBBBBBBBB"},
			"run_01JD4T9XK":                   {pave.Conflict, ""},
			"run_01JD4T9Y":                    {pave.NotFound, ""},
			"run_01JD":                        {pave.NotFound, ""}, // too short
			"":                                {pave.NotFound, ""},
			"run_%":                           {pave.NotFound, ""},
			"run_01JD4T9XK2M7AAAAAAAAAAAAAAA": {pave.NotFound, ""},
		} {
			got, err := e.Get(ctx, prefix)
			if pave.CodeOf(err) != c.code || got.ID != c.id || (err != nil && pave.HintOf(err) == "") {
				t.Errorf("get %q: %q, %v", prefix, got.ID, err)
			}
			if err == nil && (string(got.Input) != `{"x":1}` || len(got.Steps) != 1) {
				t.Errorf("get %q: %+v", prefix, got)
			}
		}
		for reason, c := range map[string]struct {
			f    workflow.Filter
			want string
		}{
			"all, newest first": {workflow.Filter{}, "ZB MB MA"},
			"first page":        {workflow.Filter{Limit: 2}, "ZB MB"},
			"second page":       {workflow.Filter{Limit: 2, Before: "run_01JD4T9XK2M7BBBBBBBBBBBBBB"}, "MA"},
			"service":           {workflow.Filter{Service: "svc_1"}, "MB MA"},
			"service and kind":  {workflow.Filter{Service: "svc_1", Kind: pave.RunApply}, "MA"},
			"state":             {workflow.Filter{State: pave.RunDone}, ""},
		} {
			runs, err := e.List(ctx, c.f)
			var got []string
			for _, r := range runs {
				got = append(got, r.ID[14:15]+r.ID[20:21])
			}
			if s := strings.Join(got, " "); err != nil || s != c.want {
				t.Errorf("%s: got %s, %v; want %s", reason, s, err, c.want)
			}
		}
	})
}
