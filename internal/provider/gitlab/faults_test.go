package gitlab

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
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/test/faultproxy"
	fake "github.com/pave-platform/pave/test/githost/gitlab"
)

// A faulty call is one that a fault meets, and what may become of its Apply: "" is that it
// goes well all the same, or waits.
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
		"404":                  {faultproxy.Status(404, ""), ends(pave.NotFound, pave.Invalid, pave.Conflict)},
		"409":                  {faultproxy.Status(409, ""), ends(pave.Conflict)},
		"422":                  {faultproxy.Status(422, ""), ends(pave.Invalid)},
		"429":                  {faultproxy.Status(429, "1"), retry},
		"429 by date":          {faultproxy.Status(429, faultproxy.RetryAt(time.Now())), retry},
		"500":                  {faultproxy.Status(500, ""), retry},
		"500 after the effect": {faultproxy.After(faultproxy.Status(500, "")), retry},
		"502 of a gateway":     {faultproxy.HTML(502), retry},
		"503":                  {faultproxy.Status(503, "1"), retry},
		"a page":               {faultproxy.HTML(200), ends(pave.Conflict)},
		"half of an answer":    {faultproxy.Body(200, "application/json", `{"id":1,"na`), retry},
		"100 MB":               {faultproxy.Huge(100 << 20), ends(pave.Invalid)},
		"another host":         {faultproxy.Redirect(other), ends(pave.Denied)},
	}
}

// Whatever becomes of one call, Apply says so by its code, or waits, or goes on; applied
// again it ends with one repository that is whole. Nobody else is called.
func TestFaults(t *testing.T) {
	t.Parallel()
	var strangers atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	t.Cleanup(func() {
		other.Close()
		if n := strangers.Load(); n > 0 {
			t.Errorf("another host was called %d times", n)
		}
	})
	for name, f := range faults(other.URL) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv("PAVE_TEST_REAL") == "" {
				meets(t, f, 2) // the one that makes the repository
				return
			}
			n := 0
			for meets(t, f, n) {
				n++
			}
			if n < 15 {
				t.Errorf("there were %d calls", n)
			}
		})
	}
}

// meets has the nth call meet a fault, and reports whether there was one.
func meets(t *testing.T, f faulty, n int) bool {
	t.Helper()
	s := fake.New(t)
	s.AddGroup(s.Group + "/squad")
	p := faultproxy.New(t, s.URL)
	fault, reached := faultproxy.Nth(n, f.fault)
	p.On("*", 0, fault)
	d, fresh := driverAt(t, s, p.URL)
	d.Visible = 500 * time.Millisecond
	r := fresh()
	st, err := d.Apply(t.Context(), r)
	if !slices.Contains(f.codes, pave.CodeOf(err)) {
		t.Errorf("call %d: %v, want one of %v", n, err, f.codes)
	}
	if err == nil && !st.Ready && (!st.Waiting || st.Reason == "") {
		t.Errorf("call %d: it is %+v: neither done nor waiting", n, st)
	}
	if pave.CodeOf(err) == pave.Denied && pave.HintOf(err) == "" {
		t.Errorf("call %d: %v: no next command", n, err)
	}
	if err != nil && strings.Contains(err.Error(), "pvcnry") {
		t.Errorf("call %d: %v: it says what it should not", n, err)
	}
	for deadline := time.Now().Add(30 * time.Second); (err != nil || !st.Ready) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		st, err = d.Apply(t.Context(), r)
	}
	met := reached()
	p.Clear()
	drift, e := d.Drift(t.Context(), r)
	if err != nil || !st.Ready || e != nil || len(drift) > 0 || len(s.Paths()) != 1 {
		t.Errorf("call %d: at the end ready %v, %v; drift %v, %v; repositories %v", n, st.Ready, err, drift, e, s.Paths())
	}
	return met
}

// A host that goes on refusing is called a few times for each Apply, and no more.
func TestNoHotLoop(t *testing.T) {
	t.Parallel()
	for name, f := range faults("http://127.0.0.1:1") {
		s := fake.New(t)
		p := faultproxy.New(t, s.URL)
		p.On("*", 0, f.fault)
		d, fresh := driverAt(t, s, p.URL)
		d.Visible = 200 * time.Millisecond
		if st, err := d.Apply(t.Context(), fresh()); err == nil && !st.Waiting {
			t.Errorf("%s: it is %+v", name, st)
		}
		if n := len(p.Calls("*")); n > 12 {
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

// A host that is not there, or has no name, is worth a retry; one that the binding does
// not allow is not.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		url, allow string
		code       pave.Code
	}{
		{gone.URL, "127.0.0.1", pave.Unavailable},
		{gone.URL, "", pave.Denied},
		{"http://nowhere.invalid", "", pave.Unavailable},
		{"ftp://127.0.0.1", "127.0.0.1", pave.Invalid},
		{"http://me:pvcnry-in-url@127.0.0.1", "127.0.0.1", pave.Invalid},
	} {
		h, err := new(Vendor).Open(resource.Opened{Settings: map[string]string{"url": c.url, "org": "acme", "allow": c.allow},
			Secrets: map[string]pave.Secret{"token": pave.NewSecret("pvcnry-token")}})
		if err == nil {
			_, err = h.Get(t.Context(), "shop")
		}
		wantCode(t, c.url, err, c.code)
	}
}
