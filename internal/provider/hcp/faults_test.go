package hcp

import (
	"cmp"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
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
	g.HTTP.Timeout = cmp.Or(f.Patience, g.HTTP.Timeout)
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
			g.HTTP.Timeout = cmp.Or(f.Patience, g.HTTP.Timeout)
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

// A wish to be left alone that is longer than a moment is the run's to wait for: no call of
// the library waits in its place, nor is another one made.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		g := newRig(t)
		p := faultproxy.New(t, g.URL)
		p.On("*", 0, faultproxy.Status(status, "300"))
		r := g.with(g.fresh(), 20, func(m *pave.Module) { m.Backend.Config["url"] = p.URL })
		began := time.Now()
		_, err := g.Apply(t.Context(), r)
		var later pave.Later
		if pave.CodeOf(err) != pave.Unavailable || !errors.As(err, &later) || time.Until(later.At) < 4*time.Minute {
			t.Errorf("%d: %v (%s)", status, err, pave.CodeOf(err))
		}
		if n := len(p.Calls("*")); n > 1 || time.Since(began) > 5*time.Second {
			t.Errorf("%d: %d calls in %s", status, n, time.Since(began))
		}
	}
}

// A certificate that nobody trusts does not mend itself.
func TestCertificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	g := newRig(t)
	var err error
	if g.HTTP, err = httpc.New(httpc.Options{Allow: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	_, err = g.Apply(t.Context(), g.with(g.fresh(), 20, func(m *pave.Module) { m.Backend.Config["url"] = s.URL }))
	if pave.CodeOf(err) != pave.Denied || !strings.Contains(err.Error(), "certificate") || pave.HintOf(err) == "" {
		t.Errorf("%v (%s)", err, pave.CodeOf(err))
	}
}
