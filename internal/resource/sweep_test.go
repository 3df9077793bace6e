package resource_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

func nobody(string) bool { return false }

func TestSweepOrphans(t *testing.T) {
	each(t, nil, func(r *rig) {
		w := r.worlds[pave.KindDatabase]
		r.reach(shop("staging"))
		live := r.record(pave.KindDatabase)
		// Gone by the journal, and there: the effect of a step that was overtaken.
		orphan := func(id, run string) {
			r.exec(`INSERT INTO resources (id, service, ref, kind, provider, external_id, state, spec, outputs, secrets, secret_keys,
				version, ready, reason, observed, run, actor, created, kept_until)
				SELECT $1, 'svc_2', ref, kind, provider, external_id, 'gone', spec, outputs, secrets, secret_keys,
				version, 0, '', 0, $2, actor, created, 0 FROM resources WHERE id = $3`, id, run, live.ID)
			w.Put(resourcetest.Thing{ID: id, Name: id})
		}
		orphan("res_lost", "run_over")
		orphan("res_busy", "run_busy")
		w.Put(resourcetest.Thing{ID: "res_of_another_pave", Name: "another"})
		w.Put(resourcetest.Thing{Name: "foreign"})
		report, err := r.Sweep(r.t.Context(), func(run string) bool { return run == "run_busy" })
		if err != nil || len(report.Orphans) != 1 || report.Orphans[0] != "res_lost" || len(report.Expired) != 0 {
			r.t.Errorf("%+v, %v", report, err)
		}
		if got := w.Names(); got != "another foreign res_busy shop_staging" {
			r.t.Errorf("left are: %s", got)
		}
	})
}

// sparing is a lister that asks for much.
type sparing struct{ *resourcetest.Slow }

func (sparing) ListEvery() time.Duration { return time.Hour }

func TestSweepSpares(t *testing.T) {
	each(t, nil, func(r *rig) {
		lists := map[string]int{}
		for _, k := range []string{pave.KindDatabase, pave.KindIdentity} {
			r.worlds[k].Before = func(_ context.Context, method string, _ resource.Resource) error {
				if method == "List" {
					lists[k]++
				}
				return nil
			}
		}
		r.Drivers[pave.KindDatabase]["slow"] = sparing{r.worlds[pave.KindDatabase]}
		for range 3 {
			if _, err := r.Sweep(r.t.Context(), nobody); err != nil {
				r.t.Fatal(err)
			}
		}
		if lists[pave.KindDatabase] != 1 || lists[pave.KindIdentity] != 3 {
			r.t.Errorf("asked %v times, want 1 and 3", lists)
		}
	})
}

// What a run makes between the sweep's look at the journal and its look at the
// world is wanted, even if the run is over by then.
func TestSweepKeepsWhatIsMadeMeanwhile(t *testing.T) {
	each(t, func(r *rig) {
		made := false
		r.worlds[pave.KindDatabase].Before = func(_ context.Context, method string, _ resource.Resource) error {
			if method == "List" && !made {
				made = true
				r.reach(shop("staging"))
			}
			return nil
		}
	}, func(r *rig) {
		report, err := r.Sweep(r.t.Context(), nobody)
		if err != nil || len(report.Orphans) != 0 {
			r.t.Errorf("%+v, %v", report, err)
		}
		if got := r.worlds[pave.KindDatabase].Names(); got != "shop_staging" {
			r.t.Errorf("left are: %s", got)
		}
	})
}

func TestSweepExpires(t *testing.T) {
	each(t, nil, func(r *rig) {
		r.reach(shop("staging"))
		r.reach(pave.Wanted{})
		if report, err := r.Sweep(r.t.Context(), nobody); err != nil || len(report.Expired)+len(report.Orphans) != 0 {
			r.t.Errorf("before its time: %+v, %v", report, err)
		}
		r.exec(`UPDATE resources SET kept_until = 1 WHERE state = 'aside'`)
		run := r.record(pave.KindDatabase).Run
		if report, err := r.Sweep(r.t.Context(), func(id string) bool { return id == run }); err != nil || len(report.Expired) != 0 {
			r.t.Errorf("while a run works on it: %+v, %v", report, err)
		}
		// One provider does not answer: the others' things go all the same.
		down := true
		r.worlds[pave.KindIdentity].Before = func(_ context.Context, method string, _ resource.Resource) error {
			if down {
				return pave.Errorf(pave.Unavailable, "the node is down")
			}
			return nil
		}
		report, err := r.Sweep(r.t.Context(), nobody)
		if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "identity") || !strings.Contains(err.Error(), "the node is down") {
			r.t.Errorf("the error does not name the provider: %v", err)
		}
		if len(report.Expired) != len(kinds)-1 {
			r.t.Errorf("expired: %v", report.Expired)
		}
		down = false
		if report, err = r.Sweep(r.t.Context(), nobody); err != nil || len(report.Expired) != 1 {
			r.t.Errorf("once it answers: %+v, %v", report, err)
		}
		for kind, w := range r.worlds {
			rec := r.record(kind)
			if len(w.Things()) != 0 || rec.State != pave.ResourceGone || r.open(rec.ID) != 0 {
				r.t.Errorf("%s: %s left, journal says %s", kind, w.Names(), rec.State)
			}
		}
		var secrets int
		if err := r.db.QueryRow(r.t.Context(), `SELECT count(*) FROM resources WHERE secrets <> ''`).Scan(&secrets); err != nil || secrets != 0 {
			r.t.Errorf("%d secrets of what is gone are kept, %v", secrets, err)
		}
	})
}

