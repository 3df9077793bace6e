package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

// maxTries bounds how many replicas one request is offered to.
const maxTries = 4

// errNoReplica: no replica of the workload is ready.
var errNoReplica = errors.New("no replica is ready")

// A lease counts a request on the target that serves it, until both directions
// have ended; a websocket holds its lease as long as it lives.
type lease struct{ t *target }

type leaseKey struct{}

func (l *lease) move(t *target) {
	l.release()
	l.t = t
}

func (l *lease) release() {
	if l.t != nil {
		l.t.inflight.Add(-1)
		l.t = nil
	}
}

// ServeHTTP leads one request to a replica and counts it.
func (rt *route) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	l := &lease{}
	sw := &statusWriter{ResponseWriter: w}
	start := time.Now()
	defer func() {
		l.release()
		if req.Context().Err() == nil || sw.status != 0 {
			rt.metrics.add(sw.status, time.Since(start))
		}
	}()
	if refused := rt.calls.admit(req, rt.Workload); refused != "" {
		http.Error(sw, refused, http.StatusForbidden)
		return
	}
	rt.proxy.ServeHTTP(sw, req.WithContext(context.WithValue(req.Context(), leaseKey{}, l)))
}

// statusWriter remembers the status of the answer. It is unwrapped by
// http.ResponseController, so flushing and hijacking go on to work.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (r *router) newProxy(p *pool) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			// What the client claims about proxies before us is already taken off.
			pr.SetXForwarded()
			pr.Out.Header.Del("X-Real-Ip")
			pr.Out.Host = pr.In.Host
			pr.Out.URL.Scheme, pr.Out.URL.Host = "http", "replica" // the balancer picks one
			trace(pr.Out.Header)
		},
		Transport: &balancer{pool: p, transport: r.transport},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			if errors.Is(err, errNoReplica) || isDial(err) {
				w.Header().Set("Retry-After", "1")
				http.Error(w, "No replica of this service is ready.\nTo see why: pave status", http.StatusServiceUnavailable)
				return
			}
			http.Error(w, "The service broke off its answer.\nTo see why: pave logs", http.StatusBadGateway)
		},
	}
}

// A balancer offers a request to one replica after the other.
type balancer struct {
	pool      *pool
	transport http.RoundTripper
}

// RoundTrip tries another replica when one refuses the connection, and, for
// idempotent requests without a body, when one dies before it answers. A request
// whose body may have been read is never sent twice.
func (b *balancer) RoundTrip(req *http.Request) (*http.Response, error) {
	l, ok := req.Context().Value(leaseKey{}).(*lease)
	if !ok {
		return nil, errors.New("a request without a lease")
	}
	hasBody := req.Body != nil && req.Body != http.NoBody
	again := !hasBody && idempotent(req.Method)
	var tried []*target
	last := errNoReplica
	for range maxTries {
		t := b.pool.acquire(tried)
		if t == nil {
			break
		}
		l.move(t)
		out := *req
		u := *req.URL
		u.Host = t.addr
		out.URL = &u
		if hasBody {
			out.Body = keepOpen{req.Body} // a refused connection would close it
		}
		res, err := b.transport.RoundTrip(&out)
		if err == nil {
			return res, nil
		}
		last = err
		if req.Context().Err() != nil || !again && !isDial(err) {
			return nil, err
		}
		tried = append(tried, t)
	}
	return nil, last
}

// keepOpen leaves closing to the proxy.
type keepOpen struct{ io.Reader }

func (keepOpen) Close() error { return nil }

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// isDial reports whether no connection was made at all.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// trace gives a request a W3C trace context when it has none that is valid.
func trace(h http.Header) {
	if validTraceparent(h.Get("Traceparent")) && len(h["Traceparent"]) == 1 {
		return
	}
	var id [24]byte
	_, _ = rand.Read(id[:])
	h.Set("Traceparent", "00-"+hex.EncodeToString(id[:16])+"-"+hex.EncodeToString(id[16:])+"-01")
	h.Del("Tracestate") // belongs to the trace that was not valid
}

// validTraceparent checks version-traceid-parentid-flags in lower-case hex.
func validTraceparent(s string) bool {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" || len(s) > 55 && (s[:2] == "00" || s[55] != '-') {
		return false
	}
	hexOnly := s[:2] + s[3:35] + s[36:52] + s[53:55]
	if strings.Trim(hexOnly, "0123456789abcdef") != "" {
		return false
	}
	return strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}
