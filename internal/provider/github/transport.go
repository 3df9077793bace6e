package github

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/httpc"
)

// signed adds the credentials of a host to what goes there, and to nothing else.
type signed struct {
	next  http.RoundTripper
	login login
	at    *url.URL
	basic bool // as git wants it
}

// RoundTrip signs once more where the host says that the sign-in is no longer good.
func (s *signed) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != s.at.Scheme || r.URL.Host != s.at.Host {
		return nil, pave.Errorf(pave.Denied, "%s is not the host of the binding", r.URL.Redacted())
	}
	for again := true; ; again = false {
		token, err := s.login.token(r.Context())
		if err != nil {
			return nil, err
		}
		call, err := copyOf(r)
		if err != nil {
			return nil, err
		}
		if s.basic {
			call.SetBasicAuth("x-access-token", token.Reveal())
		} else {
			call.Header.Set("Authorization", "Bearer "+token.Reveal())
		}
		resp, err := s.next.RoundTrip(call)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || !again || !s.login.renew(token) {
			return resp, err
		}
		drain(resp)
	}
}

// copyOf is a request that can be sent, with its body from the beginning.
func copyOf(r *http.Request) (*http.Request, error) {
	call := r.Clone(r.Context())
	if r.GetBody == nil {
		return call, nil
	}
	var err error
	call.Body, err = r.GetBody()
	return call, err
}

func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
}

const (
	shortWait = 5 * time.Second // is waited at once
	longWait  = time.Minute     // where the host does not say how long
	mostWait  = time.Hour       // no longer than this is believed
)

// limits obeys what a host says of too many calls: short waits are waited, of long ones
// the caller hears at once, without a call.
type limits struct {
	next http.RoundTripper

	mu    sync.Mutex
	until time.Time
}

// RoundTrip does a request, after a short wait once more.
func (l *limits) RoundTrip(r *http.Request) (*http.Response, error) {
	for range 3 {
		if err := l.wait(r.Context()); err != nil {
			return nil, err
		}
		call, err := copyOf(r)
		if err != nil {
			return nil, err
		}
		resp, err := l.next.RoundTrip(call)
		if err != nil {
			return resp, err
		}
		until, limited := limitOf(resp, time.Now())
		if !limited {
			return resp, nil
		}
		drain(resp)
		l.mu.Lock()
		if until.After(l.until) {
			l.until = until
		}
		l.mu.Unlock()
	}
	return nil, tooMany(time.Now().Add(longWait))
}

func (l *limits) wait(ctx context.Context) error {
	l.mu.Lock()
	until := l.until
	l.mu.Unlock()
	left := time.Until(until)
	if left <= 0 {
		return nil
	}
	if left > shortWait {
		return tooMany(until)
	}
	select {
	case <-ctx.Done():
		return pave.Errorf(pave.Unavailable, "waiting for github: %w", context.Cause(ctx))
	case <-time.After(left):
		return nil
	}
}

func tooMany(until time.Time) error {
	return pave.Errorf(pave.Unavailable, "github has had enough calls of this binding for now: %w", pave.Later{At: until}).
		WithHint("give the command again then, a run goes on by itself; a GitHub App may call more often than a token")
}

// limitOf says until when a host wants no more calls, where an answer says so.
func limitOf(resp *http.Response, now time.Time) (until time.Time, limited bool) {
	after, told := httpc.RetryAfter(resp.Header.Get("Retry-After"), now)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusForbidden:
	case http.StatusServiceUnavailable:
		return after, told
	default:
		return now, false
	}
	reset, err := strconv.ParseInt(resp.Header.Get("X-Ratelimit-Reset"), 10, 64)
	switch {
	case told:
		until = after
	case err == nil && resp.Header.Get("X-Ratelimit-Remaining") == "0":
		until = time.Unix(reset, 0).Add(time.Second) // the clocks are not the same
	case resp.StatusCode == http.StatusTooManyRequests || secondary(resp):
		until = now.Add(longWait)
	default:
		return now, false
	}
	if latest := now.Add(mostWait); until.After(latest) {
		until = latest
	}
	return until, true
}

// secondary reports whether the text of an answer speaks of a limit, and leaves the
// text to be read again.
func secondary(resp *http.Response) bool {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), resp.Body), resp.Body}
	return strings.Contains(strings.ToLower(string(text)), "rate limit")
}
