package hcp

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
)

// statuses remembers how the last call was answered: the library's errors do not say.
type statuses struct {
	next http.RoundTripper
	last int // 0: not at all
}

func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	s.last = 0
	resp, err := s.next.RoundTrip(r)
	if err == nil {
		s.last = resp.StatusCode
		tame(resp, time.Now())
	}
	return resp, err
}

// The headers by which HCP Terraform says how many calls there may be in a second, and in
// how many seconds the next one.
const (
	rateHeader  = "X-RateLimit-Limit"
	resetHeader = "X-RateLimit-Reset"
)

// longestWait is how long one call is put off.
const longestWait = time.Minute

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
