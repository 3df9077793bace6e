package githost

import (
	"cmp"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
)

const (
	maxWait   = time.Hour
	someWait  = time.Minute // where a host does not say how long
	apiAnswer = 16 << 20
	apiWithin = 30 * time.Second
	gitWithin = 10 * time.Minute
)

// NewClient returns a client for the API of a host, whose calls may take so long (0: half a
// minute). It follows no redirect, since that of
// a repository leads to another one. Where the host says that it has had enough of calls,
// this one and all until then are an Unavailable with a pave.Later.
func NewClient(allow []string, within time.Duration) (*http.Client, error) {
	c, err := httpc.New(httpc.Options{Allow: allow, Timeout: cmp.Or(within, apiWithin), MaxBytes: apiAnswer})
	if err != nil {
		return nil, err
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Transport = &gate{next: c.Transport}
	return c, nil
}

// NewGitClient returns a client for git that signs in at one origin, and keeps to
// limits too. Its calls may take so long (0: ten minutes).
func NewGitClient(allow []string, within time.Duration, origin string, login httpc.Login) (*http.Client, error) {
	c, err := httpc.New(httpc.Options{Allow: allow, Timeout: cmp.Or(within, gitWithin), Credentials: httpc.Credentials{origin: login}})
	if err != nil {
		return nil, err
	}
	c.Transport = &gate{next: c.Transport}
	return c, nil
}

// A gate is shut while a host wants no calls.
type gate struct {
	next  http.RoundTripper
	until atomic.Int64 // in nanoseconds
}

// RoundTrip does one request of a client.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if until := time.Unix(0, g.until.Load()); time.Now().Before(until) {
		return nil, limited(r.URL.Host, until)
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	wait, refused := patience(resp, now)
	if wait == 0 {
		return resp, nil
	}
	until := now.Add(min(max(wait, time.Second), maxWait))
	g.until.Store(until.UnixNano())
	if !refused {
		return resp, nil
	}
	resp.Body.Close()
	return nil, limited(r.URL.Host, until)
}

func limited(host string, until time.Time) error {
	return pave.Errorf(pave.Unavailable, "%s wants no calls for now: %w", host, pave.Later{At: until}).WithHint("give the command again then; a run goes on by itself")
}

// patience is how long an answer says to wait, and whether it is a refusal.
func patience(resp *http.Response, now time.Time) (wait time.Duration, refused bool) {
	after := resp.Header.Get("Retry-After")
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable && after != "" {
		if at, told := httpc.RetryAfter(after, now); told {
			return max(at.Sub(now), time.Second), true
		}
		return someWait, true
	}
	at, err := strconv.ParseInt(resp.Header.Get("RateLimit-Reset"), 10, 64)
	if err != nil || resp.Header.Get("RateLimit-Remaining") != "0" {
		return 0, false
	}
	return max(time.Unix(at, 0).Sub(now), 0), false
}
