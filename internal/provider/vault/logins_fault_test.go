package vault

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/test/faultproxy"
)

// loginOperations are what the engine asks of the driver, with what is there before.
var loginOperations = map[string]struct {
	before []string
	do     func(ctx context.Context, d *desk, r resource.Resource) error
}{
	"apply":   {nil, func(ctx context.Context, d *desk, r resource.Resource) error { _, err := d.Apply(ctx, r); return err }},
	"observe": {[]string{"apply"}, func(ctx context.Context, d *desk, r resource.Resource) error { _, err := d.Observe(ctx, r); return err }},
	"rotate": {[]string{"apply"}, func(ctx context.Context, d *desk, r resource.Resource) error {
		_, err := d.Apply(ctx, d.with(r, 1))
		return err
	}},
	"revoke": {[]string{"apply", "rotate"}, func(ctx context.Context, d *desk, r resource.Resource) error { return d.Revoke(ctx, d.with(r, 1)) }},
	"delete": {[]string{"apply", "rotate"}, func(ctx context.Context, d *desk, r resource.Resource) error { return d.Delete(ctx, d.with(r, 1)) }},
}

// often are the faults that are met in every run of the tests; the others make test-vault has.
var often = []string{"answer lost", "503 after the effect", "403", "another host"}

// Every call of every operation meets every fault once. It ends done, or with an error of a
// class that says what to do, done when it is called again; a login that nobody heard of goes
// with the others in the end, and nothing of a credential goes to another host.
func TestLoginFaults(t *testing.T) {
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
	for op := range loginOperations {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			s := vaulttest.New(t)
			p := faultproxy.New(t, s.URL)
			d := newDesk(t, s, map[string]string{"address": p.URL})
			d.Timeout = time.Second
			for name, f := range faults(other.URL, 1500*time.Millisecond) {
				if os.Getenv("PAVE_TEST_REAL") == "" && !slices.Contains(often, name) || slices.Contains(slow, name) && op != "rotate" {
					continue
				}
				for n := 0; n < 30 && d.meets(p, name, f, op, n); n++ {
					cells.Add(1)
				}
			}
		})
	}
}

// meets runs an operation whose nth call meets a fault, and reports whether it has so many.
func (d *desk) meets(p *faultproxy.Proxy, name string, f faulty, op string, n int) bool {
	d.t.Helper()
	r := d.fresh()
	for _, before := range loginOperations[op].before {
		d.persist(before, r)
	}
	d.sessions = sessions{} // signs in again: that may go wrong too
	fault, reached := faultproxy.Nth(n, f.fault)
	p.Clear()
	p.On("*", 0, fault)
	err := loginOperations[op].do(d.t.Context(), d, r)
	met := reached()
	codes := append([]pave.Code{pave.Unavailable}, f.codes...)
	if name == "404" { // the connection is not there
		codes = append(codes, pave.Invalid)
	}
	if code := pave.CodeOf(err); met && !slices.Contains(codes, code) {
		d.t.Errorf("%s at call %d: %v (%s), want one of %q", name, n, err, code, codes)
	}
	if calls := len(p.Calls("*")); calls > 30 {
		d.t.Errorf("%s at call %d: %d calls", name, n, calls)
	}
	p.Clear()
	if err != nil {
		d.persist(op, r)
	}
	if op == "rotate" || op == "revoke" {
		st, err := d.Observe(d.t.Context(), d.with(r, 1))
		if out, sqlErr := d.as(st, "SELECT 1"); err != nil || !st.Ready || sqlErr != nil {
			d.t.Errorf("%s at call %d: the new login: %+v, %v, %s", name, n, st, err, out)
		}
	}
	for range 2 { // a fault may have said that nothing was there
		d.persist("delete", r)
		d.persist("delete", d.with(r, 0))
	}
	if left := d.logins(); left != "0" {
		d.t.Errorf("%s at call %d: %s logins are left", name, n, left)
	}
	return met
}

// persist does as the engine: again while it is worth it.
func (d *desk) persist(op string, r resource.Resource) {
	d.t.Helper()
	var err error
	for range 100 {
		if err = loginOperations[op].do(d.t.Context(), d, r); pave.CodeOf(err) != pave.Unavailable {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		d.t.Fatalf("%s without a fault: %v", op, err)
	}
}

// No error, check or plan line has a password in it.
func TestLoginIsHidden(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	d := newDesk(t, s, nil)
	r := d.fresh()
	st := d.apply(r)
	password := st.Secrets["password"].Reveal()
	diff, err := d.Diff(t.Context(), r)
	drift, errDrift := d.Drift(t.Context(), r)
	found, errList := d.List(t.Context())
	shown := fmt.Sprint(st, diff, err, drift, errDrift, found, errList, d.Look(r))
	if password == "" || strings.Contains(shown, password) {
		t.Errorf("it is in %s", shown)
	}
	if want := "database desk"; !strings.Contains(shown, want) {
		t.Errorf("%q is not in %s", want, shown)
	}
}
