package hcp

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A fake is an organization of HCP Terraform over real HTTP: workspaces, variables,
// configurations, runs with their plans and policy checks, and states, in the JSON:API
// that its makers publish. It knows one module: a thing with a name and a limit, which
// exists in the world outside of any workspace.
type fake struct {
	*httptest.Server
	archive *httptest.Server // another host, where plans are kept

	t  *testing.T
	mu sync.Mutex
	n  int

	workspaces map[string]*fakeWorkspace // by id
	runs       map[string]*fakeRun
	uploads    map[string]*[]string // files by id of the configuration
	world      map[string]thing
	policy     string // "soft" or "hard": what checks come to
	broken     string // what the next call is answered with: "500", "403", "lost", "html"
	path       string // of the calls that are broken
	seen       []string
}

type thing struct {
	owner string
	limit string
}

type fakeWorkspace struct {
	id, name string
	vars     map[string]map[string]any // by id
	state    *thing                    // nil: nothing is made
	thing    string                    // its name
	run      string
}

type fakeRun struct {
	id, workspace, status, message string
	planOnly, destroy, overridden  bool
	changes                        []map[string]any
}

const token = "pvcnry_tfe_9a40"

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, workspaces: map[string]*fakeWorkspace{}, runs: map[string]*fakeRun{}, uploads: map[string]*[]string{}, world: map[string]thing{}}
	mux := http.NewServeMux()
	api := func(pattern string, h func(w http.ResponseWriter, r *http.Request)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /api/v2"+path, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if r.Header.Get("Authorization") != "Bearer "+token {
				http.Error(w, `{"errors":[{"status":"401","title":"unauthorized"}]}`, http.StatusUnauthorized)
				return
			}
			f.seen = append(f.seen, r.Method+" "+r.URL.Path)
			if f.broken != "" && strings.Contains(r.Method+" "+r.URL.Path, f.path) && f.fail(w, r, h) {
				return
			}
			h(w, r)
		})
	}
	api("GET /ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	api("GET /organizations/acme/workspaces/{name}", f.readWorkspace)
	api("POST /organizations/acme/workspaces", f.createWorkspace)
	api("DELETE /workspaces/{id}", func(w http.ResponseWriter, r *http.Request) {
		delete(f.workspaces, r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	})
	api("GET /workspaces/{id}/vars", f.listVars)
	api("POST /workspaces/{id}/vars", f.setVar)
	api("PATCH /workspaces/{id}/vars/{var}", f.setVar)
	api("POST /workspaces/{id}/configuration-versions", func(w http.ResponseWriter, _ *http.Request) {
		id := f.next("cv")
		f.uploads[id] = nil
		f.answer(w, 201, f.configuration(id))
	})
	api("GET /configuration-versions/{id}", func(w http.ResponseWriter, r *http.Request) { f.answer(w, 200, f.configuration(r.PathValue("id"))) })
	api("GET /workspaces/{id}/runs", f.listRuns)
	api("POST /runs", f.createRun)
	api("GET /runs/{id}", func(w http.ResponseWriter, r *http.Request) { f.answer(w, 200, f.step(f.runs[r.PathValue("id")])) })
	api("POST /runs/{id}/actions/apply", func(w http.ResponseWriter, r *http.Request) {
		f.runs[r.PathValue("id")].status = "apply_queued"
		w.WriteHeader(http.StatusAccepted)
	})
	api("POST /runs/{id}/actions/discard", func(w http.ResponseWriter, r *http.Request) {
		f.runs[r.PathValue("id")].status = "discarded"
		w.WriteHeader(http.StatusAccepted)
	})
	api("GET /runs/{id}/policy-checks", f.policyChecks)
	api("GET /plans/{id}/json-output", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.archive.URL+"/"+r.PathValue("id"), http.StatusTemporaryRedirect)
	})
	archive := http.NewServeMux()
	archive.HandleFunc("GET /{id}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.Header.Get("Authorization") != "" {
			f.t.Error("the token was sent to where plans are kept")
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"resource_changes": f.runs["run-"+strings.TrimPrefix(r.PathValue("id"), "plan-")].changes})
	})
	api("GET /workspaces/{id}/current-state-version-outputs", f.outputs)
	api("GET /state-version-outputs/{id}", func(w http.ResponseWriter, r *http.Request) {
		ws := f.workspaces[strings.TrimPrefix(r.PathValue("id"), "wsout-url-")]
		f.answer(w, 200, f.output(ws, "url", "postgres://app:pvcnry_made@db.example.com:5432/"+ws.thing, true, true))
	})
	mux.HandleFunc("PUT /upload/{id}", f.upload) // as at HCP, it takes no token
	f.Server, f.archive = httptest.NewServer(mux), httptest.NewServer(archive)
	t.Cleanup(f.Close)
	t.Cleanup(f.archive.Close)
	return f
}

