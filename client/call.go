package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
)

// A call is one request. One that may be repeated is sent again when the
// connection broke after it was sent.
type call struct {
	method, path string
	query        url.Values
	body         any
	header       http.Header
	repeat       bool
	timeout      time.Duration // 0 is callTimeout
}

// A stream is a body that is opened anew for each time it is sent.
type stream struct {
	kind string
	open func() (io.ReadCloser, error)
}

// lost says that no answer came.
type lost struct {
	err    error
	dialed bool // the request may have reached the server
}

func (l *lost) Error() string { return l.err.Error() }
func (l *lost) Unwrap() error { return l.err }

// refusedToken is the answer to a token that the server does not know (any more).
type refusedToken struct{ err error }

func (r *refusedToken) Error() string { return r.err.Error() }
func (r *refusedToken) Unwrap() error { return r.err }

// tooSoon is the answer to one call too many.
type tooSoon struct {
	err   error
	after time.Duration
}

func (t *tooSoon) Error() string { return t.err.Error() }
func (t *tooSoon) Unwrap() error { return t.err }

// do sends a call until it is answered and decodes the answer.
func (c *Client) do(ctx context.Context, k call, into any) error {
	return c.persist(ctx, k.repeat, 4, func(ctx context.Context, at Endpoint) error {
		ctx, cancel := context.WithTimeout(ctx, max(k.timeout, callTimeout))
		defer cancel()
		res, err := c.send(ctx, at, k)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
		switch {
		case err != nil:
			return &lost{err, true}
		case len(body) > maxAnswer:
			return pave.Errorf(pave.Unavailable, "the answer to %s %s is over %d MiB", k.method, k.path, maxAnswer>>20)
		case into == nil:
			return nil
		}
		if raw, ok := into.(*[]byte); ok {
			*raw = body
			return nil
		}
		if err := json.Unmarshal(body, into); err != nil {
			return pave.Errorf(pave.Unavailable, "the answer to %s %s is not what pave answers: %w", k.method, k.path, err).
				WithHint("pave version shows both sides; pave down and pave up restart the server")
		}
		return nil
	})
}

// persist calls f until it is answered: again after a pause when the server was
// not reached, with a new endpoint; again when the token changed; and up to busy
// times when a call that may be repeated finds the server not ready.
func (c *Client) persist(ctx context.Context, repeat bool, busy int, f func(context.Context, Endpoint) error) error {
	begin, pause, again, stale := time.Now(), 50*time.Millisecond, false, pave.Secret{}
	var last error
	for {
		at, err := c.endpoint(ctx, again)
		if err != nil && last == nil {
			return err // the server was never found: its finder knows best why
		}
		if err == nil && (stale.IsZero() || at.Token != stale) {
			err = f(ctx, at)
		} else if err == nil {
			err = last
		}
		var gone *lost
		var refused *refusedToken
		var soon *tooSoon
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &gone):
			if gone.dialed && !repeat {
				return pave.Errorf(pave.Unavailable, "the server went away before it answered: %w", gone.err).
					WithHint("pave list runs shows whether the call was carried out")
			}
			if time.Since(begin) > c.patience() {
				return unreachable(at, gone)
			}
			stale = pave.Secret{}
		case errors.As(err, &refused):
			// A server that has just started writes its new token in a moment.
			if time.Since(begin) > time.Second && last != nil {
				return refused.err
			}
			stale = at.Token
		case errors.As(err, &soon) && busy > 0: // nothing was carried out
			busy--
			pause = max(pause, soon.after)
		case pave.CodeOf(err) == pave.Unavailable && repeat && busy > 0:
			busy--
		case last != nil && at.URL == "" && time.Since(begin) <= c.patience():
			// The finder failed while the server is being restarted.
		default:
			return err
		}
		last, again = err, true
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

func unreachable(at Endpoint, err error) error {
	return pave.Errorf(pave.Unavailable, "the server at %s does not answer: %w", at.URL, errors.Join(ErrUnreachable, err)).
		WithHint("pave doctor; pave up starts it")
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// send sends a call once. An answer that is a problem is an error.
func (c *Client) send(ctx context.Context, at Endpoint, k call) (*http.Response, error) {
	req, err := c.request(ctx, at, k)
	if err != nil {
		return nil, err
	}
	res, err := c.transport().Do(req)
	if err != nil {
		var op *net.OpError
		return nil, &lost{err, !errors.As(err, &op) || op.Op != "dial"}
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		c.sawAnswer()
		return res, nil
	}
	defer res.Body.Close()
	err = problem(res, k)
	if res.StatusCode == http.StatusUnauthorized {
		return nil, &refusedToken{err}
	}
	c.sawAnswer()
	return nil, err
}

func (c *Client) request(ctx context.Context, at Endpoint, k call) (*http.Request, error) {
	var body io.Reader
	kind := "application/json"
	if archive, ok := k.body.(zipBody); ok {
		body, kind = bytes.NewReader(archive), "application/zip"
	} else if s, ok := k.body.(stream); ok {
		opened, err := s.open()
		if err != nil {
			return nil, err
		}
		body, kind = opened, s.kind
	} else if k.body != nil {
		text, err := json.Marshal(k.body)
		if err != nil {
			return nil, fmt.Errorf("encode the body of %s %s: %w", k.method, k.path, err)
		}
		body = bytes.NewReader(text)
	}
	address := at.URL + k.path
	if len(k.query) > 0 {
		address += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, address, body)
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s %s: %w", k.method, k.path, err)
	}
	for key, values := range k.header {
		req.Header[key] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+at.Token.Reveal())
	req.Header.Set("X-Request-Id", pave.NewID("req"))
	req.Header.Set("Pave-Invocation", c.o.Invocation)
	if c.o.Command != "" {
		req.Header.Set("Pave-Command", c.o.Command)
	}
	if c.o.Version != "" {
		req.Header.Set("Pave-Version", c.o.Version)
	}
	return req, nil
}

// problem turns an answer that is none into an error: a problem of RFC 9457 into
// the pave error it was made from.
func problem(res *http.Response, k call) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // what came is enough to tell
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	var p struct {
		Detail string            `json:"detail"`
		Code   pave.Code         `json:"code"`
		Hint   string            `json:"hint"`
		Errors []pave.FieldError `json:"errors"`
	}
	if kind != "application/problem+json" || json.Unmarshal(body, &p) != nil || p.Code == "" {
		return pave.Errorf(pave.Unavailable, "%s %s: %s, from something that is not pave", k.method, k.path, res.Status).
			WithHint("pave doctor shows who has the port")
	}
	err := &pave.Error{Code: p.Code, Message: p.Detail, Hint: p.Hint, Fields: p.Errors}
	if after, _ := strconv.Atoi(res.Header.Get("Retry-After")); res.StatusCode == http.StatusTooManyRequests && after > 0 {
		return &tooSoon{err, time.Duration(min(after, 60)) * time.Second}
	}
	return err
}
