package gitea

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var keyPattern = regexp.MustCompile(`(?i)^[A-Z_][A-Z0-9_]*$`)

// part answers calls of what belongs to a repository. path[0] is its kind.
func (s *Server) part(w http.ResponseWriter, req *http.Request, r *repo, path []string, body []byte) (int, any, error) {
	rest := strings.Join(path[1:], "/")
	if r.archived && req.Method != http.MethodGet && (path[0] == "branch_protections" || path[0] == "pulls") {
		return 0, nil, fault{http.StatusLocked, s.Org + "/" + r.name + " is archived"}
	}
	switch path[0] {
	case "topics":
		return s.topics(req.Method, r, body)
	case "branches":
		if id := r.heads()[rest]; id != "" && req.Method == http.MethodGet {
			return http.StatusOK, branchJSON(s.URL, rest, id), nil
		}
		return 0, nil, notFound
	case "raw":
		return r.file(req.URL.Query().Get("ref"), rest)
	case "branch_protections":
		return s.rules(req.Method, r, rest, body)
	case "teams":
		return s.repoTeams(req.Method, r, rest)
	case "actions":
		return s.actions(w, req, r, path[1:], body)
	case "hooks":
		return s.hooks(w, req, r, rest, body)
	case "statuses":
		return s.tell(req.Method, r, rest, body)
	case "commits":
		return s.told(r, path[1:])
	case "pulls":
		return s.proposals(w, req, r, body)
	}
	return 0, nil, notFound
}

func (s *Server) topics(method string, r *repo, body []byte) (int, any, error) {
	if method == http.MethodGet {
		return http.StatusOK, map[string]any{"topics": append([]string{}, r.topics...)}, nil
	}
	var in struct{ Topics []string }
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	for _, t := range in.Topics {
		if !topicPattern.MatchString(t) {
			return 0, nil, fault{http.StatusUnprocessableEntity, "Topic names are invalid"}
		}
	}
	r.topics = in.Topics
	return http.StatusNoContent, nil, nil
}

func branchJSON(base, name, id string) map[string]any {
	person := map[string]any{"name": "a", "email": "a@localhost", "username": ""}
	return map[string]any{"name": name, "protected": false, "required_approvals": 0, "enable_status_check": false, "status_check_contexts": []string{},
		"user_can_push": true, "user_can_merge": true, "effective_branch_protection_name": "",
		"commit": map[string]any{"id": id, "message": "x\n", "url": base + "/commit/" + id, "author": person, "committer": person, "timestamp": now(),
			"verification": map[string]any{"verified": false, "reason": "gpg.error.not_signed_commit", "signature": "", "signer": nil, "payload": ""},
			"added":        nil, "removed": nil, "modified": nil}}
}

// newRule is a protection as the server makes one of nothing but a name.
func newRule(name string) map[string]any {
	out := map[string]any{"branch_name": name, "rule_name": name, "priority": 1, "required_approvals": 0, "status_check_contexts": nil,
		"protected_file_patterns": "", "unprotected_file_patterns": "", "created_at": now(), "updated_at": now()}
	for _, key := range []string{"enable_push", "enable_push_whitelist", "push_whitelist_deploy_keys", "enable_force_push", "enable_force_push_allowlist",
		"force_push_allowlist_deploy_keys", "enable_merge_whitelist", "enable_status_check", "enable_approvals_whitelist", "block_on_rejected_reviews",
		"block_on_official_review_requests", "block_on_outdated_branch", "dismiss_stale_approvals", "ignore_stale_approvals", "require_signed_commits",
		"block_admin_merge_override"} {
		out[key] = false
	}
	for _, key := range []string{"push_whitelist_usernames", "push_whitelist_teams", "force_push_allowlist_usernames", "force_push_allowlist_teams",
		"merge_whitelist_usernames", "merge_whitelist_teams", "approvals_whitelist_username", "approvals_whitelist_teams"} {
		out[key] = []string{}
	}
	return out
}

func (s *Server) rules(method string, r *repo, name string, body []byte) (int, any, error) {
	in := map[string]any{}
	if len(body) > 0 {
		if err := read(body, &in); err != nil {
			return 0, nil, err
		}
	}
	if said, ok := in["rule_name"].(string); ok && method == http.MethodPost {
		name = said
	}
	i := slices.IndexFunc(r.rules, func(m map[string]any) bool { return m["rule_name"] == name })
	switch {
	case method == http.MethodGet && name == "":
		return http.StatusOK, append([]map[string]any{}, r.rules...), nil
	case method == http.MethodPost && i >= 0:
		return 0, nil, fault{http.StatusForbidden, "Branch protection already exist"}
	case method == http.MethodPost:
		r.rules = append(r.rules, newRule(name))
		i = len(r.rules) - 1
	case i < 0:
		return 0, nil, notFound
	case method == http.MethodDelete:
		r.rules = slices.Delete(r.rules, i, i+1)
		return http.StatusNoContent, nil, nil
	}
	for key := range in {
		if _, known := r.rules[i][key]; !known {
			return 0, nil, fault{http.StatusUnprocessableEntity, "unknown field " + key}
		}
	}
	maps.Copy(r.rules[i], in)
	status := http.StatusOK
	if method == http.MethodPost {
		status = http.StatusCreated
	}
	return status, r.rules[i], nil
}

