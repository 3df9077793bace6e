package templates_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/test/world"
)

var names = []string{"go-http", "node-express", "python-service", "worker", "static-site"}

type option struct{ name, database, cache, queue string }

// options are what may be chosen of a template.
func options(name string) []option {
	all := []option{{"none", "none", "none", "none"}, {"database", "postgresql", "none", "none"}, {"cache", "none", "redis", "none"}, {"both", "postgresql", "redis", "none"}}
	switch name {
	case "go-http", "node-express":
		all = append(all, option{"mysql", "mysql", "redis", "none"})
	case "worker":
		all = append(all, option{"queue", "none", "none", "nats"}, option{"rabbitmq", "none", "none", "rabbitmq"})
	}
	return all
}

// systemFirst makes python3 the one whose packages the system has: the first on the
// path of a developer may be another.
func systemFirst() []string {
	env := []string{"PATH=/usr/bin:/bin:" + os.Getenv("PATH")}
	for _, k := range []string{"NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NPM_CONFIG_REGISTRY"} {
		if v := os.Getenv(k); v != "" {
			env = append(env, k+"="+v)
		}
	}
	return env
}

// Every template with every choice: created, tested and built, live, measured,
// traced and stopped.
func TestLive(t *testing.T) {
	long(t)
	h := world.New(t, systemFirst()...)
	h.Patience = 10 * time.Minute // the first builds download
	c := newCollector(t)
	for _, name := range names {
		for _, o := range options(name) {
			t.Run(name+"/"+o.name, func(t *testing.T) {
				l := live{h: h, c: c, name: name + "-" + o.name, template: name, database: o.database != "none", cache: o.cache == "redis", queue: o.queue}
				l.path = "/"
				if name == "static-site" && (l.database || l.cache) {
					l.path = "/api/visits"
				}
				began := time.Now()
				l.create(t, o.database, o.cache)
				created := time.Since(began)
				l.answers(t)
				l.measures(t)
				l.traces(t)
				l.drains(t)
				if o.queue == "rabbitmq" {
					l.comesBack(t)
				}
				if name == "node-express" {
					l.identifies(t)
				}
				t.Logf("live after %s", created.Round(100*time.Millisecond))
			})
		}
	}
}

// live is one service under test.
type live struct {
	h               *world.Home
	c               *collector
	name, template  string
	path            string // of the request that uses database and cache
	database, cache bool
	queue           string // engine
}

// create makes the service; its pipeline ran, with its tests.
func (l live) create(t *testing.T, database, cache string) {
	t.Helper()
	id, err := l.h.Create(world.Spec{Name: l.name, Team: "pavers", Template: l.template, Environments: []string{"staging"}, Database: database, Cache: cache, Queue: l.queue})
	if err == nil {
		_, err = l.h.Wait(id)
	}
	if err != nil {
		out, _ := l.h.Command(t.Context(), "logs", id)
		t.Fatalf("create: %v\n%s", err, out)
	}
	runs, err := l.h.Runs(l.name, "pipeline")
	if err != nil || len(runs) != 1 {
		t.Fatalf("got %d pipelines, %v", len(runs), err)
	}
	run, err := l.h.Run(runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	for _, s := range run.Steps {
		if s.State == pave.StepDone {
			done = append(done, s.Key)
		}
	}
	if !slices.Contains(done, "test") {
		t.Errorf("the steps %v were done, test is not among them", done)
	}
}

// get asks the service through the router.
func (l live) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.h.Stat().Router+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = l.name + ".staging.localhost"
	res, err := http.DefaultClient.Do(req)
	return body(t, res, err)
}

// works reports whether the service is a worker with a queue: it does jobs.
func (l live) works() bool {
	return l.template == "worker" && (l.database || l.cache || l.queue != "none")
}

func (l live) answers(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/health/live", "/health/ready", "/", l.path} {
		status, text := l.get(t, path)
		if status != http.StatusOK {
			t.Errorf("%s answers %d %s", path, status, text)
		}
		if path == l.path && !l.works() && (strings.Contains(text, `"rows":`) != l.database || strings.Contains(text, `"hits":`) != l.cache) {
			t.Errorf("%s answers %s", path, text)
		}
	}
}

func (l live) measures(t *testing.T) {
	t.Helper()
	_, text := l.get(t, "/metrics")
	for _, line := range []string{
		fmt.Sprintf(`http_requests_total{service="%s",status="200"} `, l.name),
		fmt.Sprintf(`http_requests_total{service="%s",status="500"} 0`, l.name),
		fmt.Sprintf(`http_request_duration_seconds_bucket{service="%s",route="GET /health/ready",le="+Inf"} `, l.name),
		fmt.Sprintf(`http_request_duration_seconds_count{service="%s",route="GET /metrics"} `, l.name),
	} {
		// prom-client writes the label le first.
		turned := strings.Replace(line, fmt.Sprintf(`service="%s",route="GET /health/ready",le="+Inf"`, l.name), fmt.Sprintf(`le="+Inf",service="%s",route="GET /health/ready"`, l.name), 1)
		if !strings.Contains(text, line) && !strings.Contains(text, turned) {
			t.Errorf("%s is missing in the metrics:\n%s", line, text)
		}
	}
}

