package vault

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/test/faultproxy"
)

// faulty says what goes wrong, and how the error of a call that met it may be classified;
// "" is no error.
type faulty struct {
	fault faultproxy.Fault
	codes []pave.Code
}

// faults are those of any provider over HTTP. other is a server where nothing may arrive, and
// patience more than the driver of the test has.
func faults(other string, patience time.Duration) map[string]faulty {
	one := []pave.Code{pave.Unavailable}
	// A read whose connection breaks is sent again by net/http.
	return map[string]faulty{
		"refused":               {faultproxy.Refuse(), append(one, "")},
		"time-out before":       {faultproxy.Delay(patience), one},
		"time-out after":        {faultproxy.Late(patience), one},
		"answer lost":           {faultproxy.Lose(), append(one, "")},
		"answer cut":            {faultproxy.Cut(5), append(one, "")}, // some answers are shorter
		"slow drip":             {faultproxy.Drip(patience), append(one, "")},
		"429":                   {faultproxy.Status(429, "0"), one},
		"429 by date":           {faultproxy.Status(429, faultproxy.RetryAt(time.Unix(0, 0))), one},
		"500":                   {faultproxy.Status(500, ""), one},
		"502 of a gateway":      {faultproxy.HTML(502), one},
		"503":                   {faultproxy.Status(503, "0"), one},
		"503 after the effect":  {faultproxy.After(faultproxy.Status(503, "0")), one},
		"401":                   {faultproxy.Status(401, ""), []pave.Code{"", pave.Denied}},
		"403":                   {faultproxy.Status(403, ""), []pave.Code{"", pave.Denied}},
		"404":                   {faultproxy.Status(404, ""), []pave.Code{"", pave.NotFound, pave.Denied, pave.Conflict}},
		"page instead of JSON":  {faultproxy.HTML(200), one},
		"JSON of another form":  {faultproxy.Body(200, "application/json", `{"data": [1], "auth": "x"}`), append(one, "")},
		"error with status 200": {faultproxy.Body(200, "application/json", `{"errors": ["no"]}`), append(one, "", pave.NotFound, pave.Conflict)},
		"100 MB":                {faultproxy.Huge(100 << 20), one},
		"another host":          {faultproxy.Redirect(other), []pave.Code{pave.Denied}},
	}
}

// slow are those that take their time, which few operations meet; some of the others meet
// none but in make test-real.
var (
	slow = []string{"time-out before", "time-out after", "slow drip", "100 MB"}
	most = []string{"apply", "read", "delete"}
	more = []string{"observe", "bring back", "expire"}
)

// operations are what the engine asks of the driver, each with what is there before, and
// what the entry holds after.
var operations = map[string]struct {
	before []string
	do     func(l *lab, r resource.Resource) error
	after  map[string]any
}{
	"apply": {nil, (*lab).doApply, map[string]any{"API_KEY": canary + "-one"}},
	"change": {[]string{"apply"}, func(l *lab, r resource.Resource) error {
		return l.doApply(l.with(r, resource.SecretSpec{Key: strings.ToUpper(strings.ReplaceAll(r.Ref.Name, "-", "_")), Value: "sec_2"}))
	}, map[string]any{"API_KEY": canary + "-two"}},
	"observe":    {[]string{"apply"}, func(l *lab, r resource.Resource) error { _, err := l.Observe(l.t.Context(), r); return err }, map[string]any{"API_KEY": canary + "-one"}},
	"read":       {[]string{"apply"}, func(l *lab, r resource.Resource) error { _, err := l.Secrets(l.t.Context(), r); return err }, map[string]any{"API_KEY": canary + "-one"}},
	"set aside":  {[]string{"apply"}, (*lab).doSetAside, map[string]any{}},
	"bring back": {[]string{"apply", "set aside"}, (*lab).doApply, map[string]any{"API_KEY": canary + "-one"}},
	"delete":     {[]string{"apply"}, (*lab).doDelete, nil},
	"expire":     {[]string{"apply", "set aside"}, (*lab).doDelete, nil},
}

func (l *lab) doApply(r resource.Resource) error { _, err := l.Apply(l.t.Context(), r); return err }
func (l *lab) doSetAside(r resource.Resource) error {
	return l.SetAside(l.t.Context(), r)
}
func (l *lab) doDelete(r resource.Resource) error { return l.Delete(l.t.Context(), r) }

// Every call of every operation meets every fault once. It ends done, or with an error
// of a class that says what to do, done when it is called again; nothing is done twice,
// and nothing of a credential goes to another host.
func TestFaults(t *testing.T) {
	t.Parallel()
	var strayed, cells atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(func() {
		other.Close()
		if n := strayed.Load(); n > 0 {
			t.Errorf("%d requests went to another host", n)
		}
		t.Logf("%d calls met a fault", cells.Load())
	})
	for name, f := range faults(other.URL, 200*time.Millisecond) {
		for op := range operations {
			if slices.Contains(slow, name) && !slices.Contains(most, op) || os.Getenv("PAVE_TEST_REAL") == "" && slices.Contains(more, op) {
				continue
			}
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				s := vaulttest.New(t)
				p := faultproxy.New(t, s.URL)
				l := newLab(t, s, p.URL, time.Hour)
				l.Timeout = 100 * time.Millisecond
				for n := 0; n < 30 && l.meets(p, name, f, op, n); n++ {
					cells.Add(1)
				}
			})
		}
	}
}

