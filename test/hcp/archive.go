package hcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// kept is the run whose plan, apply or log has an id.
func (s *Server) kept(id string) *run {
	_, number, _ := strings.Cut(id, "-")
	for _, one := range s.runs {
		if one.id == "run-"+number {
			return one
		}
	}
	return nil
}

// archived adds a route to where plans and logs are kept, which takes no token.
func (s *Server) archived(mux *http.ServeMux, pattern string, h func(w http.ResponseWriter, r *http.Request, one *run)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Header.Get("Authorization") != "" {
			s.t.Error("the token was sent to where plans are kept")
		}
		if one := s.kept(r.PathValue("id")); one != nil {
			h(w, r, one)
			return
		}
		http.NotFound(w, r)
	})
}

func (s *Server) archives(mux *http.ServeMux) {
	s.archived(mux, "GET /plan/{id}", func(w http.ResponseWriter, _ *http.Request, one *run) {
		_ = json.NewEncoder(w).Encode(map[string]any{"format_version": "1.2", "resource_changes": one.changes})
	})
	s.archived(mux, "GET /log/{id}", func(w http.ResponseWriter, r *http.Request, one *run) {
		text := "\x02" + one.log + "\x03" // the marks of its begin and its end
		from, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		n, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		from = min(from, len(text))
		fmt.Fprint(w, text[from:min(from+n, len(text))])
	})
}

// logs are the routes about plans and applies, which say where their logs are.
func (s *Server) logs(mux *http.ServeMux) {
	for _, kind := range []string{"plans", "applies"} {
		s.on(mux, "GET /"+kind+"/{id}", func(w http.ResponseWriter, r *http.Request, _ Caller) {
			one := s.kept(r.PathValue("id"))
			if one == nil {
				refuse(w, http.StatusNotFound, "not found", "")
				return
			}
			status := "finished"
			if one.status == "errored" && (kind == "applies") == (len(one.changes) > 0) {
				status = "errored"
			}
			s.answer(w, http.StatusOK, object(kind, r.PathValue("id"), map[string]any{"status": status, "log-read-url": s.archive.URL + "/log/" + r.PathValue("id")}, nil))
		})
	}
}

// said is a line of a log as terraform writes it for programs.
func said(level, summary, detail string) string {
	line, _ := json.Marshal(map[string]any{"@level": level, "@message": summary, "@module": "terraform.ui", "type": "diagnostic",
		"diagnostic": map[string]any{"severity": level, "summary": summary, "detail": detail, "address": "thing.this"}})
	return string(line) + "\n"
}