func (s *Server) repoTeams(method string, r *repo, name string) (int, any, error) {
	has := func(t *team) bool { return t.All || slices.Contains(r.teams, t.ID) }
	if name == "" {
		all := []any{}
		for _, t := range s.teams {
			if has(t) {
				all = append(all, t.json())
			}
		}
		return http.StatusOK, all, nil
	}
	i := slices.IndexFunc(s.teams, func(t *team) bool { return strings.EqualFold(t.Name, name) })
	switch {
	case i < 0:
		return 0, nil, fault{http.StatusNotFound, fmt.Sprintf("team does not exist [org_id 2, team_id 0, name: %s]", name)}
	case method == http.MethodPut && has(s.teams[i]):
		return 0, nil, fault{http.StatusUnprocessableEntity, fmt.Sprintf("team '%s' is already added to repo", s.teams[i].Name)}
	case method == http.MethodPut:
		r.teams = append(r.teams, s.teams[i].ID)
	case method == http.MethodDelete:
		r.teams = slices.DeleteFunc(r.teams, func(id int64) bool { return id == s.teams[i].ID })
	}
	return http.StatusNoContent, nil, nil
}

// actions answers calls of secrets, variables and runs.
func (s *Server) actions(w http.ResponseWriter, req *http.Request, r *repo, path []string, body []byte) (int, any, error) {
	key := ""
	if len(path) > 1 {
		key = strings.ToUpper(path[1])
	}
	if (path[0] == "secrets" || path[0] == "variables") && key != "" &&
		(!keyPattern.MatchString(key) || strings.HasPrefix(key, "GITEA_") || strings.HasPrefix(key, "GITHUB_")) {
		return 0, nil, fault{http.StatusBadRequest, "invalid variable or secret name"}
	}
	switch path[0] {
	case "secrets":
		return s.secrets(w, req, r, key, body)
	case "variables":
		return s.variables(w, req, r, key, body)
	case "runs", "tasks", "jobs":
		return s.runs(req.URL.Query(), r, path)
	}
	return 0, nil, notFound
}

func (s *Server) secrets(w http.ResponseWriter, req *http.Request, r *repo, key string, body []byte) (int, any, error) {
	if req.Method == http.MethodGet {
		var all []any
		for _, name := range sortedKeys(r.secrets) {
			all = append(all, map[string]any{"name": name, "description": "", "created_at": now()})
		}
		return http.StatusOK, page(w, req, all), nil
	}
	if req.Method == http.MethodDelete {
		if !r.secrets[key] {
			return 0, nil, fault{http.StatusNotFound, "secret not found"}
		}
		delete(r.secrets, key)
		return http.StatusNoContent, nil, nil
	}
	var in struct{ Data, Description string }
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	if r.secrets[key] {
		return http.StatusNoContent, nil, nil
	}
	r.secrets[key] = true
	return http.StatusCreated, nil, nil
}

func (s *Server) variables(w http.ResponseWriter, req *http.Request, r *repo, key string, body []byte) (int, any, error) {
	if req.Method == http.MethodGet {
		var all []any
		for _, name := range sortedKeys(r.variables) {
			all = append(all, map[string]any{"owner_id": 0, "repo_id": r.id, "name": name, "data": r.variables[name], "description": ""})
		}
		return http.StatusOK, page(w, req, all), nil
	}
	_, there := r.variables[key]
	if req.Method == http.MethodDelete && there {
		delete(r.variables, key)
		return http.StatusNoContent, nil, nil
	}
	if req.Method == http.MethodDelete {
		return 0, nil, fault{http.StatusNotFound, "variable not found"}
	}
	var in struct{ Name, Value, Description string }
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	if in.Value == "" {
		return 0, nil, fault{http.StatusUnprocessableEntity, "[Value]: Required"}
	}
	status := http.StatusNoContent
	switch {
	case req.Method == http.MethodPost && there:
		return 0, nil, fault{http.StatusConflict, "variable name " + key + " already exists"}
	case req.Method == http.MethodPost:
		status = http.StatusCreated
	case !there:
		return 0, nil, fault{http.StatusNotFound, "variable not found"}
	}
	r.variables[key] = in.Value
	return status, nil, nil
}

// runs answers with those of a commit, or with the jobs of one. Forgejo and older
// servers list tasks alone.
func (s *Server) runs(query url.Values, r *repo, path []string) (int, any, error) {
	old := strings.Contains(s.Version, "+gitea-")
	if old == (path[0] != "tasks") {
		return 0, nil, notFound
	}
	all := []any{}
	for _, u := range r.runs {
		if sha := query.Get("head_sha"); sha != "" && sha != u.SHA || len(path) > 1 && path[1] != strconv.FormatInt(u.ID, 10) {
			continue
		}
		began, ended := any(u.At), any(u.At)
		if u.Conclusion == "" {
			ended = "0001-01-01T00:00:00Z"
		}
		if u.Status == "queued" {
			began = "1970-01-01T00:00:00Z"
		}
		one := map[string]any{"id": u.ID, "head_sha": u.SHA, "head_branch": r.branch, "html_url": s.URL, "url": s.URL, "started_at": began, "completed_at": ended,
			"status": u.Status, "conclusion": u.Conclusion}
		switch {
		case old:
			one = map[string]any{"id": u.ID, "name": "test", "run_number": u.ID, "head_sha": u.SHA, "head_branch": r.branch, "workflow_id": u.Workflow,
				"status": u.Conclusion, "url": s.URL, "run_started_at": began, "updated_at": u.At, "created_at": u.At, "display_title": "x", "event": "push"}
		case len(path) > 2:
			one["name"], one["run_id"] = "test", u.ID
		default:
			one["path"], one["display_title"], one["event"], one["run_number"] = u.Workflow+"@refs/heads/main", "x", "push", u.ID
		}
		all = append(all, one)
	}
	if len(path) > 2 {
		return http.StatusOK, map[string]any{"jobs": all, "total_count": len(all)}, nil
	}
	return http.StatusOK, map[string]any{"workflow_runs": all, "total_count": len(all)}, nil
}
