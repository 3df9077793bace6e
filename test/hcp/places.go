package hcp

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A workspace with its variables and what its state holds.
type workspace struct {
	id, name string
	at       time.Time
	then     time.Duration // of the server's clock
	vars     map[string]map[string]any
	run      *run // the newest that is no plan alone

	holds  *Thing // by its state; nil: nothing
	called string // the thing that it holds
	url    string
	counts int // things that were counted in its state
	busy   int // looks until its newest state is processed
}

// Names are those of the workspaces there are.
func (s *Server) Names() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ws := range s.workspaces {
		out = append(out, ws.name)
	}
	slices.Sort(out)
	return out
}

// Leave makes a workspace that nobody works with.
func (s *Server) Leave(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(name)
}

func (s *Server) add(name string) *workspace {
	ws := &workspace{id: s.next("ws"), name: name, vars: map[string]map[string]any{}, at: time.Now(), then: s.later}
	s.workspaces[ws.id] = ws
	return ws
}

// Variable is a variable of a workspace as its runs see it.
func (s *Server) Variable(name, category, key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ws := range s.workspaces {
		if ws.name == name {
			return ws.value(category, key)
		}
	}
	return ""
}

// look lets the state be processed a little.
func (ws *workspace) look() (ready bool) {
	if ws.busy > 0 {
		ws.busy--
		return false
	}
	ws.counts = 0
	if ws.holds != nil {
		ws.counts = 1
	}
	return true
}

// places are the routes about workspaces.
func (s *Server) places(mux *http.ServeMux) {
	s.on(mux, "GET /organizations/{org}/workspaces/{name}", func(w http.ResponseWriter, r *http.Request, by Caller) {
		for _, ws := range s.workspaces {
			if ws.name == r.PathValue("name") && !by.Blind && r.PathValue("org") == Org {
				s.show(w, http.StatusOK, ws, r.URL.Query().Get("include") == "current_run")
				return
			}
		}
		refuse(w, http.StatusNotFound, "not found", "")
	})
	s.on(mux, "GET /organizations/{org}/workspaces", func(w http.ResponseWriter, r *http.Request, by Caller) {
		if by.Blind || r.PathValue("org") != Org {
			refuse(w, http.StatusNotFound, "not found", "")
			return
		}
		var all []document
		for _, ws := range s.workspaces {
			if strings.Contains(ws.name, r.URL.Query().Get("search[name]")) {
				all = append(all, s.workspace(ws))
			}
		}
		slices.SortFunc(all, func(a, b document) int { return strings.Compare(a.ID, b.ID) })
		s.list(w, r, all)
	})
	s.on(mux, "POST /organizations/{org}/workspaces", s.make)
	s.on(mux, "POST /workspaces/{id}/actions/safe-delete", func(w http.ResponseWriter, r *http.Request, _ Caller) {
		ws := s.workspaces[r.PathValue("id")]
		switch {
		case ws == nil:
			refuse(w, http.StatusNotFound, "not found", "")
		case ws.run != nil && !ws.run.ended():
			refuse(w, http.StatusConflict, "conflict", "Unable to delete workspace: it is locked by a run")
		case !ws.look():
			refuse(w, http.StatusConflict, "conflict", "Latest workspace state is being processed to discover resources, please try again later")
		case ws.counts > 0:
			refuse(w, http.StatusConflict, "conflict", "Workspace still manages resources")
		default:
			delete(s.workspaces, ws.id)
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

func (s *Server) workspace(ws *workspace) document {
	relationships := map[string]any{}
	if ws.run != nil {
		relationships["current-run"] = related("runs", ws.run.id)
	}
	return object("workspaces", ws.id, map[string]any{"name": ws.name, "resource-count": ws.counts, "created-at": s.made(ws.at, ws.then),
		"execution-mode": "remote", "auto-apply": false, "locked": ws.run != nil && !ws.run.ended()}, relationships)
}

func (s *Server) show(w http.ResponseWriter, status int, ws *workspace, withRun bool) {
	if withRun && ws.run != nil {
		s.answer(w, status, s.workspace(ws), s.run(ws.run))
		return
	}
	s.answer(w, status, s.workspace(ws))
}

func (s *Server) make(w http.ResponseWriter, r *http.Request, by Caller) {
	in, ok := read(w, r, "workspaces")
	if !ok {
		return
	}
	name, _ := in.Attributes["name"].(string)
	for _, ws := range s.workspaces {
		if ws.name == name {
			refuse(w, http.StatusUnprocessableEntity, "invalid attribute", "Name has already been taken")
			return
		}
	}
	switch {
	case by.Blind || r.PathValue("org") != Org:
		refuse(w, http.StatusNotFound, "not found", "")
	case !by.Makes:
		refuse(w, http.StatusForbidden, "forbidden", "")
	case name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(name) > 90:
		refuse(w, http.StatusUnprocessableEntity, "invalid attribute", "Name is invalid")
	default:
		if in.Attributes["auto-apply"] != false || in.Attributes["execution-mode"] != "remote" {
			s.t.Errorf("a workspace is made with %v", in.Attributes)
		}
		s.show(w, http.StatusCreated, s.add(name), false)
	}
}
