package hcp

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A run, and what it plans to change.
type run struct {
	id, status, message string
	ws                  *workspace
	at                  time.Time
	then                time.Duration
	planOnly, destroy   bool
	overridden          bool
	inputs              map[string]string
	changes             []map[string]any
	log                 string // of the part that failed
}

// Sent is what a run is given.
type Sent struct {
	Files     []string
	Inputs    map[string]string                 // of the run itself
	Workspace func(category, key string) string // variables of its workspace
}

// A Run as tests see it.
type Run struct {
	Workspace, Message, Status string
	PlanOnly, Destroy          bool
}

// Runs are all there were, the oldest first.
func (s *Server) Runs() (out []Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		out = append(out, Run{r.ws.name, r.message, r.status, r.planOnly, r.destroy})
	}
	return out
}

// Override lets the runs that wait for it go on although policies are not met.
func (s *Server) Override() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.status == "policy_override" {
			r.overridden, r.status = true, "policy_checked"
		}
	}
}

func (r *run) ended() bool {
	return slices.Contains([]string{"applied", "planned_and_finished", "policy_soft_failed", "errored", "discarded", "canceled"}, r.status)
}

func (r *run) confirmable() bool { return r.status == "planned" || r.status == "policy_checked" }

func (r *run) discardable() bool {
	return r.status == "pending" || r.status == "policy_override" || r.confirmable()
}

// input is what the module sees: what the run was given comes first.
func (r *run) input(name string) string {
	if v, ok := r.inputs[name]; ok {
		return v
	}
	return r.ws.value("terraform", name)
}

// work are the routes about configurations and runs.
func (s *Server) work(mux *http.ServeMux) {
	s.on(mux, "POST /workspaces/{id}/configuration-versions", func(w http.ResponseWriter, r *http.Request, by Caller) {
		if _, ok := read(w, r, "configuration-versions"); !ok {
			return
		}
		if s.workspaces[r.PathValue("id")] == nil || !by.Runs {
			refuse(w, http.StatusNotFound, "not found", "")
			return
		}
		id := s.next("cv")
		s.uploads[id] = nil
		s.answer(w, http.StatusCreated, s.configuration(id))
	})
	s.on(mux, "GET /configuration-versions/{id}", func(w http.ResponseWriter, r *http.Request, _ Caller) {
		if _, there := s.uploads[r.PathValue("id")]; !there {
			refuse(w, http.StatusNotFound, "not found", "")
			return
		}
		s.answer(w, http.StatusOK, s.configuration(r.PathValue("id")))
	})
	s.on(mux, "POST /runs", s.start)
	s.on(mux, "GET /workspaces/{id}/runs", s.listRuns)
	s.onRun(mux, "GET /runs/{id}", func(w http.ResponseWriter, _ *http.Request, r *run) {
		s.step(r)
		s.answer(w, http.StatusOK, s.run(r))
	})
	action := func(name, status string) {
		s.onRun(mux, "POST /runs/{id}/actions/"+name, func(w http.ResponseWriter, _ *http.Request, r *run) {
			allowed := map[string]bool{"apply": r.confirmable(), "discard": r.discardable(), "cancel": r.status == "planning" || r.status == "applying"}
			if !allowed[name] {
				refuse(w, http.StatusConflict, "transition not allowed", "")
				return
			}
			r.status = status
			w.WriteHeader(http.StatusAccepted)
		})
	}
	action("apply", "apply_queued")
	action("discard", "discarded")
	action("cancel", "canceled")
	s.onRun(mux, "GET /runs/{id}/policy-checks", s.policyChecks)
	s.logs(mux)
	s.on(mux, "GET /plans/{id}/json-output", func(w http.ResponseWriter, r *http.Request, _ Caller) {
		http.Redirect(w, r, s.archive.URL+"/plan/"+r.PathValue("id"), http.StatusTemporaryRedirect)
	})
}

func (s *Server) onRun(mux *http.ServeMux, pattern string, h func(http.ResponseWriter, *http.Request, *run)) {
	s.on(mux, pattern, func(w http.ResponseWriter, r *http.Request, _ Caller) {
		for _, one := range s.runs {
			if one.id == r.PathValue("id") {
				h(w, r, one)
				return
			}
		}
		refuse(w, http.StatusNotFound, "not found", "")
	})
}