// fail answers in the way that is asked for, once.
func (f *fake) fail(w http.ResponseWriter, r *http.Request, h http.HandlerFunc) bool {
	how := f.broken
	f.broken = ""
	switch how {
	case "500":
		http.Error(w, "no", http.StatusBadGateway)
	case "403":
		http.Error(w, `{"errors":[{"status":"403","title":"forbidden"}]}`, http.StatusForbidden)
	case "html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>a proxy</html>")
	case "lost": // done, and nobody hears of it
		h(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	return true
}

func (f *fake) next(kind string) string {
	f.n++
	return fmt.Sprintf("%s-%016d", kind, f.n)
}

func (f *fake) answer(w http.ResponseWriter, status int, data any, included ...any) {
	w.Header().Set("Content-Type", "application/vnd.api+json")
	w.WriteHeader(status)
	body := map[string]any{"data": data}
	if included != nil {
		body["included"] = included
	}
	if list, ok := data.([]any); ok {
		body["meta"] = map[string]any{"pagination": map[string]any{"current-page": 1, "total-pages": 1, "total-count": len(list)}}
	}
	_ = json.NewEncoder(w).Encode(body)
}

func object(kind, id string, attributes map[string]any, relationships map[string]any) map[string]any {
	return map[string]any{"type": kind, "id": id, "attributes": attributes, "relationships": relationships}
}

func related(kind, id string) map[string]any {
	return map[string]any{"data": map[string]any{"type": kind, "id": id}}
}

func (f *fake) workspace(ws *fakeWorkspace) (any, []any) {
	n := 0
	if ws.state != nil {
		n = 1
	}
	relationships, included := map[string]any{}, []any(nil)
	if ws.run != "" {
		relationships["current-run"] = related("runs", ws.run)
		included = append(included, f.run(f.runs[ws.run]))
	}
	return object("workspaces", ws.id, map[string]any{"name": ws.name, "resource-count": n}, relationships), included
}

func (f *fake) readWorkspace(w http.ResponseWriter, r *http.Request) {
	for _, ws := range f.workspaces {
		if ws.name == r.PathValue("name") {
			data, included := f.workspace(ws)
			f.answer(w, 200, data, included...)
			return
		}
	}
	http.Error(w, `{"errors":[{"status":"404","title":"not found"}]}`, http.StatusNotFound)
}

// sent is the body of a call.
type sent struct {
	Data struct {
		ID            string
		Attributes    map[string]any
		Relationships map[string]struct{ Data struct{ ID string } }
	}
}

func read(r *http.Request) (s sent) {
	_ = json.NewDecoder(r.Body).Decode(&s)
	return s
}

func (f *fake) createWorkspace(w http.ResponseWriter, r *http.Request) {
	a := read(r).Data.Attributes
	name, _ := a["name"].(string)
	for _, ws := range f.workspaces {
		if ws.name == name {
			http.Error(w, `{"errors":[{"status":"422","title":"invalid attribute","detail":"Name has already been taken"}]}`, http.StatusUnprocessableEntity)
			return
		}
	}
	if a["auto-apply"] != false || a["execution-mode"] != "remote" {
		f.t.Errorf("a workspace is made with %v", a)
	}
	ws := &fakeWorkspace{id: f.next("ws"), name: name, vars: map[string]map[string]any{}}
	f.workspaces[ws.id] = ws
	data, _ := f.workspace(ws)
	f.answer(w, 201, data)
}

func (f *fake) listVars(w http.ResponseWriter, r *http.Request) {
	out := []any{}
	for id, v := range f.workspaces[r.PathValue("id")].vars {
		shown := map[string]any{"key": v["key"], "value": v["value"], "category": v["category"], "hcl": v["hcl"], "sensitive": v["sensitive"]}
		if v["sensitive"] == true {
			shown["value"] = nil
		}
		out = append(out, object("vars", id, shown, nil))
	}
	f.answer(w, 200, out)
}

func (f *fake) setVar(w http.ResponseWriter, r *http.Request) {
	ws, id := f.workspaces[r.PathValue("id")], r.PathValue("var")
	a := read(r).Data.Attributes
	if id == "" {
		for _, v := range ws.vars {
			if v["key"] == a["key"] && v["category"] == a["category"] {
				http.Error(w, `{"errors":[{"status":"422","title":"invalid attribute","detail":"Key has already been taken"}]}`, http.StatusUnprocessableEntity)
				return
			}
		}
		id = f.next("var")
		ws.vars[id] = map[string]any{}
	}
	for k, v := range a {
		ws.vars[id][k] = v
	}
	f.answer(w, 200, object("vars", id, map[string]any{"key": ws.vars[id]["key"]}, nil))
}

// value is that of a variable of a workspace.
func (ws *fakeWorkspace) value(category, key string) string {
	for _, v := range ws.vars {
		if v["key"] == key && v["category"] == category {
			text, _ := v["value"].(string)
			return text
		}
	}
	return ""
}

func (f *fake) configuration(id string) any {
	status := "uploaded"
	if f.uploads[id] == nil {
		status = "pending"
	}
	return object("configuration-versions", id, map[string]any{"status": status, "upload-url": f.URL + "/upload/" + id}, nil)
}

func (f *fake) upload(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "" {
		f.t.Error("the token was sent to where modules are uploaded")
	}
	data, _ := io.ReadAll(r.Body)
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		f.t.Errorf("what is uploaded: %v", err)
		return
	}
	var files []string
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err != nil {
			break
		}
		files = append(files, h.Name)
	}
	f.uploads[r.PathValue("id")] = &files
}

