package templates_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/job"
)

// tracesJobs adds jobs in a trace, as many as it takes for the replica to get one:
// others take them too, and have no collector.
func (l live) tracesJobs(t *testing.T, r *replica, trace string) {
	t.Helper()
	for i := range 40 {
		req, err := http.NewRequest(http.MethodPost, r.url+"/jobs", strings.NewReader(fmt.Sprintf(`{"key": "traced-%d", "payload": {"name": "Ada", "seconds": 0.5}}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("traceparent", "00-"+trace+"-"+caller+"-01")
		res, err := http.DefaultClient.Do(req)
		if status, text := body(t, res, err); status != http.StatusAccepted {
			t.Fatalf("add job: %d %s", status, text)
		}
	}
	l.below(t, l.c.wait(t, trace, "POST /jobs", "job"))
	r.stop(t)()
	if log := r.text(); !strings.Contains(log, `"job done"`) || !strings.Contains(log, trace) {
		t.Errorf("the log does not have the trace:\n%s", log)
	}
}

// drainsJobs stops a replica of a worker in the middle of jobs: it finishes those it
// has, the other replicas do the rest, and each job is done once.
func (l live) drainsJobs(t *testing.T, r *replica) {
	t.Helper()
	const jobs = 24 // more than all replicas do at once
	for i := range jobs {
		job := fmt.Sprintf(`{"key": "drain-%d", "payload": {"name": "number %d", "seconds": 2}}`, i, i)
		res, err := http.Post(r.url+"/jobs", "application/json", strings.NewReader(job))
		if status, text := body(t, res, err); status != http.StatusAccepted {
			t.Fatalf("add job: %d %s", status, text)
		}
	}
	time.Sleep(time.Second) // some are begun
	wait := r.stop(t)
	r.refuses(t)
	wait()
	_, after, stopping := strings.Cut(r.text(), `"stopping"`)
	if !stopping || !strings.Contains(after, `"job done"`) {
		t.Errorf("the replica finished no job after it was told to stop:\n%s", r.text())
	}
	for i := range jobs {
		l.doneOnce(t, fmt.Sprintf("drain-%d", i))
	}
}

// comesBack kills the server of the queue and looks that the worker is ready again by
// itself, knows what became of a job before, and does one that is added after.
func (l live) comesBack(t *testing.T) {
	t.Helper()
	l.eventually(t, "a job is added", func() bool { return l.add(t, "before") == http.StatusAccepted })
	l.doneOnce(t, "before")
	servers := job.Find(func(p job.Proc) bool {
		title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID)) // it may be gone
		return l.h.Inside(p) && strings.Contains(string(title), "beam.smp")
	})
	if len(servers) != 1 {
		t.Fatalf("found %d servers of the queue", len(servers))
	}
	servers[0].Signal(syscall.SIGKILL)
	began := time.Now()
	ready := func() bool { status, _ := l.get(t, "/health/ready"); return status == http.StatusOK }
	l.eventually(t, "the worker is not ready", func() bool { return !ready() })
	l.eventually(t, "the worker is ready", ready)
	t.Logf("ready again %s after the kill", time.Since(began).Round(time.Millisecond))
	l.eventually(t, "a job is added", func() bool { return l.add(t, "after") == http.StatusAccepted })
	l.doneOnce(t, "after")
	l.doneOnce(t, "before")
	if status := l.add(t, "before"); status != http.StatusOK {
		t.Errorf("a job that was done is added again: %d", status)
	}
}

func (l live) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// add adds a job through the router and returns the status of the answer.
func (l live) add(t *testing.T, key string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.h.Stat().Router+"/jobs",
		strings.NewReader(fmt.Sprintf(`{"key": %q, "payload": {"name": "Ada"}}`, key)))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = l.name + ".staging.localhost"
	res, err := http.DefaultClient.Do(req)
	status, _ := body(t, res, err)
	return status
}

// doneOnce waits until a job is done, at its first attempt.
func (l live) doneOnce(t *testing.T, key string) {
	t.Helper()
	var state struct {
		State   string
		Attempt int
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		_, text := l.get(t, "/jobs/"+key)
		if err := json.Unmarshal([]byte(text), &state); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if state.State == "done" {
			break
		}
	}
	if state.State != "done" || state.Attempt != 1 {
		t.Errorf("job %s is %s after %d attempts", key, state.State, state.Attempt)
	}
}
