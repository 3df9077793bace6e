package api

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave"
)

// counting counts the plans that were made.
type counting struct {
	fake
	made *atomic.Int32
	fail *atomic.Bool
}

func (c counting) Plan(ctx context.Context, r pave.Request) (pave.Plan, error) {
	if c.fail.Load() {
		return pave.Plan{}, pave.Errorf(pave.Conflict, "another change is going on")
	}
	c.made.Add(1)
	return pave.Plan{ID: pave.NewID("plan"), Request: pave.Envelope{Request: r}, Changes: []pave.Change{}, Verdicts: []pave.Verdict{}}, nil
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	c := counting{made: &atomic.Int32{}, fail: &atomic.Bool{}}
	d := open(t, c)
	one, two := `{"verb":"deploy","spec":{"name":"shop"}}`, `{"verb":"deploy","spec":{"name":"till"}}`
	do := func(key, body string, header ...string) *httptest.ResponseRecorder {
		return d.do("POST", "/v1/plans", body, append([]string{"Idempotency-Key", key}, header...)...)
	}
	first := do("k1", one)
	again := do("k1", one)
	if first.Code != 201 || again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" || c.made.Load() != 1 {
		t.Errorf("the same call: %d, then %d %s, made %d", first.Code, again.Code, again.Body, c.made.Load())
	}
	if w := do("k1", two); w.Code != 422 {
		t.Errorf("the same key for another body: %d %s", w.Code, w.Body)
	}
	if w := d.do("POST", "/v1/services", `{"name":"a","team":"b","template":"c"}`, "Idempotency-Key", "k1"); w.Code != 422 {
		t.Errorf("the same key for another route: %d %s", w.Code, w.Body)
	}
	if w := do("k1", one, "Authorization", "Bearer "+d.viewer); w.Code != 201 || w.Header().Get("Idempotency-Replayed") != "" || c.made.Load() != 2 {
		t.Errorf("the key of somebody else: %d, made %d", w.Code, c.made.Load())
	}
	c.fail.Store(true)
	if w := do("k2", one); w.Code != 409 {
		t.Errorf("a failure: %d", w.Code)
	}
	c.fail.Store(false)
	if w := do("k2", one); w.Code != 201 || c.made.Load() != 3 {
		t.Errorf("what failed may be sent again with its key: %d %s", w.Code, w.Body)
	}
	for _, key := range []string{strings.Repeat("k", 201), "a\tb", "kéy"} {
		if w := do(key, one); w.Code != 400 {
			t.Errorf("key %.20q: %d", key, w.Code)
		}
	}
	if w := do("k3", strings.Repeat(" ", maxBody+1)); w.Code != 413 {
		t.Errorf("too large: %d", w.Code)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if w := do("k4", one); w.Code != 201 {
				t.Errorf("at once: %d %s", w.Code, w.Body)
			}
		})
	}
	if group.Wait(); c.made.Load() != 4 {
		t.Errorf("20 calls at once with one key made %d plans", c.made.Load()-3)
	}
}

// TestVersions: a change with If-Match is made to the version it means or not at all,
// and of two that mean the same version one is made.
func TestVersions(t *testing.T) {
	t.Parallel()
	d := open(t, fake{})
	read := d.do("GET", "/v1/policy", "")
	tag := read.Header().Get("ETag")
	if read.Code != 200 || tag == "" {
		t.Fatalf("no ETag: %d %v", read.Code, read.Header())
	}
	if w := d.do("GET", "/v1/policy", "", "If-None-Match", tag); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("not changed: %d %s", w.Code, w.Body)
	}
	body := func(n string) string {
		return `{"text":"@id(\"all\") permit (principal in Role::\"admin\", action, resource); // ` + n + `"}`
	}
	if w := d.do("PUT", "/v1/policy", body("0"), "If-Match", `"other"`); w.Code != 412 || w.Header().Get("ETag") != tag {
		t.Errorf("another version: %d, ETag %q, %s", w.Code, w.Header().Get("ETag"), w.Body)
	}
	var won atomic.Int32
	var group sync.WaitGroup
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		group.Go(func() {
			switch w := d.do("PUT", "/v1/policy", body(n), "If-Match", tag); w.Code {
			case 200:
				won.Add(1)
			case 412:
			default:
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	if group.Wait(); won.Load() != 1 {
		t.Errorf("%d of 8 changed the same version", won.Load())
	}
	now := d.do("GET", "/v1/policy", "").Header().Get("ETag")
	if w := d.do("PUT", "/v1/policy", body("9"), "If-Match", now); w.Code != 200 || w.Header().Get("ETag") != d.do("GET", "/v1/policy", "").Header().Get("ETag") {
		t.Errorf("the version there is: %d %s", w.Code, w.Body)
	}
	if w := d.do("POST", "/v1/plans", `{"verb":"deploy","spec":{"name":"shop"}}`, "If-Match", now); w.Code != 400 {
		t.Errorf("If-Match where nothing has versions: %d", w.Code)
	}
}