func (f *fake) createRun(w http.ResponseWriter, r *http.Request) {
	s := read(r).Data
	ws := f.workspaces[s.Relationships["workspace"].Data.ID]
	files := f.uploads[s.Relationships["configuration-version"].Data.ID]
	if files == nil || !slices.Contains(*files, "main.tf") {
		f.t.Errorf("a run of %v", files)
	}
	if ws.value("env", "PROVIDER_KEY") != "pvcnry_provider" || ws.value("env", "TFE_TOKEN") != "" {
		f.t.Errorf("the variables are %v", ws.vars)
	}
	message, _ := s.Attributes["message"].(string)
	run := &fakeRun{id: f.next("run"), workspace: ws.id, status: "pending", message: message,
		planOnly: s.Attributes["plan-only"] == true, destroy: s.Attributes["is-destroy"] == true}
	f.runs[run.id] = run
	if !run.planOnly {
		ws.run = run.id
	}
	f.answer(w, 201, f.run(run))
}

func (f *fake) run(r *fakeRun) any {
	return object("runs", r.id, map[string]any{"status": r.status, "message": r.message, "is-destroy": r.destroy, "plan-only": r.planOnly,
		"actions": map[string]any{"is-confirmable": r.status == "planned" || r.status == "policy_checked"}},
		map[string]any{"plan": related("plans", "plan-"+strings.TrimPrefix(r.id, "run-"))})
}

// step lets a run go on a little each time that somebody looks.
func (f *fake) step(r *fakeRun) any {
	ws := f.workspaces[r.workspace]
	name := ws.value("terraform", "name")
	switch r.status {
	case "pending":
		r.status = "planning"
	case "planning":
		r.changes = f.plan(ws, r)
		switch {
		case f.policy != "" && !r.overridden:
			r.status = map[string]string{"soft": "policy_soft_failed", "hard": "errored"}[f.policy]
		case r.planOnly || len(r.changes) == 0:
			r.status = "planned_and_finished"
		default:
			r.status = "planned"
		}
	case "policy_soft_failed":
		if r.overridden {
			r.status = "policy_checked"
		}
	case "apply_queued":
		r.status = "applying"
	case "applying":
		there, taken := f.world[name]
		owner := ws.value("terraform", "pave_id")
		switch {
		case taken && there.owner != owner:
			r.status = "errored"
			return f.run(r)
		case r.destroy:
			delete(f.world, name)
			ws.state = nil
		default:
			made := thing{owner, ws.value("terraform", "connections")}
			f.world[name], ws.state, ws.thing = made, &made, name
		}
		r.status = "applied"
	}
	return f.run(r)
}

func (f *fake) plan(ws *fakeWorkspace, r *fakeRun) []map[string]any {
	change := func(action string, before, after map[string]any) []map[string]any {
		return []map[string]any{{"address": "thing.this", "mode": "managed", "change": map[string]any{"actions": []string{action}, "before": before, "after": after}}}
	}
	wanted := ws.value("terraform", "connections")
	there, has := f.world[ws.thing]
	switch {
	case r.destroy && ws.state == nil:
		return nil
	case r.destroy:
		return change("delete", map[string]any{}, nil)
	case ws.state == nil || !has:
		return change("create", nil, map[string]any{})
	case there.limit != wanted:
		return change("update", map[string]any{"limit": there.limit}, map[string]any{"limit": wanted})
	}
	return nil
}

func (f *fake) listRuns(w http.ResponseWriter, r *http.Request) {
	out := []any{}
	for _, run := range f.runs {
		if run.workspace == r.PathValue("id") {
			out = append(out, f.run(run))
		}
	}
	f.answer(w, 200, out)
}

func (f *fake) policyChecks(w http.ResponseWriter, r *http.Request) {
	hard, soft := map[string]int{"hard": 1}[f.policy], map[string]int{"soft": 1}[f.policy]
	out := []any{}
	if f.policy != "" {
		out = append(out, object("policy-checks", "polchk-1", map[string]any{"scope": "organization", "status": f.policy + "_failed",
			"result": map[string]any{"total-failed": hard + soft, "hard-failed": hard, "soft-failed": soft}}, nil))
	}
	f.answer(w, 200, out)
}

func (f *fake) output(ws *fakeWorkspace, name, value string, sensitive, open bool) any {
	a := map[string]any{"name": name, "sensitive": sensitive, "type": "string", "value": value}
	if sensitive && !open {
		a["value"] = nil
	}
	return object("state-version-outputs", "wsout-"+name+"-"+ws.id, a, nil)
}

func (f *fake) outputs(w http.ResponseWriter, r *http.Request) {
	ws := f.workspaces[r.PathValue("id")]
	if ws.state == nil {
		http.Error(w, `{"errors":[{"status":"404","title":"not found"}]}`, http.StatusNotFound)
		return
	}
	f.answer(w, 200, []any{f.output(ws, "url", "", true, false), f.output(ws, "limit", ws.state.limit, false, false)})
}
