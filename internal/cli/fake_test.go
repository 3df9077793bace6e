package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
)

const (
	runID  = "run_01JD4T9XK2M7AAAAAAAAAAAAAA"
	undoID = "run_01JD4TAXK2M7BBBBBBBBBBBBBB"
	svcID  = "svc_01JD4T9XK2M7CCCCCCCCCCCCCC"
)

var then = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A fake is a server that speaks the JSON of the root types. A test sets what it
// answers; calls holds what was asked.
type fake struct {
	mu       sync.Mutex
	calls    []string // "POST /v1/plans"
	services []pave.Service
	deleted  []pave.Service
	runs     map[string]pave.Run
	events   map[string][]pave.Event
	plan     pave.Plan
	plans    int
	status   pave.Status
	resource []pave.Resource
	logs     []pave.LogLine
	visit    pave.Connection // what connect gives
	provider []pave.Provider
	checks   []pave.Check
	bound    pave.Bound
	hosted   pave.HostList[pave.CommitCheck]
	problems map[string]pave.Error // by call
	server   *httptest.Server
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{runs: map[string]pave.Run{}, events: map[string][]pave.Event{}, problems: map[string]pave.Error{}}
	f.server = httptest.NewServer(f)
	t.Cleanup(func() { f.server.CloseClientConnections(); f.server.Close() })
	f.services = []pave.Service{
		{ID: svcID, Name: "payment-processor", Team: "payment-squad", Template: "go-http 1.0", Environments: []pave.Name{"staging", "production"}, Revision: 1, Created: then, LastRun: runID},
		{ID: "svc_2", Name: "shop", Team: "shop-squad", Template: "go-http 1.0", Environments: []pave.Name{"staging"}, Revision: 2, Created: then, LastRun: runID},
	}
	f.status = pave.Status{Service: "payment-processor", Team: "payment-squad", Status: "live", Observed: then,
		Deployments: []pave.Deployment{{Environment: "production", Health: "healthy", URL: "http://payment-processor.production.localhost:7080"}}}
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + r.URL.Path
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if p, ok := f.problems[call]; ok {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(400)
		json.NewEncoder(w).Encode(map[string]any{"detail": p.Message, "code": p.Code, "hint": p.Hint, "errors": p.Fields})
		return
	}
	reply := func(v any) { json.NewEncoder(w).Encode(v) }
	items := func(v any) { reply(map[string]any{"items": v}) }
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch {
	case call == "GET /v1/events/stream":
		f.stream(w, r)
	case call == "POST /v1/plans":
		var e pave.Envelope
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			panic(err)
		}
		f.plans++
		plan := f.plan
		plan.Request = e
		if e.Request.Verb() == "undo" {
			plan.ID = "plan_undo"
		}
		reply(plan)
	case call == "POST /v1/plans/plan_undo/apply":
		reply(f.runs[undoID])
	case strings.HasSuffix(call, "/apply"), strings.HasSuffix(call, "/retry"), strings.HasSuffix(call, "/cancel"):
		reply(f.runs[runID])
	case call == "GET /v1/services" && r.URL.Query().Get("deleted") == "true":
		items(f.deleted)
	case call == "GET /v1/services":
		items(f.services)
	case call == "POST /v1/hooks/post-receive":
		if r.Header.Get("Authorization") != "Bearer hook" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		reply(map[string]any{"started": true, "run": f.runs[runID]})
	case call == "GET /v1/doctor":
		items(f.checks)
	case call == "GET /v1/providers":
		items(f.provider)
	case parts[0] == "environments" && len(parts) == 4:
		reply(f.bound)
	case strings.HasSuffix(call, "/connections"):
		reply(f.visit)
	case strings.HasSuffix(call, "/checks"):
		reply(f.hosted)
	case strings.HasSuffix(call, "/status"):
		reply(f.status)
	case strings.HasSuffix(call, "/explain"), call == "GET /v1/resources":
		items(f.resource)
	case strings.HasSuffix(call, "/logs"):
		for _, l := range f.logs {
			reply(l)
		}
	case parts[0] == "services" && len(parts) == 2:
		for _, s := range f.services {
			if string(s.Name) == parts[1] {
				reply(s)
				return
			}
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(404)
		reply(map[string]any{"detail": "no service " + parts[1], "code": "not_found", "hint": "pave list services"})
	case parts[0] == "runs" && len(parts) == 2:
		for id, run := range f.runs {
			if strings.HasPrefix(id, parts[1]) {
				reply(run)
			}
		}
	default:
		items([]any{})
	}
}

// stream sends the events of a run after the cursor, then keeps the line open.
func (f *fake) stream(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	for _, e := range f.events[r.URL.Query().Get("run")] {
		if e.Seq > after {
			data, _ := json.Marshal(e)
			fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data)
		}
	}
	_ = http.NewResponseController(w).Flush()
	f.mu.Unlock()
	<-r.Context().Done()
	f.mu.Lock()
}

// story gives a run its events: type, step and data, in order.
func (f *fake) story(run pave.Run, events ...[3]string) {
	f.runs[run.ID] = run
	for i, e := range events {
		id := run.ID
		if strings.HasPrefix(e[0], "child:") {
			e[0], id = strings.TrimPrefix(e[0], "child:"), "run_child"
		}
		f.events[run.ID] = append(f.events[run.ID], pave.Event{Seq: int64(i + 1), Run: id, Type: e[0], Step: e[1], At: time.Now(), Data: json.RawMessage(e[2])})
	}
}

// made is whether the fake was asked to change anything.
func (f *fake) made() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, c := range f.calls {
		if strings.HasPrefix(c, "POST") && c != "POST /v1/plans" {
			out = append(out, c)
		}
	}
	return out
}

type answer struct {
	code     int
	out, err string
}

// pave runs a command against the fake.
func (f *fake) pave(t *testing.T, env map[string]string, stdin string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return runPave(ctx, f.deps(env), stdin, args...)
}

func (f *fake) deps(env map[string]string) Deps {
	find := func(context.Context) (client.Endpoint, error) {
		return client.Endpoint{URL: f.server.URL, Token: pave.NewSecret("canary-token"), Version: "1.0"}, nil
	}
	return Deps{Version: "1.0", Ensure: find, Find: find, Environ: func() []string { return nil }, Getenv: func(k string) string { return env[k] },
		LocalChecks: func(context.Context) []pave.Check {
			return []pave.Check{{Name: "git", OK: true, Detail: "2.39"}, {Name: "postgres", Detail: "no binaries", Fix: "apt-get install postgresql"}}
		}}
}

func runPave(ctx context.Context, deps Deps, stdin string, args ...string) answer {
	var out, errs bytes.Buffer
	code := Main(ctx, deps, args, io.Reader(strings.NewReader(stdin)), &out, &errs)
	return answer{code, out.String(), errs.String()}
}
