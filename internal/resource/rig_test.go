package resource_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/internal/workflow"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	patience = 20 * time.Second
	service  = "svc_1"
)

var kinds = []string{pave.KindRepository, pave.KindIdentity, pave.KindDatabase, pave.KindSecret, pave.KindDeployment, pave.KindRoute}

// rig is a controller with an engine that runs, over slow drivers: a world for
// each kind.
type rig struct {
	*resource.Controller
	t      *testing.T
	db     *store.DB
	engine *workflow.Engine
	worlds map[string]*resourcetest.Slow
	mended atomic.Bool // for drivers that are broken until then
}

// each runs the test on both dialects. tweak changes the drivers before anything
// uses them.
func each(t *testing.T, tweak func(*rig), test func(*rig)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func() *store.DB) {
		r := newRig(t, open())
		if tweak != nil {
			tweak(r)
		}
		r.run()
		test(r)
	})
}

func newRig(t *testing.T, db *store.DB) *rig {
	t.Helper()
	key, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "keys", "pave.key"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, db: db, worlds: map[string]*resourcetest.Slow{}, engine: workflow.New(db, workflow.Options{Poll: 50 * time.Millisecond})}
	drivers := resource.Drivers{}
	for _, k := range kinds {
		r.worlds[k] = &resourcetest.Slow{}
		drivers.Add(k, "slow", r.worlds[k])
	}
	r.Controller = resource.NewController(db, key, drivers, slog.New(slog.DiscardHandler))
	return r
}

// lossy has the drivers of all kinds lose calls.
func (r *rig) lossy(seed uint64, rate float64) {
	for _, k := range kinds {
		r.Drivers[k]["slow"] = resourcetest.NewLossy(r.worlds[k], seed, rate)
	}
}

func (r *rig) run() {
	r.Register(r.engine)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.engine.Run(ctx) }()
	r.t.Cleanup(sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}))
}

func bindSlow(kind string, _ pave.Name) (pave.Binding, error) {
	if !slices.Contains(kinds, kind) { // what nobody bound
		return pave.Binding{}, pave.Errorf(pave.Invalid, "nobody makes a %s", kind)
	}
	return pave.Binding{Kind: kind, Provider: "slow"}, nil
}

// shop is what is wanted of the service of most tests.
func shop(envs ...pave.Name) pave.Wanted {
	return pave.Wanted{Team: "squad", Template: "go-http", Version: "1.0", Environments: envs, Settings: pave.Settings{Replicas: 2},
		Resources: []pave.WantedBacking{{Kind: pave.KindDatabase, Name: "shop", Engine: "postgresql"}}}
}

// expand is the graph of the shop, with release 1 in every environment.
func (r *rig) expand(w pave.Wanted) resource.Graph {
	r.t.Helper()
	releases := map[pave.Name]pave.Release{}
	for _, env := range w.Environments {
		releases[env] = pave.Release{ID: "rel_1", Number: 1, Command: []string{"./shop"}, Ready: "/health"}
	}
	g, err := resource.Expand(resource.Subject{Name: "shop", UID: 70001, Releases: releases, Bind: bindSlow}, w)
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

func (r *rig) plan(w pave.Wanted, restore bool) []resource.Change {
	r.t.Helper()
	records, err := r.List(r.t.Context(), r.db, service)
	if err != nil {
		r.t.Fatal(err)
	}
	var changes []resource.Change
	r.until("all drivers answer the plan", func() bool { // with lossy ones a person plans again
		changes, err = r.Diff(r.t.Context(), records, r.expand(w), resource.DiffOptions{Restore: restore})
		if err != nil && pave.CodeOf(err) != pave.Unavailable {
			r.t.Fatal(err)
		}
		return err == nil
	})
	return changes
}

// begin starts a run that carries the changes out, each after those it needs, and
// in reverse where they are taken away.
func (r *rig) begin(changes []resource.Change, retry workflow.Retry) string {
	r.t.Helper()
	id := pave.NewID("run")
	err := r.db.Tx(r.t.Context(), func(tx *store.Tx) error {
		var steps []workflow.StepSpec
		last := ""
		for _, ch := range changes {
			var needs []string
			switch ch.Action {
			case pave.ActionKeep:
				continue
			case pave.ActionCreate:
				if _, err := r.Ensure(r.t.Context(), tx, service, ch.Node, id, "usr_1"); err != nil {
					return err
				}
			case pave.ActionDelete, pave.ActionAside:
				if last != "" {
					needs = []string{last}
				}
				last = resource.StepKey(ch.Ref)
			}
			for _, n := range ch.Node.Needs {
				key := resource.StepKey(n)
				if slices.ContainsFunc(steps, func(s workflow.StepSpec) bool { return s.Key == key }) {
					needs = append(needs, key)
				}
			}
			step := resource.Step(service, ch, needs)
			step.Retry = retry
			steps = append(steps, step)
		}
		_, err := r.engine.StartTx(r.t.Context(), tx, workflow.Start{ID: id, Kind: pave.RunApply, Title: "test",
			Service: service, Actor: "usr_1", Steps: steps})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

var quick = workflow.Retry{Attempts: 60, Base: time.Millisecond, Max: 2 * time.Millisecond}

// reach carries out what separates the world from what is wanted.
func (r *rig) reach(w pave.Wanted) pave.Run {
	r.t.Helper()
	return r.end(r.begin(r.plan(w, false), quick), pave.RunDone)
}

// end waits for the end of a run, which is to be in the state.
func (r *rig) end(id string, want pave.RunState) pave.Run {
	r.t.Helper()
	var run pave.Run
	r.until("the run ends", func() bool {
		var err error
		if run, err = r.engine.Get(r.t.Context(), id); err != nil {
			r.t.Fatal(err)
		}
		return run.State.Ended()
	})
	if run.State != want {
		text, _ := json.MarshalIndent(run, "", " ")
		r.t.Fatalf("the run is %s, want %s:\n%s", run.State, want, text)
	}
	return run
}

func (r *rig) until(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("never: %s", what)
		}
	}
}

// record returns the newest record of a kind, gone ones too.
func (r *rig) record(kind string) resource.Record {
	r.t.Helper()
	var id string
	if err := r.db.QueryRow(r.t.Context(), `SELECT id FROM resources WHERE kind = $1 ORDER BY id DESC LIMIT 1`, kind).Scan(&id); err != nil {
		r.t.Fatal(err)
	}
	rec, err := r.Get(r.t.Context(), r.db, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

func (r *rig) exec(query string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(r.t.Context(), query, args...); err != nil {
		r.t.Fatal(err)
	}
}

// open returns how many effects of a resource are intended and not done.
func (r *rig) open(id string) (n int) {
	r.t.Helper()
	if err := r.db.QueryRow(r.t.Context(), `SELECT count(*) FROM effects WHERE resource = $1 AND done = 0`, id).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// actions is a plan in one line: "create repository, keep route:production".
func actions(changes []resource.Change) string {
	var out []string
	for _, ch := range changes {
		out = append(out, string(ch.Action)+" "+resource.StepKey(ch.Ref))
	}
	return strings.Join(out, ", ")
}
