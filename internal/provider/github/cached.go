package github

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

const (
	maxCached  = 500       // answers
	maxOneBody = 256 << 10 // bytes of one
)

// cached asks conditionally: what has not changed since is no call by the host's
// count. Its answers are of one login.
type cached struct {
	next http.RoundTripper

	mu  sync.Mutex
	all map[string]answer
}

type answer struct {
	tag    string
	header http.Header
	body   []byte
}

// RoundTrip answers with what was said before where the host says that it still is so.
func (c *cached) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || r.Header.Get("If-None-Match") != "" {
		return c.next.RoundTrip(r)
	}
	key := r.URL.String() + " " + r.Header.Get("Accept")
	c.mu.Lock()
	old, known := c.all[key]
	c.mu.Unlock()
	if known {
		r = r.Clone(r.Context())
		r.Header.Set("If-None-Match", old.tag)
	}
	resp, err := c.next.RoundTrip(r)
	switch {
	case err != nil:
		return resp, err
	case known && resp.StatusCode == http.StatusNotModified:
		drain(resp)
		resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
		resp.Header = old.header.Clone()
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(old.body)), int64(len(old.body))
	case resp.StatusCode == http.StatusOK && resp.Header.Get("Etag") != "":
		return c.keep(key, resp)
	}
	return resp, nil
}

// keep remembers an answer, unless it is large.
func (c *cached) keep(key string, resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxOneBody+1))
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if len(body) > maxOneBody {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
		return resp, nil
	}
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= maxCached {
		c.all = map[string]answer{}
	}
	c.all[key] = answer{resp.Header.Get("Etag"), resp.Header.Clone(), body}
	return resp, nil
}