const caller = "b7ad6b7169203331"

// traces sends a request that is part of a trace: its span is below the caller's,
// those of database and cache are below it, and the log has the trace.
func (l live) traces(t *testing.T) {
	t.Helper()
	r := copyOf(t, l.h, l.name, "OTEL_EXPORTER_OTLP_ENDPOINT="+l.c.url)
	trace := fmt.Sprintf("%032x", time.Now().UnixNano())
	if l.works() {
		l.tracesJobs(t, r, trace)
		return
	}
	req, err := http.NewRequest(http.MethodGet, r.url+l.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("traceparent", "00-"+trace+"-"+caller+"-01")
	res, err := http.DefaultClient.Do(req)
	if status, text := body(t, res, err); status != http.StatusOK {
		t.Fatalf("%s answers %d %s", l.path, status, text)
	}
	want := []string{"GET " + strings.TrimSuffix(l.path, "{$}")}
	if l.database {
		want = append(want, "record visit")
	}
	if l.cache {
		want = append(want, "count visit")
	}
	l.below(t, l.c.wait(t, trace, want...))
	r.stop(t)()
	if log := r.text(); !strings.Contains(log, `"trace_id"`) || !strings.Contains(log, trace) {
		t.Errorf("the log does not have the trace:\n%s", log)
	}
}

// below holds spans to be good ones: a request's is below the caller's, all others
// are below a request's.
func (l live) below(t *testing.T, spans []span) {
	t.Helper()
	requests := map[string]bool{}
	for _, s := range spans {
		if s.ParentID == caller && s.Kind == 2 {
			requests[s.SpanID] = true
		}
	}
	for _, s := range spans {
		if s.Service != l.name || len(s.SpanID) != 16 || s.End < s.Start {
			t.Errorf("not a good span: %+v", s)
		}
		if !requests[s.SpanID] && !requests[s.ParentID] {
			t.Errorf("%s is below neither the caller nor a request: %+v", s.Name, spans)
		}
	}
}

// drains stops a replica with a request in flight: it is answered, nothing more is
// accepted, and the replica ends without an error.
func (l live) drains(t *testing.T) {
	t.Helper()
	r := copyOf(t, l.h, l.name, "OTEL_EXPORTER_OTLP_ENDPOINT="+l.c.url)
	if l.works() {
		l.drainsJobs(t, r)
		return
	}
	finish := l.slow(t, r)
	wait := r.stop(t)
	r.refuses(t)
	finish()
	wait()
}

// slow begins a request that does not end by itself; the function it returns lets it
// end, and looks at the answer.
func (l live) slow(t *testing.T, r *replica) (finish func()) {
	t.Helper()
	switch {
	case l.template == "worker": // its job takes no time
		return func() {}
	case l.database && !strings.HasSuffix(l.name, "-mysql"):
		return l.slowDatabase(t, r)
	case l.cache:
		return l.slowCache(t, r)
	case strings.HasPrefix(l.template, "node") || strings.HasPrefix(l.template, "python"):
		return l.slowClient(t, r)
	}
	return func() {} // a Go program without either has nothing that is slow
}

// slowClient sends half a request. Go's server counts it from when it is whole, the
// others from when it has begun.
func (l live) slowClient(t *testing.T, r *replica) (finish func()) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n", r.addr)
	time.Sleep(time.Second) // the service reads it
	return func() {
		t.Helper()
		defer conn.Close()
		fmt.Fprint(conn, "Connection: close\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(line, " 200 ") {
			t.Errorf("the request in flight got %q, %v", line, err)
		}
	}
}

// slowCache makes the request wait for a cache that is stopped.
func (l live) slowCache(t *testing.T, r *replica) (finish func()) {
	t.Helper()
	servers := job.Find(func(p job.Proc) bool {
		title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID)) // it may be gone
		return l.h.Inside(p) && strings.Contains(string(title), "/redis-"+l.name+"_")
	})
	if len(servers) != 1 {
		t.Fatalf("found %d servers of the cache", len(servers))
	}
	servers[0].Signal(syscall.SIGSTOP)
	t.Cleanup(func() { servers[0].Signal(syscall.SIGCONT) })
	return l.waiting(t, r, func() { servers[0].Signal(syscall.SIGCONT) })
}

// slowDatabase makes the request wait for a lock.
func (l live) slowDatabase(t *testing.T, r *replica) (finish func()) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), r.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"BEGIN", "LOCK TABLE visit IN ACCESS EXCLUSIVE MODE"} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return l.waiting(t, r, func() {
		if err := db.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// waiting sends a request that waits for something until it is released.
func (l live) waiting(t *testing.T, r *replica, release func()) (finish func()) {
	t.Helper()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get(r.url + l.path)
		if err != nil {
			answer <- err.Error()
			return
		}
		_ = res.Body.Close()
		answer <- res.Status
	}()
	time.Sleep(500 * time.Millisecond)
	return func() {
		t.Helper()
		if len(answer) > 0 {
			t.Error("the request did not wait")
		}
		release()
		if got := <-answer; got != "200 OK" {
			t.Errorf("the request in flight got %s", got)
		}
	}
}
