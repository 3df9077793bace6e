package resource_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// Slow things are observed until they are ready, made once, and what they gave out
// reaches those who need them.
func TestApplySlow(t *testing.T) {
	each(t, func(r *rig) {
		for _, w := range r.worlds {
			w.Looks = 3
		}
	}, func(r *rig) {
		run := r.reach(shop("staging"))
		for kind, w := range r.worlds {
			rec := r.record(kind)
			if w.Effects() != "make 1" || w.Things()[0].ID != rec.ID {
				r.t.Errorf("%s: %s, %+v", kind, w.Effects(), w.Things())
			}
			if rec.State != pave.ResourcePresent || !rec.Ready || rec.Run != run.ID || rec.Actor != "usr_1" || rec.Version != "slow 1" || rec.Observed.IsZero() {
				r.t.Errorf("%s: recorded as %+v", kind, rec)
			}
			if n := r.open(rec.ID); n != 0 {
				r.t.Errorf("%s: %d effects are open", kind, n)
			}
		}
		if got := actions(r.plan(shop("staging"), false)); strings.Contains(got, "create") || strings.Contains(got, "update") {
			r.t.Errorf("the plan after it: %s", got)
		}
	})
}

// Lost answers make nothing twice, for any seed.
func TestApplyLostAnswers(t *testing.T) {
	seed := uint64(os.Getpid())
	each(t, func(r *rig) {
		r.t.Logf("seed %d", seed)
		for _, w := range r.worlds {
			w.Looks = 2
		}
		r.lossy(seed, 0.4)
	}, func(r *rig) {
		r.reach(shop("staging", "production"))
		for kind, w := range r.worlds {
			want := 2
			if kind == pave.KindRepository {
				want = 1
			}
			if w.Effects() != fmt.Sprintf("make %d", want) || len(w.Things()) != want {
				r.t.Errorf("%s: %s; %s", kind, w.Effects(), w.Names())
			}
		}
		// And all is taken away again: set aside once each.
		r.end(r.begin(r.plan(pave.Wanted{}, false), quick), pave.RunDone)
		for kind, w := range r.worlds {
			for _, thing := range w.Things() {
				if !thing.Aside {
					r.t.Errorf("%s: %s is still in use", kind, thing.Name)
				}
			}
		}
	})
}

// The journal knows of an effect before it happens.
func TestJournalBeforeEffect(t *testing.T) {
	var effects atomic.Int64
	each(t, func(r *rig) {
		for _, w := range r.worlds {
			w.Before = func(ctx context.Context, method string, res resource.Resource) error {
				if method == "List" {
					return nil
				}
				effects.Add(1)
				var external, actor string
				err := r.db.QueryRow(ctx, `SELECT external_id, actor FROM effects WHERE resource = $1 AND done = 0`, res.ID).Scan(&external, &actor)
				if err != nil || external != res.ExternalID || actor == "" {
					r.t.Errorf("%s of %s before its row in the journal: %q by %q, %v", method, res.ExternalID, external, actor, err)
				}
				return nil
			}
		}
	}, func(r *rig) {
		w := shop("staging")
		r.reach(w)
		if err := r.PutBack(r.t.Context(), service, r.expand(w)[4]); err != nil {
			r.t.Fatal(err)
		}
		r.reach(pave.Wanted{})
		r.exec(`UPDATE resources SET kept_until = 1 WHERE state = 'aside'`)
		if _, err := r.Sweep(r.t.Context(), nobody); err != nil {
			r.t.Fatal(err)
		}
		if n := effects.Load(); n < 6+1+6+6 {
			r.t.Errorf("only %d effects were looked at", n)
		}
	})
}

// A thing that will never be ready stops the run, with the reason and what its
// program said last; a retry applies it again.
func TestApplyFailed(t *testing.T) {
	each(t, func(r *rig) {
		r.worlds[pave.KindDeployment].Broken = func(resource.Resource) string {
			if r.mended.Load() {
				return ""
			}
			return "no such flag"
		}
	}, func(r *rig) {
		id := r.begin(r.plan(shop("staging"), false), quick)
		run := r.end(id, pave.RunStopped)
		if !strings.Contains(run.Reason, "no such flag") {
			r.t.Errorf("the run's reason: %q", run.Reason)
		}
		rec := r.record(pave.KindDeployment)
		if rec.Ready || rec.Reason != "no such flag" {
			r.t.Errorf("recorded as ready %v, %q", rec.Ready, rec.Reason)
		}
		events, err := r.engine.Events(r.t.Context(), workflow.EventFilter{Run: id, Limit: 100})
		if err != nil {
			r.t.Fatal(err)
		}
		told := false
		for _, e := range events {
			told = told || e.Type == "step.output" && strings.Contains(string(e.Data), "panic: no such flag")
		}
		if !told {
			r.t.Error("the last lines of the program were not told")
		}
		r.mended.Store(true)
		if err := r.engine.Retry(r.t.Context(), id, "usr_1"); err != nil {
			r.t.Fatal(err)
		}
		r.end(id, pave.RunDone)
	})
}