func (s *Server) configuration(id string) document {
	status := "uploaded"
	if s.uploads[id] == nil {
		status = "pending"
	}
	return object("configuration-versions", id, map[string]any{"status": status, "upload-url": s.URL + "/upload/" + id, "auto-queue-runs": false}, nil)
}

func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "" {
		s.t.Error("the token was sent to where modules are uploaded")
	}
	data, _ := io.ReadAll(r.Body)
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		s.t.Errorf("what is uploaded: %v", err)
		return
	}
	files := []string{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if err != nil {
			break
		}
		files = append(files, h.Name)
	}
	s.uploads[r.PathValue("id")] = files
	w.WriteHeader(http.StatusOK)
}

func (s *Server) start(w http.ResponseWriter, r *http.Request, by Caller) {
	in, ok := read(w, r, "runs")
	if !ok {
		return
	}
	ws := s.workspaces[in.Relationships["workspace"].Data.ID]
	files := s.uploads[in.Relationships["configuration-version"].Data.ID]
	if ws == nil || !by.Runs {
		refuse(w, http.StatusNotFound, "not found", "")
		return
	}
	if !slices.Contains(files, "main.tf") {
		refuse(w, http.StatusUnprocessableEntity, "invalid attribute", "Configuration version is missing")
		return
	}
	message, _ := in.Attributes["message"].(string)
	one := &run{id: s.next("run"), ws: ws, status: "pending", message: message, at: time.Now(), then: s.later, inputs: map[string]string{},
		planOnly: in.Attributes["plan-only"] == true, destroy: in.Attributes["is-destroy"] == true}
	given, _ := in.Attributes["variables"].([]any)
	for _, v := range given {
		m, _ := v.(map[string]any)
		key, _ := m["key"].(string)
		text, _ := m["value"].(string)
		if one.inputs[key], ok = literal(text); !ok {
			refuse(w, http.StatusUnprocessableEntity, "invalid attribute", "Variables "+key+" is no literal")
			return
		}
	}
	s.expect(Sent{files, one.inputs, ws.value})
	s.runs = append(s.runs, one)
	if !one.planOnly {
		ws.run = one
	}
	s.answer(w, http.StatusCreated, s.run(one))
}

func (s *Server) run(r *run) document {
	return object("runs", r.id, map[string]any{"status": r.status, "message": r.message, "is-destroy": r.destroy, "plan-only": r.planOnly,
		"created-at": s.made(r.at, r.then), "actions": map[string]any{"is-confirmable": r.confirmable(), "is-discardable": r.discardable(), "is-cancelable": r.status == "planning" || r.status == "applying"}},
		map[string]any{"plan": related("plans", "plan-"+strings.TrimPrefix(r.id, "run-")), "apply": related("applies", "apply-"+strings.TrimPrefix(r.id, "run-")), "workspace": related("workspaces", r.ws.id)})
}

func (s *Server) listRuns(w http.ResponseWriter, r *http.Request, _ Caller) {
	if s.workspaces[r.PathValue("id")] == nil {
		refuse(w, http.StatusNotFound, "not found", "")
		return
	}
	var all []document
	for _, one := range slices.Backward(s.runs) { // the newest first
		if one.ws.id == r.PathValue("id") {
			s.step(one)
			all = append(all, s.run(one))
		}
	}
	s.list(w, r, all)
}

func (s *Server) policyChecks(w http.ResponseWriter, r *http.Request, one *run) {
	hard, soft := map[string]int{"hard": 1}[s.policy], map[string]int{"soft": 1}[s.policy]
	var all []document
	if s.policy != "" && !one.overridden {
		all = append(all, object("policy-checks", "polchk-1", map[string]any{"scope": "organization", "status": s.policy + "_failed",
			"result": map[string]any{"total-failed": hard + soft, "hard-failed": hard, "soft-failed": soft}}, nil))
	}
	s.list(w, r, all)
}
