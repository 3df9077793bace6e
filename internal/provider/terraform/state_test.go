package terraform

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
)

// A stateServer keeps states and their locks, as the http backend wants it.
type stateServer struct {
	*httptest.Server
	mu     sync.Mutex
	states map[string][]byte
	locks  map[string][]byte
}

func newStateServer(t *testing.T) *stateServer {
	t.Helper()
	s := &stateServer{states: map[string][]byte{}, locks: map[string][]byte{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *stateServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != "pave" || password != "pvcnry-state" {
		http.Error(w, "sign in", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch r.Method {
	case http.MethodGet:
		if s.states[r.URL.Path] == nil {
			http.NotFound(w, r)
			return
		}
		w.Write(s.states[r.URL.Path])
	case http.MethodPost:
		s.states[r.URL.Path] = body
	case http.MethodDelete:
		delete(s.states, r.URL.Path)
	case "LOCK":
		if held := s.locks[r.URL.Path]; held != nil {
			w.WriteHeader(http.StatusLocked)
			w.Write(held)
			return
		}
		s.locks[r.URL.Path] = body
	case "UNLOCK":
		delete(s.locks, r.URL.Path)
	}
}

// holds says how many things a state has.
func (s *stateServer) holds(t *testing.T, path string) int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var state struct{ Resources []any }
	if data := s.states[path]; data != nil {
		if err := json.Unmarshal(data, &state); err != nil {
			t.Fatal(err)
		}
	}
	return len(state.Resources)
}

// away is the rig's module with its state at a server.
func (g *rig) away(t *testing.T, s *stateServer) pave.Module {
	t.Helper()
	backend, err := fileBackend(pave.BindRequest{Backend: "http", BackendConfig: map[string]string{"address": s.URL + "/states/{id}"}})
	if err != nil {
		t.Fatal(err)
	}
	m := g.bind
	m.Backend = backend
	vault := g.Vault.(held)
	vault["user"], vault["password"] = pave.NewSecret("pave"), pave.NewSecret("pvcnry-state")
	m.Secrets = map[string]string{"PAVETEST_URL": "url", "PAVETEST_FAULTS": "faults", "TF_HTTP_USERNAME": "user", "TF_HTTP_PASSWORD": "password"}
	return m
}

// A state at a server: made, seen, moved there and back by binding again, locked by
// somebody else, lost with its folder, and destroyed.
func TestBackend(t *testing.T) {
	g := newRig(t)
	s := newStateServer(t)
	r := g.fresh()
	path := "/states/" + r.ID
	first, err := g.Apply(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r = with(r, g.away(t, s))
	if lines, err := g.Plan(t.Context(), r); err != nil || len(lines) > 0 {
		t.Errorf("moved, it plans %q, %v", lines, err)
	}
	if _, err := os.Stat(filepath.Join(g.folder(r.ID), stateFile)); err == nil || s.holds(t, path) != 2 {
		t.Errorf("the state was not moved: the server holds %d, %v", s.holds(t, path), err)
	}
	st, err := g.Apply(t.Context(), r)
	if err != nil || st.Secrets["url"] != first.Secrets["url"] {
		t.Errorf("moved, it is another: %v", err)
	}
	if found, err := g.List(t.Context()); err != nil || len(found) != 1 || found[0].ID != r.ID {
		t.Errorf("%v, %v", found, err)
	}

	lock := `{"ID":"5f1c","Operation":"OperationTypeApply","Who":"ada@desk","Created":"2026-11-26T10:00:00Z"}`
	s.mu.Lock()
	s.locks[path] = []byte(lock)
	s.mu.Unlock()
	_, err = g.Plan(t.Context(), r)
	if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(fmt.Sprint(err), "locked") || !strings.Contains(fmt.Sprint(err), "id: 5f1c") || !strings.Contains(pave.HintOf(err), "again once it is free") {
		t.Errorf("locked: %v, %s", err, pave.HintOf(err))
	}
	s.mu.Lock()
	delete(s.locks, path)
	s.mu.Unlock()

	if err := os.RemoveAll(g.folder(r.ID)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Observe(t.Context(), r); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("without its folder: %v", err)
	}
	if st, err := g.Apply(t.Context(), r); err != nil || st.Secrets["url"] != first.Secrets["url"] {
		t.Errorf("without its folder it is made anew: %v", err)
	}

	m := g.away(t, s)
	m.Backend = nil // what was given before stays: terraform still has to sign in there
	back := with(r, m)
	if st, err := g.Apply(t.Context(), back); err != nil || st.Secrets["url"] != first.Secrets["url"] {
		t.Errorf("moved back, it is another: %v", err)
	}
	if r = with(r, g.away(t, s)); true {
		if _, err := g.Apply(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(g.folder(r.ID)); err != nil {
		t.Fatal(err)
	}
	if err := g.Delete(t.Context(), r); err != nil || s.holds(t, path) != 0 {
		t.Errorf("destroyed without its folder: %v, the server holds %d", err, s.holds(t, path))
	}
	if got := g.query(t, "SELECT count(*) FROM pg_roles WHERE rolname = '"+r.ExternalID+"'"); got != "0" {
		t.Errorf("there are %s roles", got)
	}
}

// A working folder that is lost comes back from the sealed copy of its state.
func TestCopy(t *testing.T) {
	g := newRig(t)
	r := g.fresh()
	first, err := g.Apply(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(g.copyOf(r.ID))
	if err != nil || len(sealed) == 0 || strings.Contains(string(sealed), "pvcnry") || strings.Contains(string(sealed), r.ExternalID) {
		t.Fatalf("the copy of the state: %d bytes, %v", len(sealed), err)
	}
	if err := os.RemoveAll(filepath.Join(g.Dir, "work")); err != nil {
		t.Fatal(err)
	}
	if st, err := g.Observe(t.Context(), r); err != nil || st.Ready || !strings.Contains(st.Reason, "pavetest_role.this") {
		t.Errorf("%+v, %v", st, err)
	}
	if st, err := g.Apply(t.Context(), r); err != nil || st.Secrets["url"] != first.Secrets["url"] {
		t.Errorf("it was made anew: %v", err)
	}
	if err := g.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(g.copyOf(r.ID)); err == nil {
		t.Error("a copy is left")
	}
}

// What exists outside is taken over, by its address and id, and keeps what it holds.
func TestImport(t *testing.T) {
	g := newRig(t)
	r := g.fresh()
	g.query(t, `CREATE ROLE "`+r.ExternalID+`"`)
	g.query(t, `CREATE DATABASE "`+r.ExternalID+`" OWNER "`+r.ExternalID+`"`)
	oid := g.query(t, `SELECT oid FROM pg_database WHERE datname = '`+r.ExternalID+`'`)
	m := g.bind
	m.Import = map[string]string{"pavetest_role.this": "{name}", "shop/pavetest_database.this": "{name}", "other/pavetest_role.this": "x"}
	r = with(r, m)
	lines, err := g.Plan(t.Context(), r)
	if err != nil || len(lines) != 2 || lines[0] != "< pavetest_database.this: imported, "+r.ExternalID || !strings.HasPrefix(lines[1], "< pavetest_role.this: imported, "+r.ExternalID+", connection_limit -1 -> 20") {
		t.Fatalf("%q, %v", lines, err)
	}
	r.Shown = lines
	if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready {
		t.Fatalf("%+v, %v", st, err)
	}
	if got := g.query(t, `SELECT oid FROM pg_database WHERE datname = '`+r.ExternalID+`'`); got != oid {
		t.Errorf("the database is another one: %s, %s", got, oid)
	}
	if lines, err := g.Plan(t.Context(), r); err != nil || len(lines) > 0 {
		t.Errorf("imported, it plans %q, %v", lines, err)
	}
	missing := g.fresh()
	missing = with(missing, m)
	if _, err := g.Plan(t.Context(), missing); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
		t.Errorf("what is not there is imported: %v", err)
	}
}

func TestBackendRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   string
		config map[string]string
		want   string
	}{
		"none":       {"consul", nil, `"consul"`},
		"local":      {"local", map[string]string{"path": "x"}, `"path"`},
		"no bucket":  {"s3", map[string]string{"region": "eu-central-1"}, "needs bucket"},
		"one state":  {"s3", map[string]string{"region": "eu-central-1", "bucket": "b", "key": "pave.tfstate"}, "the same for every resource"},
		"one url":    {"http", map[string]string{"address": "https://state.example.com/x"}, "the same for every resource"},
		"a secret":   {"s3", map[string]string{"region": "eu-central-1", "bucket": "b", "secret_key": "pvcnry-x"}, "is a secret"},
		"a password": {"http", map[string]string{"address": "https://state.example.com/{id}", "password": "pvcnry-x"}, "is a secret"},
		"no key":     {"s3", map[string]string{"A b": "x"}, `"A b"`},
	} {
		_, err := fileBackend(pave.BindRequest{Backend: c.kind, BackendConfig: c.config})
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.want) || pave.HintOf(err) == "" || strings.Contains(err.Error(), "pvcnry") {
			t.Errorf("%s: %v (%s), want %s", name, err, pave.HintOf(err), c.want)
		}
	}
	b, err := fileBackend(pave.BindRequest{Backend: "s3", BackendConfig: map[string]string{"region": "eu-central-1", "bucket": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"terraform":{"backend":{"s3":{"bucket":"b","encrypt":"true","key":"pave/res_1.tfstate","region":"eu-central-1","use_lockfile":"true"}}}}`
	if got := override("res_1", pave.Module{Backend: b}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := override("plan-1", pave.Module{Backend: b}); !strings.Contains(got, `"local"`) {
		t.Errorf("what is only planned has a state at %s", got)
	}
}

func TestImportAddresses(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{"aws_db_instance.this": true, "shop/aws_db_instance.this": true, `module.a["x"].aws_s3_bucket.b[0]`: true, `aws_s3_bucket.b["k"]`: true,
		"aws_db_instance": false, "data.x": true, "a b.c": false, "Shop/aws_x.y": false, "aws_x.y\n}": false, "../aws_x.y": false} {
		if err := checkImports(map[string]string{address: "1"}); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// Terraform writes more than 10,000 lines: the plan stays readable, the log of the job has
// them all within its bounds, and neither has a secret, though the module shows it.
func TestTalkative(t *testing.T) {
	g := newRig(t)
	const canary = "pvcnry_token_51d0"
	g.Vault.(held)["token"] = pave.NewSecret(canary)
	main := `
variable "name" {}
variable "token" {}
resource "terraform_data" "x" {
  count = 120
  input = { for n in range(100) : "k${n}" => n == 0 ? var.token : var.name }
}
output "url" { value = "postgres://x" }
`
	kept, err := g.Keep(t.Context(), pave.KindDatabase, pave.BindRequest{Source: "test", Archive: zipped(t, fstest.MapFS{"main.tf": {Data: []byte(main)}})}, map[string]string{"TF_VAR_token": ""})
	if err != nil {
		t.Fatal(err)
	}
	m := *kept.Binding.Module
	m.Secrets = map[string]string{"TF_VAR_token": "token"}
	r := with(g.fresh(), m)
	r.Job = "run_1.database"
	lines, err := g.Plan(t.Context(), r)
	if err != nil || len(lines) != maxLines+1 || lines[maxLines] != "+ 20 more" {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	r.Shown = lines
	if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready {
		t.Fatalf("%+v, %v", st, err)
	}
	jobs, err := g.Node.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, j := range jobs {
		for l, err := range g.Node.Logs(t.Context(), node.LogQuery{Job: j.ID}) {
			if err != nil {
				t.Fatal(err)
			}
			if written++; strings.Contains(l.Text, canary) {
				t.Fatalf("%s, line %d: %s", j.ID, written, l.Text)
			}
		}
	}
	if written < 10_000 {
		t.Errorf("there are %d lines", written)
	}
	if err := g.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}
