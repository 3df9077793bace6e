package node

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

func TestTakeOverUnderLoadLosesNoRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.workload("wl_1", "g1")
	w.Replicas, w.Vars["ABRUPT"] = 2, "1"
	first := b.put(w, StateRunning)
	if _, err := b.PutRoute(t.Context(), Route{ID: "rt_1", Host: "shop.production.localhost", Workload: "wl_1"}); err != nil {
		t.Fatal(err)
	}
	var stop, switched atomic.Bool
	var requests, failed atomic.Int64
	seen := sync.Map{}
	var load sync.WaitGroup
	for i := range 6 {
		load.Go(func() {
			method, path := http.MethodGet, "/"
			if i < 2 {
				method, path = http.MethodPost, "/slow" // in flight while generations change, and never sent twice
			}
			for !stop.Load() && !(method == http.MethodPost && switched.Load()) {
				req, _ := http.NewRequest(method, "http://"+b.node.router.addr()+path, strings.NewReader(""))
				req.Host = "shop.production.localhost"
				res, err := http.DefaultClient.Do(req)
				requests.Add(1)
				if err != nil || res.StatusCode != http.StatusOK {
					failed.Add(1)
					t.Log(res, err)
				}
				if err == nil {
					buf := make([]byte, 8)
					n, _ := res.Body.Read(buf)
					seen.Store(string(buf[:n]), true)
					res.Body.Close()
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	for _, gen := range []string{"g2", "g3"} {
		w.Generation, w.Vars = gen, map[string]string{"GEN": gen, "READY_AFTER": "200ms", "ABRUPT": "1"}
		st := b.put(w, StateRunning)
		if st.Serving != gen || len(st.Replicas) != 2 {
			t.Errorf("status %+v, want 2 replicas of %s", st, gen)
		}
	}
	switched.Store(true)
	time.Sleep(600 * time.Millisecond)
	// One of two replicas dies: idempotent requests go to the other.
	before, _ := b.Workload(t.Context(), "wl_1")
	_ = syscall.Kill(before.Replicas[0].PID, syscall.SIGKILL)
	b.await("wl_1", func(s WorkloadStatus) bool {
		return s.State == StateRunning && s.Replicas[0].Restarts == 1 && s.Replicas[0].LastExit != ""
	})
	w.Replicas = 1
	b.put(w, StateRunning)
	b.await("wl_1", func(s WorkloadStatus) bool { return len(s.Replicas) == 1 })
	time.Sleep(100 * time.Millisecond)
	stop.Store(true)
	load.Wait()
	if failed.Load() != 0 || requests.Load() < 50 {
		t.Errorf("%d of %d requests failed", failed.Load(), requests.Load())
	}
	for _, gen := range []string{"g1", "g2", "g3"} {
		if _, ok := seen.Load(gen); !ok {
			t.Errorf("%s never served", gen)
		}
	}
	eventually(t, "the first generation has ended", func() bool {
		return syscall.Kill(first.Replicas[0].PID, 0) != nil && syscall.Kill(first.Replicas[1].PID, 0) != nil
	})
	m, err := b.Metrics(t.Context())
	if err != nil || len(m) != 1 || m[0].Requests != uint64(requests.Load()) || m[0].Errors != 0 || m[0].Service != "shop" {
		t.Errorf("metrics %+v, %v, want %d requests", m, err, requests.Load())
	}
	if m[0].P50 <= 0 || m[0].P50 > m[0].P99 || m[0].P99 < 300*time.Millisecond && requests.Load() < 100 || m[0].PerSecond <= 0 {
		t.Errorf("latencies %+v", m[0])
	}
}

func TestFailingGenerationLeavesTheOldOneServing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	good := b.workload("wl", "good")
	b.put(good, StateRunning)
	if _, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "h.localhost", Workload: "wl"}); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		reason string
		change func(*Workload)
		want   string
		line   string
	}{
		{"a program that ends at once is given up after three ends", func(w *Workload) { w.Command = []string{program, "broken"} }, "ended 3 times", "panic: no such flag"},
		{"a program that is never ready is given up after its time", func(w *Workload) { w.Vars["READY_AFTER"] = "1h"; w.ReadyTimeout = 400 * time.Millisecond }, "GET /healthz gave 503", "listening"},
		{"a program that is not there cannot start", func(w *Workload) { w.Command = []string{"/no/such/program"} }, "is not there", "is not there"},
	}
	for i, c := range cases {
		bad := b.workload("wl", "bad"+string(rune('0'+i)))
		c.change(&bad)
		st := b.put(bad, StateFailed)
		if st.Serving != "good" || !strings.Contains(st.Reason, c.want) || !strings.Contains(strings.Join(st.LastLines, "\n"), c.line) {
			t.Errorf("%s: %+v", c.reason, st)
		}
		if _, body, _ := b.get("h.localhost", "/"); body != "good" {
			t.Errorf("%s: %q serves", c.reason, body)
		}
		// The same put is no new try, another Attempt is.
		if again, err := b.PutWorkload(t.Context(), bad); err != nil || again.State != StateFailed {
			t.Errorf("%s: put again gives %+v, %v", c.reason, again, err)
		}
		if i == 1 {
			bad.Attempt = "2"
			if again, err := b.PutWorkload(t.Context(), bad); err != nil || again.State == StateFailed {
				t.Errorf("another attempt gives %+v, %v", again, err)
			}
		}
	}
	if st := b.put(good, StateRunning); st.Replicas[0].Restarts != 0 || len(st.Replicas) != 1 {
		t.Errorf("back to the one that serves: %+v", st)
	}
}

