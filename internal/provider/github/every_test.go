package github_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/github"
	"github.com/pave-platform/pave/test/faultproxy"
)

// Whatever becomes of one call, Apply says so by its code, or goes on; applied again it ends
// with one repository that is whole. Nobody else is called.
func TestEveryCall(t *testing.T) {
	t.Parallel()
	// The second call makes the repository.
	faultproxy.EveryCall(t, faultproxy.Every{Quick: 2, Least: 15}, meets)
}

// meets has the nth call meet a fault, and reports whether there was one.
func meets(t *testing.T, f faultproxy.Faulty, n int) bool {
	t.Helper()
	rig := newRig(t)
	p := faultproxy.New(t, rig.hub.URL)
	fault, reached := faultproxy.Nth(n, f.Fault)
	p.On("*", 0, fault)
	rig.bound.Settings["url"] = p.URL
	rig.Vendor, rig.Visible = &github.Vendor{Timeout: f.Patience}, 500*time.Millisecond
	r := rig.fresh()
	st, err := rig.Apply(t.Context(), r)
	if !slices.Contains(f.Codes, pave.CodeOf(err)) {
		t.Errorf("call %d: %v (%s), want one of %v", n, err, pave.CodeOf(err), f.Codes)
	}
	if err == nil && !st.Ready {
		t.Errorf("call %d: it is %+v, and no error", n, st)
	}
	if pave.CodeOf(err) == pave.Denied && pave.HintOf(err) == "" {
		t.Errorf("call %d: %v: no next command", n, err)
	}
	if err != nil && strings.Contains(err.Error(), rig.hub.Token().Reveal()) {
		t.Errorf("call %d: %v: it says what it should not", n, err)
	}
	for deadline := time.Now().Add(30 * time.Second); (err != nil || !st.Ready) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		st, err = rig.Apply(t.Context(), r)
	}
	met, calls := reached(), p.Calls("*")
	p.Clear()
	drift, e := rig.Drift(t.Context(), r)
	if err != nil || !st.Ready || e != nil || len(drift) > 0 {
		t.Errorf("call %d, %s: at the end ready %v, %v; drift %v, %v", n, calls[min(n, len(calls)-1)], st.Ready, err, drift, e)
	}
	seen, ok := rig.hub.See(r.ExternalID)
	if !ok || seen.Description != "Sells things" || len(seen.Hooks) != 1 || len(seen.Envs) != 2 || len(seen.Teams) != 1 {
		t.Errorf("call %d, %s: at the end it is %+v", n, calls[min(n, len(calls)-1)], seen)
	}
	return met
}