// What was restored since the sweep looked at the journal is in use again.
func TestSweepKeepsWhatIsRestoredMeanwhile(t *testing.T) {
	each(t, nil, func(r *rig) {
		w := shop("staging")
		r.reach(w)
		r.reach(pave.Wanted{})
		r.exec(`UPDATE resources SET kept_until = 1 WHERE state = 'aside'`)
		restored := false
		r.worlds[pave.KindDatabase].Before = func(_ context.Context, method string, _ resource.Resource) error {
			if method == "List" && !restored {
				restored = true
				r.end(r.begin(r.plan(w, true), quick), pave.RunDone)
			}
			return nil
		}
		report, err := r.Sweep(r.t.Context(), nobody)
		if err != nil || len(report.Expired) != 0 || r.worlds[pave.KindDatabase].Names() != "shop_staging" {
			r.t.Errorf("%+v, %v; left are: %s", report, err, r.worlds[pave.KindDatabase].Names())
		}
	})
}

// Observing says what is there now, and a provider that does not answer is the
// reason of its own resource only.
func TestObserve(t *testing.T) {
	each(t, nil, func(r *rig) {
		r.reach(shop("staging"))
		r.worlds[pave.KindDatabase].Remove("shop_staging")
		views, err := r.Observe(r.t.Context(), service, true)
		if err != nil || len(views) != len(kinds) {
			r.t.Fatalf("%d resources, %v", len(views), err)
		}
		i := slices.IndexFunc(views, func(v pave.Resource) bool { return v.Ref.Kind == pave.KindDatabase })
		if v := views[i]; v.Ready || !strings.Contains(v.Reason, "vanished") || v.Observed.IsZero() {
			r.t.Errorf("what vanished is seen as %+v", v)
		}
		if rec := r.record(pave.KindDatabase); rec.Ready {
			r.t.Error("the journal still says it is ready")
		}
		if v := views[i]; !slices.Equal(v.Drift, []string{"it is gone"}) || v.DriftSince.IsZero() {
			r.t.Errorf("what vanished has drifted: %v since %s", v.Drift, v.DriftSince)
		}
		since := views[i].DriftSince
		again, err := r.Observe(r.t.Context(), service, true)
		if err != nil || !again[i].DriftSince.Equal(since) {
			r.t.Errorf("what is known keeps its time: %s, not %s, %v", again[i].DriftSince, since, err)
		}
		for k, v := range views {
			if k != i && len(v.Drift) > 0 {
				r.t.Errorf("%s has drifted: %v", v.Ref, v.Drift)
			}
			if k != i && !v.Ready {
				r.t.Errorf("%s: %+v", v.Ref, v)
			}
		}
		if got := actions(r.plan(shop("staging"), false)); !strings.Contains(got, "create database:staging") {
			r.t.Errorf("the plan: %s", got)
		}
		r.reach(shop("staging"))
		if got := r.worlds[pave.KindDatabase].Names(); got != "shop_staging" {
			r.t.Errorf("healed: %q", got)
		}
		if rec := r.record(pave.KindDatabase); len(rec.Drift) > 0 || !rec.DriftSince.IsZero() {
			r.t.Errorf("healed, and yet it has drifted: %v since %s", rec.Drift, rec.DriftSince)
		}
	})
}

// What a provider made is known when it is gone too.
func TestKnown(t *testing.T) {
	each(t, nil, func(r *rig) {
		r.reach(shop("staging"))
		live := r.record(pave.KindDatabase)
		for _, state := range []pave.ResourceState{pave.ResourcePresent, pave.ResourceAside, pave.ResourceGone} {
			r.exec(`UPDATE resources SET state = $1 WHERE id = $2`, string(state), live.ID)
			got, err := r.Known(r.t.Context(), pave.KindDatabase, live.Provider)
			if err != nil || len(got) != 1 || got[0].ID != live.ID || got[0].State != state || got[0].Service != live.Service || string(got[0].Spec) != string(live.Spec) {
				r.t.Errorf("%s: %+v, %v", state, got, err)
			}
		}
		for _, of := range [][2]string{{pave.KindDatabase, "elsewhere"}, {pave.KindCache, live.Provider}} {
			if got, err := r.Known(r.t.Context(), of[0], of[1]); err != nil || len(got) != 0 {
				r.t.Errorf("%v: %+v, %v", of, got, err)
			}
		}
	})
}
