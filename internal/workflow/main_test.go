package workflow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

// TestMain is also the executor that the kill tests start and kill.
func TestMain(m *testing.M) {
	if url := os.Getenv("WORKFLOW_TEST_EXECUTOR"); url != "" {
		os.Exit(childExecutor(url))
	}
	storetest.Main(m)
}

const patience = 20 * time.Second

// rig is an engine whose handlers a test writes as it goes.
type rig struct {
	*workflow.Engine
	t    *testing.T
	db   *store.DB
	stop func() // ends Run and waits for it
}

type handlers map[string]workflow.Handler

// start runs an engine on the store until the end of the test.
func start(t *testing.T, db *store.DB, o workflow.Options, hs handlers) *rig {
	t.Helper()
	e := workflow.New(db, o)
	for name, h := range hs {
		e.Handle(name, h)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return &rig{Engine: e, t: t, db: db, stop: stop}
}

// ok is a handler that is done at once.
func ok(context.Context, *workflow.Task) (workflow.Result, error) {
	return workflow.Result{Summary: "ok"}, nil
}

func fails(err error) workflow.Handler {
	return func(context.Context, *workflow.Task) (workflow.Result, error) { return workflow.Result{}, err }
}

// step is a step whose handler has the name of the text before its first digit.
func step(key string, needs ...string) workflow.StepSpec {
	return workflow.StepSpec{Key: key, Handler: strings.TrimRight(key, "0123456789"), Needs: needs}
}

func run(steps ...workflow.StepSpec) workflow.Start {
	return workflow.Start{Kind: pave.RunApply, Title: "test", Actor: "usr_1", Service: "svc_1", Team: "team", Steps: steps}
}

func (r *rig) begin(s workflow.Start) pave.Run {
	r.t.Helper()
	got, err := r.Start(context.Background(), s)
	if err != nil {
		r.t.Fatalf("start: %v", err)
	}
	return got
}

// until waits for the run to be as the test wants it.
func (r *rig) until(id, what string, is func(pave.Run) bool) pave.Run {
	r.t.Helper()
	for end := time.Now().Add(patience); ; {
		changed := r.Changed()
		got, err := r.Get(context.Background(), id)
		if err != nil {
			r.t.Fatalf("get %s: %v", id, err)
		}
		if is(got) {
			return got
		}
		if time.Now().After(end) {
			raw, _ := json.MarshalIndent(got, "", " ")
			r.t.Fatalf("run is not %s:\n%s", what, raw)
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *rig) ended(id string, want pave.RunState) pave.Run {
	r.t.Helper()
	got := r.until(id, "ended", func(run pave.Run) bool { return run.State.Ended() })
	if got.State != want {
		raw, _ := json.MarshalIndent(got, "", " ")
		r.t.Fatalf("run is %s, want %s:\n%s", got.State, want, raw)
	}
	return got
}

func (r *rig) waiting(id, key string) pave.Run {
	r.t.Helper()
	return r.until(id, "waiting in "+key, func(run pave.Run) bool { return stepOf(run, key).State == pave.StepWaiting })
}

func stepOf(r pave.Run, key string) pave.Step {
	i := slices.IndexFunc(r.Steps, func(s pave.Step) bool { return s.Key == key })
	if i < 0 {
		return pave.Step{}
	}
	return r.Steps[i]
}

// states is the run in one line: "a=done b=failed".
func states(r pave.Run) string {
	var b strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&b, " %s=%s", s.Key, s.State)
	}
	return b.String()[1:]
}

func (r *rig) eventTypes(id string) string {
	r.t.Helper()
	events, err := r.Events(context.Background(), workflow.EventFilter{Run: id, Limit: 1000})
	if err != nil {
		r.t.Fatalf("events: %v", err)
	}
	var list []string
	for _, ev := range events {
		list = append(list, strings.TrimSuffix(ev.Type+":"+ev.Step, ":"))
	}
	return strings.Join(list, " ")
}

func wantCode(t *testing.T, what string, err error, want pave.Code) {
	t.Helper()
	if pave.CodeOf(err) != want {
		t.Fatalf("%s: got %v (%s), want %s", what, err, pave.CodeOf(err), want)
	}
}
