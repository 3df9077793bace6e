package hcp

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// variables are the routes about those of workspaces.
func (s *Server) variables(mux *http.ServeMux) {
	s.on(mux, "GET /workspaces/{id}/vars", func(w http.ResponseWriter, r *http.Request, _ Caller) {
		ws := s.workspaces[r.PathValue("id")]
		if ws == nil {
			refuse(w, http.StatusNotFound, "not found", "")
			return
		}
		var all []document
		for _, id := range slices.Sorted(maps.Keys(ws.vars)) {
			all = append(all, shown(id, ws.vars[id]))
		}
		s.list(w, r, all)
	})
	s.on(mux, "POST /workspaces/{id}/vars", s.setVariable)
	s.on(mux, "PATCH /workspaces/{id}/vars/{var}", s.setVariable)
}

// shown is a variable as it is read: of what is secret nobody reads the value.
func shown(id string, v map[string]any) document {
	out := maps.Clone(v)
	if v["sensitive"] == true {
		out["value"] = nil
	}
	return object("vars", id, out, nil)
}

func (s *Server) setVariable(w http.ResponseWriter, r *http.Request, _ Caller) {
	ws, id := s.workspaces[r.PathValue("id")], r.PathValue("var")
	in, ok := read(w, r, "vars")
	switch {
	case !ok:
		return
	case ws == nil || id != "" && ws.vars[id] == nil:
		refuse(w, http.StatusNotFound, "not found", "")
		return
	case id != "" && ws.vars[id]["sensitive"] == true && in.Attributes["sensitive"] == false:
		refuse(w, http.StatusUnprocessableEntity, "invalid attribute", "Sensitive variables cannot be made non-sensitive")
		return
	case id == "" && (in.Attributes["key"] == nil || in.Attributes["category"] != "terraform" && in.Attributes["category"] != "env"):
		refuse(w, http.StatusUnprocessableEntity, "invalid attribute", "Category can't be blank")
		return
	}
	status := http.StatusOK
	if id == "" {
		for _, v := range ws.vars {
			if v["key"] == in.Attributes["key"] && v["category"] == in.Attributes["category"] {
				refuse(w, http.StatusUnprocessableEntity, "invalid attribute", "Key has already been taken")
				return
			}
		}
		id, status = s.next("var"), http.StatusCreated
		ws.vars[id] = map[string]any{}
	}
	maps.Copy(ws.vars[id], in.Attributes)
	s.answer(w, status, shown(id, ws.vars[id]))
}

// value is that of a variable of a workspace, as text.
func (ws *workspace) value(category, key string) string {
	for _, v := range ws.vars {
		if v["key"] == key && v["category"] == category {
			text, _ := v["value"].(string)
			return text
		}
	}
	return ""
}

// literal reads a text or a number as the language of Terraform writes it.
func literal(text string) (string, bool) {
	var v any
	if json.Unmarshal([]byte(strings.NewReplacer("$${", "${", "%%{", "%{").Replace(text)), &v) != nil {
		return "", false
	}
	if s, ok := v.(string); ok {
		return s, true
	}
	plain, err := json.Marshal(v)
	return string(plain), err == nil
}