func TestWorkloadRunsApart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.PutIdentity(t.Context(), Identity{ID: "id", Subject: "shop@production", Issuer: "i", Audience: "a", UID: b.uid}); err != nil {
		t.Fatal(err)
	}
	w := b.workload("wl", "g1")
	w.Identity = "id"
	w.Secrets = map[string]pave.Secret{"DB_PASSWORD": pave.NewSecret("pvcnry-node-1")}
	w.Command = append(w.Command, "pvcnry-is-no-secret-here")
	b.put(w, StateRunning)
	if _, err := b.PutRoute(t.Context(), Route{ID: "rt", Host: "h.localhost", Workload: "wl"}); err != nil {
		t.Fatal(err)
	}
	_, body, _ := b.get("h.localhost", "/echo")
	for _, want := range []string{"DB_PASSWORD=pvcnry-node-1", "PAVE_TOKEN_FILE=" + b.opts.Home, "HOME=" + b.opts.Home, "TMPDIR=" + b.opts.Home} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in the environment: %s", want, body)
		}
	}
	if strings.Contains(body, "GOCACHE=") || strings.Contains(body, "USER=") || b.uid != 0 && !strings.Contains(body, `"uid":70001`) {
		t.Errorf("the service runs with more than it should: %s", body)
	}
	assertNoSecret(t, b.opts.Home, "pvcnry-node-1")

	for name, c := range map[string]func(*Workload){
		"root":         func(w *Workload) { w.UID = 0 },
		"no dir":       func(w *Workload) { w.Dir = "/no/such" },
		"no command":   func(w *Workload) { w.Command = nil },
		"bad id":       func(w *Workload) { w.ID = "..%2f" },
		"no identity":  func(w *Workload) { w.Identity = "other" },
		"ready path":   func(w *Workload) { w.ReadyPath = "http://elsewhere/" },
		"many":         func(w *Workload) { w.Replicas = 1000 },
		"foreign uid":  func(w *Workload) { w.UID = 70002 },
		"no gen":       func(w *Workload) { w.Generation = "" },
		"negative uid": func(w *Workload) { w.UID = -5 },
	} {
		if name == "root" && b.uid == 0 {
			continue
		}
		bad := w
		c(&bad)
		if _, err := b.PutWorkload(t.Context(), bad); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q), want Invalid with a hint", name, err, pave.HintOf(err))
		}
	}
	all, err := b.Workloads(t.Context())
	if err != nil || len(all) != 1 {
		t.Errorf("%d workloads, %v, want 1", len(all), err)
	}
	if err := b.DeleteWorkload(t.Context(), "wl"); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteWorkload(t.Context(), "wl"); err != nil {
		t.Errorf("delete again: %v", err)
	}
	if _, err := b.Workload(t.Context(), "wl"); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("after delete: %v", err)
	}
	if left := leftovers(b.node.mark); len(left) != 0 {
		t.Errorf("processes are left: %v", left)
	}
	if status, _, h := b.get("h.localhost", "/"); status != 503 || h.Get("Retry-After") == "" {
		t.Errorf("a route without a workload gives %d %v", status, h)
	}
}

func TestWorkloadLogs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(b.workload("wl", "g1"), StateRunning)
	var sources []string
	for line, err := range b.Logs(t.Context(), LogQuery{Workload: "wl", Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, line.Source+" "+line.Stream)
		if strings.Contains(line.Text, "serves") {
			break
		}
	}
	if !slices.Contains(sources, "g1-0 stdout") {
		t.Errorf("lines from %q", sources)
	}
	for _, err := range b.Logs(t.Context(), LogQuery{Workload: "other"}) {
		if pave.CodeOf(err) != pave.NotFound {
			t.Errorf("log of an unknown workload: %v", err)
		}
	}
}
