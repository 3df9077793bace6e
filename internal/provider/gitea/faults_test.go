package gitea

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/test/faultproxy"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// Whatever becomes of one call, Apply says so by its code, or waits, or goes on; applied
// again it ends with one repository that is whole. Nobody else is called.
func TestFaults(t *testing.T) {
	t.Parallel()
	// The third call makes the repository.
	faultproxy.EveryCall(t, faultproxy.Every{Quick: 2, Least: 15}, meets)
}

// meets has the nth call meet a fault, and reports whether there was one.
func meets(t *testing.T, f faultproxy.Faulty, n int) bool {
	t.Helper()
	s := fake.New(t)
	s.AddTeam("squad", "write")
	p := faultproxy.New(t, s.URL)
	fault, reached := faultproxy.Nth(n, f.Fault)
	p.On("*", 0, fault)
	d, fresh := driver(t, fake.World{URL: p.URL, Org: s.Org, Token: s.Token})
	d.Vendor, d.Visible = &Vendor{Timeout: f.Patience}, 500*time.Millisecond
	r := fresh()
	st, err := d.Apply(t.Context(), r)
	if !slices.Contains(f.Codes, pave.CodeOf(err)) {
		t.Errorf("call %d: %v, want one of %v", n, err, f.Codes)
	}
	if err == nil && !st.Ready {
		t.Errorf("call %d: it is %+v, and no error", n, st)
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
	if err != nil || !st.Ready || e != nil || len(drift) > 0 || len(s.Names()) != 1 {
		t.Errorf("call %d: at the end ready %v, %v; drift %v, %v; repositories %v", n, st.Ready, err, drift, e, s.Names())
	}
	want := "A shop true false [pave-" + strings.ToLower(strings.ReplaceAll(r.ID, "_", "-")) + "]"
	if got := seen(t, s.World(), r.ExternalID); !strings.Contains(got, want) {
		t.Errorf("call %d: at the end it is %s, want %s", n, got, want)
	}
	return met
}

// A host that goes on refusing is called a few times for each Apply, and no more.
func TestNoHotLoop(t *testing.T) {
	t.Parallel()
	for name, f := range faultproxy.Faults("http://127.0.0.1:1") {
		s := fake.New(t)
		p := faultproxy.New(t, s.URL)
		p.On("*", 0, f.Fault)
		d, fresh := driver(t, fake.World{URL: p.URL, Org: s.Org, Token: s.Token})
		d.Vendor, d.Visible = &Vendor{Timeout: f.Patience}, 200*time.Millisecond
		if st, err := d.Apply(t.Context(), fresh()); err == nil {
			t.Errorf("%s: it is %+v", name, st)
		}
		if n := len(p.Calls("*")); n > 12 {
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

// A host that is not there, or has no name, is worth a retry; one that the binding does
// not allow, or whose certificate nobody trusts, is not.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	const gone = "http://127.0.0.1:1" // a port that no server is given by chance
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, c := range []struct {
		url, allow string
		code       pave.Code
	}{
		{gone, "127.0.0.1", pave.Unavailable},
		{gone, "", pave.Denied},
		{secure.URL, "127.0.0.1", pave.Denied},
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
