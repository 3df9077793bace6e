package githost

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func TestGate(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	for _, c := range []struct {
		reason  string
		status  int
		header  http.Header
		refused bool          // the call itself
		wait    time.Duration // of the next one; 0: none
	}{
		{"fine", 200, http.Header{"Ratelimit-Remaining": {"7"}, "Ratelimit-Reset": {in(time.Hour)}}, false, 0},
		{"seconds", 429, http.Header{"Retry-After": {"30"}}, true, 30 * time.Second},
		{"a date", 429, http.Header{"Retry-After": {time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat)}}, true, 40 * time.Second},
		{"not said", 429, nil, true, time.Minute},
		{"a word", 429, http.Header{"Retry-After": {"soon"}}, true, time.Minute},
		{"for ever", 429, http.Header{"Retry-After": {"99999999"}}, true, time.Hour},
		{"below zero", 429, http.Header{"Retry-After": {"-5"}}, true, time.Second},
		{"busy", 503, http.Header{"Retry-After": {"10"}}, true, 10 * time.Second},
		{"broken", 503, nil, false, 0},
		{"the last call", 200, http.Header{"Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {in(20 * time.Second)}}, false, 20 * time.Second},
	} {
		calls := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls++
			for k, v := range c.header {
				w.Header()[k] = v
			}
			w.WriteHeader(c.status)
		}))
		t.Cleanup(s.Close)
		client, err := NewClient([]string{"127.0.0.1"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, refused := range []bool{c.refused, c.wait > 0} {
			resp, err := client.Get(s.URL)
			if err == nil {
				resp.Body.Close()
			}
			if (err != nil) != refused {
				t.Errorf("%s, call %d: %v", c.reason, i, err)
			}
			var limit pave.Later
			if err != nil && (!errors.As(err, &limit) || pave.CodeOf(err) != pave.Unavailable) {
				t.Errorf("%s, call %d: %v is no limit", c.reason, i, err)
			}
			if err != nil && (time.Until(limit.At) > c.wait || time.Until(limit.At) < c.wait-5*time.Second) {
				t.Errorf("%s: it waits for %v, want %v", c.reason, time.Until(limit.At), c.wait)
			}
		}
		if want := map[bool]int{true: 1, false: 2}[c.wait > 0]; calls != want {
			t.Errorf("%s: %d calls came, want %d", c.reason, calls, want)
		}
	}
}

func TestNoRedirect(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusMovedPermanently))
	t.Cleanup(s.Close)
	client, err := NewClient([]string{"127.0.0.1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(s.URL)
	if err != nil || resp.StatusCode != http.StatusMovedPermanently {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
}
