package node

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRetries puts a replica that fails beside one that works, and asks until
// both have had their turn.
func TestRetries(t *testing.T) {
	t.Parallel()
	dies, err := net.Listen("tcp", "127.0.0.1:0") // takes the request and dies
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dies.Close() })
	go func() {
		for {
			c, err := dies.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			c.Close()
		}
	}()
	gone, err := net.Listen("tcp", "127.0.0.1:0") // refuses
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	works := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(works.Close)

	cases := map[string]struct {
		reason       string
		bad          net.Listener
		method, body string
		want         int // what a request gets that met the bad replica first
	}{
		"refused GET":   {"nobody has seen the request", gone, "GET", "", 200},
		"refused POST":  {"nobody has read the body", gone, "POST", "order", 200},
		"dead GET":      {"to ask twice changes nothing", dies, "GET", "", 200},
		"dead DELETE":   {"to delete twice changes nothing", dies, "DELETE", "", 200},
		"dead POST":     {"the order may have been taken", dies, "POST", "order", 502},
		"dead PUT body": {"the body is gone", dies, "PUT", "order", 502},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := &pool{}, newRouter(slog.New(slog.DiscardHandler), newPorts())
			bad, good := &target{addr: c.bad.Addr().String()}, &target{addr: works.Listener.Addr().String()}
			p.set(nil, []*target{bad, good})
			rt := &route{pool: p, proxy: r.newProxy(p), metrics: newMetrics(), calls: r.calls}
			worst := 0
			for range 4 {
				rec := httptest.NewRecorder()
				rt.ServeHTTP(rec, httptest.NewRequest(c.method, "http://h.localhost/", strings.NewReader(c.body)))
				worst = max(worst, rec.Code)
			}
			if worst != c.want {
				t.Errorf("%s: got %d, want %d", c.reason, worst, c.want)
			}
			if n := bad.inflight.Load() + good.inflight.Load(); n != 0 {
				t.Errorf("%d requests are still counted", n)
			}
		})
	}
	// All are bad: that is not the client's fault, and worth a retry.
	p, r := &pool{}, newRouter(slog.New(slog.DiscardHandler), newPorts())
	p.set(nil, []*target{{addr: gone.Addr().String()}})
	rec := httptest.NewRecorder()
	(&route{pool: p, proxy: r.newProxy(p), metrics: newMetrics(), calls: r.calls}).ServeHTTP(rec, httptest.NewRequest("GET", "http://h.localhost/", nil))
	if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("no replica can be reached: %d %v", rec.Code, rec.Header())
	}
}
