package hcp

import (
	"net/http"
	"strings"
)

// step lets a run go on a little.
func (s *Server) step(r *run) {
	switch r.status {
	case "pending":
		if r.planOnly || s.turn(r) {
			r.status = "planning"
		}
	case "planning":
		r.changes = s.changes(r)
		switch {
		case s.policy == "hard":
			r.status = "errored"
		case s.policy == "soft" && r.planOnly:
			r.status = "policy_soft_failed"
		case s.policy == "soft":
			r.status = "policy_override"
		case r.planOnly || len(r.changes) == 0:
			r.status = "planned_and_finished"
		default:
			r.status = "planned"
		}
	case "apply_queued":
		r.status = "applying"
	case "applying":
		r.status = "applied"
		if !s.apply(r) {
			r.status = "errored"
		}
	}
}

// turn reports whether every run before one has ended: a workspace applies one at a time.
func (s *Server) turn(r *run) bool {
	for _, other := range s.runs {
		if other == r {
			return true
		}
		if other.ws == r.ws && !other.planOnly && !other.ended() {
			return false
		}
	}
	return true
}

// changes are those of a plan: between what is in the world and what the module wants.
func (s *Server) changes(r *run) []map[string]any {
	change := func(action string, before, after map[string]any) []map[string]any {
		return []map[string]any{{"address": "thing.this", "mode": "managed", "change": map[string]any{"actions": []string{action}, "before": before, "after": after}}}
	}
	there, has := s.world.Find(r.ws.called)
	wanted := r.input("connections")
	switch {
	case r.destroy && r.ws.holds == nil:
		return nil
	case r.destroy:
		return change("delete", map[string]any{}, nil)
	case r.ws.holds == nil || !has:
		return change("create", nil, map[string]any{})
	case there.Limit != wanted:
		return change("update", map[string]any{"limit": there.Limit}, map[string]any{"limit": wanted})
	}
	return nil
}

func (s *Server) apply(r *run) bool {
	ws, name, owner := r.ws, r.input("name"), r.input("pave_id")
	ws.busy = 1
	if there, taken := s.world.Find(name); taken && there.Owner != owner {
		r.log = "Terraform v1.9.8\n" + said("warn", "it is late", "") +
			said("error", "thing "+name+" already exists", "It is "+there.Owner+"'s; asked with "+ws.value("env", "PROVIDER_KEY")+".")
		return false
	}
	if r.destroy {
		err := s.world.Remove(ws.called)
		if err == nil {
			ws.holds = nil
		}
		return err == nil
	}
	t := Thing{Owner: owner, Limit: r.input("connections")}
	url, err := s.world.Put(name, t)
	if err != nil {
		s.t.Errorf("make %s: %v", name, err)
		return false
	}
	ws.holds, ws.called, ws.url = &t, name, url
	return true
}

// states are the routes about what a workspace gives out.
func (s *Server) states(mux *http.ServeMux) {
	s.on(mux, "GET /workspaces/{id}/current-state-version-outputs", func(w http.ResponseWriter, r *http.Request, _ Caller) {
		ws := s.workspaces[r.PathValue("id")]
		switch {
		case ws == nil || ws.holds == nil:
			refuse(w, http.StatusNotFound, "not found", "")
		case !ws.look():
			refuse(w, http.StatusServiceUnavailable, "outputs are not ready", "")
		default:
			s.list(w, r, []document{output(ws, "url", nil, true), output(ws, "limit", ws.holds.Limit, false)})
		}
	})
	s.on(mux, "GET /state-version-outputs/{id}", func(w http.ResponseWriter, r *http.Request, by Caller) {
		ws := s.workspaces[strings.TrimPrefix(r.PathValue("id"), "wsout-url-")]
		if ws == nil || ws.holds == nil || !by.Runs {
			refuse(w, http.StatusNotFound, "not found", "")
			return
		}
		s.answer(w, http.StatusOK, output(ws, "url", ws.url, true))
	})
}

func output(ws *workspace, name string, value any, sensitive bool) document {
	return object("state-version-outputs", "wsout-"+name+"-"+ws.id, map[string]any{"name": name, "sensitive": sensitive, "type": "string", "value": value}, nil)
}
