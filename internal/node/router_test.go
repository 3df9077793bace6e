package node

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func TestRouter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	rt, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "Shop.production.localhost", Workload: "wl"})
	if err != nil || rt.Port == 0 || !rt.Ready || !rt.Listener {
		t.Fatalf("%+v, %v", rt, err)
	}
	if again, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "shop.production.localhost", Workload: "wl"}); err != nil || !reflect.DeepEqual(again, rt) {
		t.Errorf("put again: %+v, %v, want %+v", again, err, rt)
	}
	if status, body, _ := b.get("other.localhost", "/"); status != 404 || !strings.Contains(body, "pave list services") || strings.Contains(body, "shop") {
		t.Errorf("unknown host: %d %q", status, body)
	}
	if status, body, _ := b.get("SHOP.production.localhost:7080", "/"); status != 200 || body != "g1" {
		t.Errorf("host with port and capitals: %d %q", status, body)
	}
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", rt.Port))
	if err != nil || res.StatusCode != 200 {
		t.Errorf("stable port: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
	if status, _, _ := b.get("shop.production.localhost", "/boom"); status != 500 {
		t.Errorf("the service's own error became %d", status)
	}
	m, err := b.Metrics(t.Context())
	if err != nil || len(m) != 1 || m[0].Requests != 3 || m[0].Errors != 1 || m[0].Minute.Errors != 1 {
		t.Errorf("metrics %+v, %v", m, err)
	}
}

func TestRouterHeaders(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	if _, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "h.localhost", Workload: "wl"}); err != nil {
		t.Fatal(err)
	}
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	cases := map[string]struct {
		reason string
		send   []string
		name   string
		want   func(string) bool
	}{
		"forwarded":     {"what the client claims is not trusted", []string{"X-Forwarded-For", "6.6.6.6"}, "X-Forwarded-For", func(v string) bool { return v == "127.0.0.1" }},
		"real ip":       {"no other claim either", []string{"X-Real-Ip", "6.6.6.6"}, "X-Real-Ip", func(v string) bool { return v == "" }},
		"host":          {"the service learns the host that was asked for", nil, "X-Forwarded-Host", func(v string) bool { return v == "h.localhost" }},
		"new trace":     {"every request has a trace", nil, "Traceparent", validTraceparent},
		"given trace":   {"a trace goes on", []string{"Traceparent", trace}, "Traceparent", func(v string) bool { return v == trace }},
		"invalid trace": {"a broken one is replaced", []string{"Traceparent", "00-zz"}, "Traceparent", validTraceparent},
	}
	for name, c := range cases {
		_, body, _ := b.get("h.localhost", "/echo", c.send...)
		var got struct{ Header http.Header }
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err, body)
		}
		if v := got.Header.Get(c.name); !c.want(v) {
			t.Errorf("%s: %s: %s is %q", name, c.reason, c.name, v)
		}
	}
}

func TestRouterUpgrades(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	if _, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "h.localhost", Workload: "wl"}); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", b.node.router.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, "GET /upgrade HTTP/1.1\r\nHost: h.localhost\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatalf("%v, %v", res, err)
	}
	fmt.Fprint(c, "hello\n")
	if line, err := in.ReadString('\n'); line != "you said hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
	if _, err := io.ReadAll(in); err != nil {
		t.Error(err)
	}
}

func TestRouteConflicts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, err := b.PutRoute(t.Context(), Route{ID: "rt_1", Host: "h.localhost", Workload: "wl"})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	cases := map[string]struct {
		reason string
		route  Route
		code   pave.Code
		names  string
	}{
		"host":         {"a host leads to one workload", Route{ID: "rt_2", Host: "h.localhost", Workload: "w2"}, pave.Conflict, "rt_1"},
		"port":         {"so does a port", Route{ID: "rt_2", Host: "h2.localhost", Workload: "w2", Port: first.Port}, pave.Conflict, "rt_1"},
		"foreign port": {"a port of another program stays its", Route{ID: "rt_2", Host: "h2.localhost", Workload: "w2", Port: foreign.Addr().(*net.TCPAddr).Port}, pave.Conflict, "not pave's"},
		"bad host":     {"a host has no port", Route{ID: "rt_2", Host: "h:80", Workload: "w2"}, pave.Invalid, "host"},
	}
	for name, c := range cases {
		_, err := b.PutRoute(t.Context(), c.route)
		if pave.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.names) || pave.HintOf(err) == "" {
			t.Errorf("%s: %s: got %v", name, c.reason, err)
		}
	}
	if all, _ := b.Routes(t.Context()); len(all) != 1 {
		t.Errorf("refused routes are kept: %+v", all)
	}
	if err := b.DeleteRoute(t.Context(), "rt_1"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutRoute(t.Context(), Route{ID: "rt_2", Host: "h.localhost", Workload: "w2", Port: first.Port}); err != nil {
		t.Errorf("host and port of a deleted route are not free: %v", err)
	}
}

func TestTraceparent(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":   true,
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x": true,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x": false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01":   false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01":   false,
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":   false,
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":   false,
		"": false,
	} {
		if got := validTraceparent(s); got != want {
			t.Errorf("validTraceparent(%q) = %v", s, got)
		}
	}
}

func TestMetricsEstimate(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	for i := range 1000 {
		m.add(200, time.Duration(i)*time.Millisecond)
	}
	m.add(503, time.Hour)
	got := m.read()
	for _, c := range []struct{ got, want time.Duration }{{got.P50, 500 * time.Millisecond}, {got.P95, 950 * time.Millisecond}, {got.Minute.P99, 990 * time.Millisecond}} {
		if c.got < c.want*8/10 || c.got > c.want*12/10 {
			t.Errorf("estimate %s, want %s within 20 %%", c.got, c.want)
		}
	}
	if got.Requests != 1001 || got.Errors != 1 || got.Minute.Requests != 1001 {
		t.Errorf("%+v", got)
	}
}
