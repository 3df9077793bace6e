package gitlab

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/test/githost/fault"
	fake "github.com/pave-platform/pave/test/githost/gitlab"
)

// While the host answers with a fault, Apply ends with its code and a next command, or
// waits; it calls a few times at the most, and nobody else. Once the host is well it goes
// on to the end, with one repository.
func TestFaults(t *testing.T) {
	t.Parallel()
	var strangers atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, f := range fault.All(elsewhere.URL) {
		for _, from := range []int64{1, 4} { // calls that are well before
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				faulty(t, f, from)
			})
		}
	}
	t.Cleanup(func() {
		if n := strangers.Load(); n > 0 {
			t.Errorf("another host was called %d times", n)
		}
	})
}

func faulty(t *testing.T, f fault.Fault, from int64) {
	t.Helper()
	s := fake.New(t)
	s.AddGroup(s.Group + "/squad")
	var calls atomic.Int64
	var well atomic.Bool
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if well.Load() || !strings.HasPrefix(r.URL.Path, "/api/") || calls.Add(1) < from {
			return false
		}
		f.Answer(w, r)
		return true
	}
	d, fresh := driver(t, s)
	r := fresh()
	st, err := d.Apply(t.Context(), r)
	if f.Code == "" && (err != nil || !st.Waiting || st.Reason == "") {
		t.Errorf("it is %+v, %v: it does not wait", st, err)
	}
	if f.Code != "" {
		wantCode(t, "Apply", err, f.Code)
		if f.Code == pave.Denied && pave.HintOf(err) == "" {
			t.Errorf("%v: no next command", err)
		}
		if err != nil && strings.Contains(err.Error(), "pvcnry") {
			t.Errorf("%v: it says what it should not", err)
		}
	}
	if n := calls.Load(); n > from+3 {
		t.Errorf("%d calls beyond the first that failed", n-from)
	}
	well.Store(true)
	for tries := 0; !st.Ready && tries < 100; tries++ {
		if st, err = d.Apply(t.Context(), r); err != nil && pave.CodeOf(err) != pave.Unavailable {
			t.Fatal(err)
		}
		if !st.Ready {
			time.Sleep(100 * time.Millisecond)
		}
	}
	if drift, err := d.Drift(t.Context(), r); len(drift) > 0 || err != nil || !st.Ready || len(s.Paths()) != 1 {
		t.Errorf("at the end: %+v, drift %v, %v, repositories %v", st, drift, err, s.Paths())
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
