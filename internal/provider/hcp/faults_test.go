package hcp

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/faultproxy"
)

// A faulty call is one that a fault meets, and what may become of its Apply: "" is that it
// goes well all the same.
type faulty struct {
	fault faultproxy.Fault
	codes []pave.Code
}

// faults are those of a call that happens once. other is a server that nobody may call.
func faults(other string) map[string]faulty {
	retry := []pave.Code{"", pave.Unavailable}
	ends := func(codes ...pave.Code) []pave.Code { return append(codes, retry...) }
	return map[string]faulty{
		"refused":              {faultproxy.Refuse(), retry},
		"answer lost":          {faultproxy.Lose(), retry},
		"answer cut":           {faultproxy.Cut(5), retry},
		"401":                  {faultproxy.Status(401, ""), ends(pave.Denied)},
		"403":                  {faultproxy.Status(403, ""), ends(pave.Denied)},
		"404":                  {faultproxy.Status(404, ""), ends(pave.NotFound)},
		"409":                  {faultproxy.Status(409, ""), ends(pave.Conflict)},
		"422":                  {faultproxy.Status(422, ""), ends(pave.Invalid)},
		"429":                  {faultproxy.Status(429, "1"), retry},
		"429 by date":          {faultproxy.Status(429, faultproxy.RetryAt(time.Now())), retry},
		"500":                  {faultproxy.Status(500, ""), retry},
		"500 after the effect": {faultproxy.After(faultproxy.Status(500, "")), retry},
		"502 of a gateway":     {faultproxy.HTML(502), retry},
		"503":                  {faultproxy.Status(503, "1"), retry},
		"a page":               {faultproxy.HTML(200), ends(pave.Invalid)},
		"half of an answer":    {faultproxy.Body(200, "application/vnd.api+json", `{"data":{"id":"ws-1","ty`), ends(pave.Invalid)},
		"another host":         {faultproxy.Redirect(other), ends(pave.Denied)},
	}
}

// Whatever becomes of one call, Apply says so by its code, or goes on; applied again by the
// same step it ends with one thing, made by one run. The token goes nowhere else.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	var strangers atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			strangers.Add(1)
		}
	}))
	t.Cleanup(func() {
		other.Close()
		if n := strangers.Load(); n > 0 {
			t.Errorf("another host was sent the token %d times", n)
		}
	})
	for name, f := range faults(other.URL) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv("PAVE_TEST_REAL") == "" {
				meets(t, f, 3)
				return
			}
			n := 0
			for meets(t, f, n) {
				n++
			}
			if n < 10 {
				t.Errorf("there were %d calls", n)
			}
		})
	}
}

// meets has the nth call meet a fault, and reports whether there was one.
func meets(t *testing.T, f faulty, n int) bool {
	t.Helper()
	g := newRig(t)
	p := faultproxy.New(t, g.URL)
	fault, reached := faultproxy.Nth(n, f.fault)
	p.On("*", 0, fault)
	r := g.with(g.fresh(), 20, func(m *pave.Module) { m.Backend.Config["url"] = p.URL })
	r.Job = "run_1.database"
	st, err := g.Apply(t.Context(), r)
	if !slices.Contains(f.codes, pave.CodeOf(err)) {
		t.Errorf("call %d: %v, want one of %v", n, err, f.codes)
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
	for name, f := range faults("http://127.0.0.1:1") {
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
			p.On("*", 0, f.fault)
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
