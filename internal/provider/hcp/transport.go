package hcp

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
)

// statuses remembers how the last call was answered: the library's errors do not say.
type statuses struct {
	next http.RoundTripper
	last int // 0: not at all
}

func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	s.last = 0
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	s.last = resp.StatusCode
	now := time.Now()
	if at, ok := limited(resp, now); ok {
		_ = resp.Body.Close()
		return nil, pave.Errorf(pave.Unavailable, "HCP Terraform wants no calls for now: %w", pave.Later{At: at}).
			WithHint("give the command again then; a run goes on by itself")
	}
	tame(resp, now)
	return resp, nil
}

// limited says until when there are to be no calls, where that is longer than the library
// should wait in its place, or where it would not wait at all.
func limited(resp *http.Response, now time.Time) (time.Time, bool) {
	at, told := httpc.RetryAfter(resp.Header.Get("Retry-After"), now)
	switch resp.StatusCode {
	case http.StatusServiceUnavailable:
		return at, told
	case http.StatusTooManyRequests:
		return at, told && at.Sub(now) > shortWait
	}
	return at, false
}

// The headers by which HCP Terraform says how many calls there may be in a second, and in
// how many seconds the next one.
const (
	rateHeader  = "X-RateLimit-Limit"
	resetHeader = "X-RateLimit-Reset"
)

const (
	longestWait = time.Minute     // one call is put off within the library
	shortWait   = 5 * time.Second // told by Retry-After, the library waits; longer, the run does
)

// tame leaves what headers say of the rate of calls where it is in reason: the library ends
// the process over one that is no number, and waits as long as it is told. It does not know
// Retry-After, which others in between answer with.
func tame(resp *http.Response, now time.Time) {
	h := resp.Header
	if v, err := strconv.ParseFloat(h.Get(rateHeader), 64); err != nil || !(v >= 1 && v <= 10000) {
		h.Del(rateHeader)
	}
	wait, err := strconv.ParseFloat(h.Get(resetHeader), 64)
	if text := h.Get("Retry-After"); err != nil && text != "" {
		if at, wrong := http.ParseTime(text); wrong == nil {
			wait, err = math.Ceil(at.Sub(now).Seconds()), nil
		} else {
			wait, err = strconv.ParseFloat(text, 64)
		}
	}
	h.Del(resetHeader)
	if err == nil && wait > 0 {
		h.Set(resetHeader, strconv.FormatFloat(min(wait, longestWait.Seconds()), 'f', -1, 64))
	}
}

// elsewhere follows redirects to where plans are kept, which is another host: never with
// the token, and never from https to what is not.
func elsewhere(r *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL
	if len(via) > 5 || r.Method != http.MethodGet || from.Scheme == "https" && r.URL.Scheme != "https" {
		return pave.Errorf(pave.Denied, "HCP Terraform: %s redirects to %s", from.Host, r.URL.Host).WithHint("is %s the address of it?", via[0].URL.Host)
	}
	if r.URL.Host != via[0].URL.Host {
		r.Header.Del("Authorization")
	}
	return nil
}
