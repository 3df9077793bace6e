package hcp

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/faultproxy"
)

// Whatever becomes of one call, Apply says so by its code, or goes on; applied again by the
// same step it ends with one thing, made by one run. The token goes nowhere else.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	faultproxy.EveryCall(t, faultproxy.Every{Quick: 3, Least: 10, Bare: true, Own: map[string]faultproxy.Faulty{
		"404":               {Fault: faultproxy.Status(404, ""), Codes: []pave.Code{"", pave.Unavailable, pave.NotFound}},
		"a page":            {Fault: faultproxy.HTML(200), Codes: []pave.Code{"", pave.Unavailable, pave.Invalid}},
		"half of an answer": {Fault: faultproxy.Body(200, "application/vnd.api+json", `{"data":{"id":"ws-1","ty`), Codes: []pave.Code{"", pave.Unavailable, pave.Invalid}},
	}}, meets)
}

// meets has the nth call meet a fault, and reports whether there was one.
func meets(t *testing.T, f faultproxy.Faulty, n int) bool {
	t.Helper()
	g := newRig(t)
	p := faultproxy.New(t, g.URL)
	fault, reached := faultproxy.Nth(n, f.Fault)
	p.On("*", 0, fault)
	r := g.with(g.fresh(), 20, func(m *pave.Module) { m.Backend.Config["url"] = p.URL })
	r.Job = "run_1.database"
	st, err := g.Apply(t.Context(), r)
	if !slices.Contains(f.Codes, pave.CodeOf(err)) {
		t.Errorf("call %d: %v, want one of %v", n, err, f.Codes)
	}
	if err != nil && (pave.HintOf(err) == "" || strings.Contains(err.Error(), "pvcnry")) {
		t.Errorf("call %d: %v (%s): no next command, or it says what it should not", n, err, pave.HintOf(err))
	}
	for deadline := time.Now().Add(30 * time.Second); (err != nil || !st.Ready) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		st, err = g.Apply(t.Context(), r)
	}
	met := reached()
	p.Clear()
	if err != nil || !st.Ready || g.world.Len() != 1 || g.applies() != 1 || len(g.Names()) != 1 {
		t.Errorf("call %d: at the end ready %v, %v; %d things, %d runs that apply, workspaces %v", n, st.Ready, err, g.world.Len(), g.applies(), g.Names())
	}
	return met
}

// One that goes on refusing is called a few times for each Apply, and no more; one that says
// when it may be called again, about then, for half a minute.
func TestNoHotLoop(t *testing.T) {
	t.Parallel()
	for name, f := range faultproxy.Faults("http://127.0.0.1:1") {
		most := 12
		if strings.HasPrefix(name, "429") {
			most = 40
			if os.Getenv("PAVE_TEST_REAL") == "" {
				continue
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			p := faultproxy.New(t, g.URL)
			p.On("*", 0, f.Fault)
			r := g.with(g.fresh(), 20, func(m *pave.Module) { m.Backend.Config["url"] = p.URL })
			if st, err := g.Apply(t.Context(), r); err == nil {
				t.Errorf("it is %+v", st)
			}
			if n := len(p.Calls("*")); n > most {
				t.Errorf("%d calls", n)
			}
		})
	}
}