// meets runs an operation whose nth call meets a fault, and reports whether it has so many.
func (l *lab) meets(p *faultproxy.Proxy, name string, f faulty, op string, n int) bool {
	l.t.Helper()
	r := l.fresh()
	for _, before := range operations[op].before {
		l.persist(operations[before].do, r)
	}
	l.sessions = sessions{} // signs in again: that may go wrong too
	fault, reached := faultproxy.Nth(n, f.fault)
	p.Clear()
	p.On("*", 0, fault)
	err := operations[op].do(l, r)
	met := reached()
	if code := pave.CodeOf(err); met && !slices.Contains(f.codes, code) && code != pave.Unavailable || strings.Contains(fmt.Sprint(err, pave.HintOf(err)), canary) {
		l.t.Errorf("call %d: %v (%s), want one of %q", n, err, code, f.codes)
	}
	if calls := len(p.Calls("*")); calls > 30 {
		l.t.Errorf("call %d: %d calls", n, calls)
	}
	p.Clear()
	if err != nil {
		l.persist(operations[op].do, r)
	}
	l.ended(name, op, n, r)
	return met
}

// persist does as the engine: again while it is worth it.
func (l *lab) persist(do func(*lab, resource.Resource) error, r resource.Resource) {
	l.t.Helper()
	var err error
	for range 100 {
		if err = do(l, r); pave.CodeOf(err) != pave.Unavailable {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		l.t.Fatalf("without a fault: %v", err)
	}
}

// ended looks at the world when an operation is done.
func (l *lab) ended(name, op string, n int, r resource.Resource) {
	l.t.Helper()
	got, want := l.server.Get(path(r)), operations[op].after
	lost := (name == "404" || name == "error with status 200") && (op == "delete" || op == "expire" || op == "set aside")
	if lost && got != nil { // it was told that nothing is there: the sweep finds it
		return
	}
	if !maps.Equal(got, want) || want == nil && l.server.Metadata(path(r)) != nil {
		l.t.Errorf("call %d: the entry holds %v, want %v", n, got, want)
	}
	m := l.server.Metadata(path(r))
	if m == nil {
		return
	}
	if marks, _ := m["custom_metadata"].(map[string]any); len(marks) != 1 {
		l.t.Errorf("call %d: marks %v, want 1", n, marks)
	}
	if v, _ := m["current_version"].(float64); v > 5 {
		l.t.Errorf("call %d: %v versions", n, v)
	}
}

// A server that asks for patience is left alone for so long, by all that use it.
func TestPatience(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	p := faultproxy.New(t, s.URL)
	l := newLab(t, s, p.URL, time.Hour)
	r := l.fresh()
	l.apply(r)
	p.Clear()
	p.On("GET *", 1, faultproxy.Status(429, "1"))
	began := time.Now()
	l.persist((*lab).doApply, r)
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("asked again after %s", took)
	}
	for _, wish := range []string{"60", faultproxy.RetryAt(time.Now().Add(time.Minute)), "999999"} {
		l.sessions = sessions{}
		p.Clear()
		p.On("GET *", 1, faultproxy.Status(503, wish))
		_, _ = l.Observe(t.Context(), r)
		before := len(p.Calls("*"))
		for range 50 {
			if _, err := l.Observe(t.Context(), r); pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "asks to be left alone: it answers again at") {
				t.Fatalf("%s: %v", wish, err)
			}
		}
		if n := len(p.Calls("*")); n != before {
			t.Errorf("%s: %d calls more", wish, n-before)
		}
	}
}

// While the server is down nothing is asked in a hurry, and when it is up again all goes on.
func TestDownAndUp(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	p := faultproxy.New(t, s.URL)
	l := newLab(t, s, p.URL, time.Hour)
	r := l.fresh()
	p.Down()
	if _, err := l.Apply(t.Context(), r); pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "is not reached") {
		t.Errorf("while it is down: %v", err)
	}
	p.Up()
	l.persist((*lab).doApply, r)
	l.holds(r, map[string]any{"API_KEY": canary + "-one"})
}

// With a fifth of all calls going wrong, each in another way, whole lives of secrets come to
// their end, and nothing is left.
func TestFaultsAtRates(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	p := faultproxy.New(t, s.URL)
	l := newLab(t, s, p.URL, time.Hour)
	kinds := []faultproxy.Fault{faultproxy.Refuse(), faultproxy.Lose(), faultproxy.Status(503, "0"), faultproxy.After(faultproxy.Status(500, "")),
		faultproxy.Cut(9), faultproxy.HTML(502), faultproxy.Status(429, "0")}
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(7, 7))
	p.On("*", 0, func(x *faultproxy.Exchange) {
		mu.Lock()
		fault := faultproxy.Pass()
		if dice.Float64() < 0.2 {
			fault = kinds[dice.IntN(len(kinds))]
		}
		mu.Unlock()
		fault(x)
	})
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			r := l.of(fmt.Sprintf("rates%d", i/3), fmt.Sprintf("KEY_%d", i%3)) // three in one entry
			for _, op := range []string{"apply", "change", "set aside", "bring back", "observe", "delete"} {
				var err error
				for range 100 {
					if err = operations[op].do(l, r); pave.CodeOf(err) != pave.Unavailable {
						break
					}
				}
				if err != nil {
					t.Errorf("%s of %s: %v", op, r.Ref, err)
				}
			}
		})
	}
	all.Wait()
	for i := range 4 {
		entry := fmt.Sprintf("teams/web/rates%d/production", i)
		if m := s.Metadata(entry); m != nil {
			t.Errorf("%s is left: %v, %v", entry, m["custom_metadata"], s.Get(entry))
		}
	}
}
