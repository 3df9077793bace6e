package faultproxy

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// A Faulty call is one that a fault meets, and the codes its Apply may end with: "" is that
// it goes well all the same, or waits.
type Faulty struct {
	Fault Fault
	Codes []pave.Code
	// Patience is how long a client is to wait for an answer; 0: as long as it does.
	Patience time.Duration
}

// hasty is the patience for what is a fault only for those who do not wait.
const hasty = time.Second

// Faults are those of one call of a driver that calls an API of JSON. other is a server that
// nobody may call. A test puts its own codes, and its vendor's faults, in their place.
func Faults(other string) map[string]Faulty {
	retry := []pave.Code{"", pave.Unavailable}
	ends := func(codes ...pave.Code) []pave.Code { return append(codes, retry...) }
	return map[string]Faulty{
		"refused":              {Refuse(), retry, 0},
		"answer lost":          {Lose(), retry, 0},
		"answer cut":           {Cut(5), retry, 0},
		"401":                  {Status(401, ""), ends(pave.Denied), 0},
		"403":                  {Status(403, ""), ends(pave.Denied), 0},
		"404":                  {Status(404, ""), ends(pave.NotFound, pave.Invalid, pave.Conflict), 0},
		"409":                  {Status(409, ""), ends(pave.Conflict), 0},
		"422":                  {Status(422, ""), ends(pave.Invalid), 0},
		"429":                  {Status(429, "1"), retry, 0},
		"429 by date":          {Status(429, RetryAt(time.Now())), retry, 0},
		"500":                  {Status(500, ""), retry, 0},
		"500 after the effect": {After(Status(500, "")), retry, 0},
		"502 of a gateway":     {HTML(502), retry, 0},
		"503":                  {Status(503, "1"), retry, 0},
		"a page":               {HTML(200), ends(pave.Conflict), 0},
		"half of an answer":    {Body(200, "application/json", `{"id":1,"na`), retry, 0},
		"100 MB":               {Huge(100 << 20), ends(pave.Invalid), 0},
		"no answer in time":    {Delay(time.Minute), retry, hasty},
		"done, and late":       {Late(time.Minute), retry, hasty},
		"another host":         {Redirect(other), ends(pave.Denied), 0},
	}
}

// Every is what EveryCall does.
type Every struct {
	Own   map[string]Faulty // faults in the place of Faults, or beside them
	Quick int               // the call that is met without PAVE_TEST_REAL, counted from 0
	Least int               // how many calls there are at least
	Bare  bool              // another host may be called, without credentials
}

// EveryCall lets each fault meet one call after another, until there is none left to meet;
// without PAVE_TEST_REAL it is one call. meets runs the whole with the nth call met, and
// reports whether there was an nth: were there fewer than said, the calls would no longer go
// through the proxy. A call of another host fails the test.
func EveryCall(t *testing.T, e Every, meets func(t *testing.T, f Faulty, n int) bool) {
	t.Helper()
	all := Faults(stranger(t, e.Bare))
	maps.Copy(all, e.Own)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv("PAVE_TEST_REAL") == "" {
				if !meets(t, all[name], e.Quick) {
					t.Errorf("there is no call %d", e.Quick)
				}
				return
			}
			n := 0
			for meets(t, all[name], n) {
				n++
			}
			if n < e.Least {
				t.Errorf("there were %d calls", n)
			}
		})
	}
}

// stranger is the address of a server that fails the test when it is called; bare: with
// credentials.
func stranger(t *testing.T, bare bool) string {
	t.Helper()
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if !bare || r.Header.Get("Authorization") != "" || r.Header.Get("Private-Token") != "" {
			calls.Add(1)
		}
	}))
	t.Cleanup(func() {
		s.Close()
		if n := calls.Load(); n > 0 {
			t.Errorf("another host was called %d times", n)
		}
	})
	return s.URL
}
