// Package faultproxy stands between a client and the server it calls, over real HTTP on
// loopback, and lets go wrong what a test says:
//
//	p := faultproxy.New(t, server.URL)
//	p.On("PATCH /v1/secret/data/*", 1, faultproxy.Lose()) // once: done, and the answer lost
//	p.On("*", 0, faultproxy.Status(429, "2"))             // always
//	client(p.URL)
//
// The client needs nothing for it but the address. What no rule fits is handed on. It
// knows no vendor.
package faultproxy

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Proxy hands requests on to one server.
type Proxy struct {
	URL string

	t        testing.TB
	upstream string
	to       *http.Transport

	mu     sync.Mutex
	server *httptest.Server // nil while it is down
	rules  []*rule
	calls  []string
}

// A rule is a fault for the requests that its pattern fits.
type rule struct {
	pattern string
	left    int // how often it still counts; below 0 always
	fault   Fault
}

// New returns a proxy that runs until the test ends.
func New(t testing.TB, upstream string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, upstream: strings.TrimSuffix(upstream, "/"), to: &http.Transport{DisableCompression: true}}
	p.listen("127.0.0.1:0")
	p.URL = p.server.URL
	t.Cleanup(p.Down)
	t.Cleanup(p.to.CloseIdleConnections)
	return p
}

func (p *Proxy) listen(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: p}}
	server.Start()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = server
}

// Down ends all connections and refuses further ones, until Up.
func (p *Proxy) Down() {
	p.mu.Lock()
	server := p.server
	p.server = nil
	p.mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Close()
	}
}

// Up takes connections again, at the same address.
func (p *Proxy) Up() { p.listen(strings.TrimPrefix(p.URL, "http://")) }

// On sets a fault for the next requests that fit a pattern, "METHOD /path" or "/path",
// where '*' is anything: as often as times says, always for 0. The newest rule that fits
// counts.
func (p *Proxy) On(pattern string, times int, f Fault) {
	if times == 0 {
		times = -1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &rule{pattern, times, f})
}

// Clear takes all faults back and forgets the calls.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.calls = nil, nil
}

// Calls are the requests that came and fit a pattern, each as "METHOD /path".
func (p *Proxy) Calls(pattern string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, c := range p.calls {
		if fits(pattern, c) {
			out = append(out, c)
		}
	}
	return out
}

// fits reports whether a pattern fits a call.
func fits(pattern, call string) bool {
	if strings.HasPrefix(pattern, "/") {
		_, call, _ = strings.Cut(call, " ")
	}
	const slash = "\x00" // path.Match lets '*' end at a slash
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", slash), strings.ReplaceAll(call, "/", slash))
	return ok && err == nil
}

// next notes a call and returns the fault that it meets.
func (p *Proxy) next(call string) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	for i := len(p.rules) - 1; i >= 0; i-- {
		r := p.rules[i]
		if r.left == 0 || !fits(r.pattern, call) {
			continue
		}
		r.left--
		return r.fault
	}
	return nil
}

// ServeHTTP hands a request on, or lets its fault have it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // whole, so that a client that leaves is noticed
	if err != nil {
		return
	}
	x := &Exchange{W: w, R: r, body: body, p: p}
	if fault := p.next(r.Method + " " + r.URL.Path); fault != nil {
		fault(x)
		return
	}
	x.Answer(x.Forward())
}

// An Exchange is one request on its way, for a Fault.
type Exchange struct {
	W http.ResponseWriter
	R *http.Request

	body []byte
	p    *Proxy
}

// Body is what the client sent.
func (x *Exchange) Body() []byte { return x.body }

// Forward has the server do what was asked and returns its whole answer.
func (x *Exchange) Forward() (*http.Response, []byte) {
	r, err := http.NewRequest(x.R.Method, x.p.upstream+x.R.URL.RequestURI(), bytes.NewReader(x.body))
	if err != nil {
		x.Reset()
	}
	r.Header = x.R.Header.Clone()
	resp, err := x.p.to.RoundTrip(r) // not with the client's context: it may be gone
	if err != nil {
		x.Reset()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		x.Reset()
	}
	return resp, body
}

// Answer gives the client an answer of the server.
func (x *Exchange) Answer(resp *http.Response, body []byte) {
	x.head(resp)
	_, _ = x.W.Write(body)
}

func (x *Exchange) head(resp *http.Response) {
	for k, v := range resp.Header {
		x.W.Header()[k] = v
	}
	x.W.WriteHeader(resp.StatusCode)
}

// Reset ends the connection without an answer, and the handler with it.
func (x *Exchange) Reset() { panic(http.ErrAbortHandler) }

// gone waits until the client has left, or for a time.
func (x *Exchange) gone(d time.Duration) bool {
	select {
	case <-x.R.Context().Done():
		return true
	case <-time.After(d):
		return false
	}
}