// A retry by a person means the effect again: since the step failed, a rollout may
// have put back what served before.
func TestRetryAppliesAgain(t *testing.T) {
	each(t, func(r *rig) {
		r.worlds[pave.KindDeployment].Broken = func(res resource.Resource) string {
			var spec resource.DeploymentSpec
			_ = json.Unmarshal(res.Spec, &spec)
			if !r.mended.Load() && spec.Release == "rel_2" {
				return "it crashes"
			}
			return ""
		}
	}, func(r *rig) {
		w := shop("staging")
		r.reach(w)
		good := r.expand(w)[4]
		next := good
		next.Spec = json.RawMessage(strings.Replace(string(good.Spec), "rel_1", "rel_2", 1))
		changes, err := r.Diff(r.t.Context(), []resource.Record{r.record(pave.KindDeployment)}, resource.Graph{next}, resource.DiffOptions{})
		if err != nil {
			r.t.Fatal(err)
		}
		id := r.begin(changes, quick)
		r.end(id, pave.RunStopped)
		if err := r.PutBack(r.t.Context(), service, good); err != nil {
			r.t.Fatal(err)
		}
		r.mended.Store(true)
		if err := r.engine.Retry(r.t.Context(), id, "usr_1"); err != nil {
			r.t.Fatal(err)
		}
		r.end(id, pave.RunDone)
		if spec := r.worlds[pave.KindDeployment].Things()[0].Spec; !strings.Contains(spec, "rel_2") {
			r.t.Errorf("the run is done and the world has %s", spec)
		}
	})
}

// What is worth a retry is tried again; what is foreign stops the run, stays
// untouched, and the run can be taken back.
func TestApplyErrors(t *testing.T) {
	each(t, func(r *rig) {
		left := 3
		r.worlds[pave.KindDatabase].Before = func(_ context.Context, method string, _ resource.Resource) error {
			if method == "Apply" && left > 0 {
				left--
				return pave.Errorf(pave.Unavailable, "the server is busy")
			}
			return nil
		}
	}, func(r *rig) {
		plan := r.plan(shop("staging"), false)
		// Somebody takes the name after the plan was made.
		r.worlds[pave.KindRoute].Put(resourcetest.Thing{Name: "shop_staging", Spec: "theirs"})
		run := r.end(r.begin(plan, quick), pave.RunStopped)
		if !strings.Contains(run.Reason, "not of this service") {
			r.t.Errorf("the reason: %q", run.Reason)
		}
		r.until("the database is ready after three refusals", func() bool { return r.record(pave.KindDatabase).Ready })
		r.reach(pave.Wanted{})
		if things := r.worlds[pave.KindRoute].Things(); len(things) != 1 || things[0].Spec != "theirs" {
			r.t.Errorf("what is foreign: %+v", things)
		}
		if r.record(pave.KindRoute).State != pave.ResourceGone {
			r.t.Errorf("the route that never was: %+v", r.record(pave.KindRoute))
		}
	})
}

// Set aside and restored it is the same thing, with what it holds.
func TestRestore(t *testing.T) {
	each(t, nil, func(r *rig) {
		w := shop("staging")
		r.reach(w)
		first := r.record(pave.KindDatabase)
		r.reach(pave.Wanted{})
		rec := r.record(pave.KindDatabase)
		if rec.State != pave.ResourceAside || rec.KeptUntil.Sub(rec.Observed) < resource.KeepFor-patience {
			r.t.Errorf("set aside: %+v", rec)
		}
		r.end(r.begin(r.plan(w, true), quick), pave.RunDone)
		rec = r.record(pave.KindDatabase)
		if rec.ID != first.ID || rec.State != pave.ResourcePresent || !rec.Ready || !rec.KeptUntil.IsZero() {
			r.t.Errorf("restored: %+v", rec)
		}
		if got := r.worlds[pave.KindDatabase].Effects(); got != "bring back 1, make 1, set aside 1" {
			r.t.Errorf("effects: %s", got)
		}
	})
}

// A step whose effect is recorded and whose thing vanishes before it is ready makes
// it again.
func TestVanishesWhileItIsAwaited(t *testing.T) {
	each(t, func(r *rig) { r.worlds[pave.KindDatabase].Looks = 20 }, func(r *rig) {
		id := r.begin(r.plan(shop("staging"), false), quick)
		w := r.worlds[pave.KindDatabase]
		r.until("the effect is recorded", func() bool { return r.record(pave.KindDatabase).State == pave.ResourcePresent })
		w.Remove("shop_staging")
		r.end(id, pave.RunDone)
		if w.Effects() != "make 2" || w.Names() != "shop_staging" {
			r.t.Errorf("%s; %s", w.Effects(), w.Names())
		}
	})
}

// Two runs never make two records of one resource.
func TestEnsureTwice(t *testing.T) {
	each(t, nil, func(r *rig) {
		node := r.expand(shop("staging"))[0]
		ids := map[string]bool{}
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 20 { // PostgreSQL refuses the second of two at once
					var rec resource.Record
					err := r.db.Tx(r.t.Context(), func(tx *store.Tx) (err error) {
						rec, err = r.Ensure(r.t.Context(), tx, service, node, "run_1", "usr_1")
						return err
					})
					if err == nil {
						mu.Lock()
						ids[rec.ID] = true
						mu.Unlock()
						return
					}
				}
			})
		}
		group.Wait()
		if len(ids) != 1 {
			r.t.Errorf("one resource has the ids %v", ids)
		}
	})
}
