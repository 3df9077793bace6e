package github

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// guards are the routes about protection and teams.
func (s *Server) guards(mux *http.ServeMux) {
	const at = "/repos/{org}/{name}/branches/{branch}/protection"
	s.on(mux, "GET "+at, "administration", func(r *http.Request, repo *repository) answer {
		if repo.protection == nil {
			return refusal(http.StatusNotFound, "Branch not protected")
		}
		return reply(http.StatusOK, s.protectionJSON(r, repo))
	})
	s.on(mux, "PUT "+at, "administration", func(r *http.Request, repo *repository) answer {
		var in map[string]any
		if json.NewDecoder(r.Body).Decode(&in) != nil {
			return refusal(http.StatusBadRequest, "Problems parsing JSON")
		}
		repo.protection = in
		return reply(http.StatusOK, s.protectionJSON(r, repo))
	})
	s.on(mux, "GET /repos/{org}/{name}/teams", "administration", func(r *http.Request, repo *repository) answer {
		var all []any
		for _, slug := range slices.Sorted(maps.Keys(repo.teams)) {
			all = append(all, s.teamJSON(slug, repo.teams[slug]))
		}
		return s.list(r, "", all)
	})
	s.handle(mux, "PUT /orgs/{org}/teams/{slug}/repos/{owner}/{name}", "administration", func(r *http.Request) answer {
		repo, ok := s.find(r.PathValue("name"))
		var in struct{ Permission string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		if !ok || !s.Teams[r.PathValue("slug")] {
			return notFound
		}
		repo.teams[r.PathValue("slug")] = in.Permission
		return answer{status: http.StatusNoContent}
	})
	s.handle(mux, "DELETE /orgs/{org}/teams/{slug}/repos/{owner}/{name}", "administration", func(r *http.Request) answer {
		if repo, ok := s.find(r.PathValue("name")); ok {
			delete(repo.teams, r.PathValue("slug"))
		}
		return answer{status: http.StatusNoContent}
	})
}

// protectionJSON is what was asked for, in the form of answers.
func (s *Server) protectionJSON(r *http.Request, repo *repository) map[string]any {
	url := s.URL + "/api/v3" + r.URL.Path
	out := map[string]any{"url": url}
	on := func(key string) map[string]any {
		v, _ := repo.protection[key].(bool)
		return map[string]any{"enabled": v}
	}
	for _, key := range []string{"allow_force_pushes", "allow_deletions", "required_linear_history", "required_conversation_resolution", "block_creations", "lock_branch", "allow_fork_syncing"} {
		out[key] = on(key)
	}
	admins := on("enforce_admins")
	admins["url"] = url + "/enforce_admins"
	out["enforce_admins"] = admins
	if in, ok := repo.protection["required_pull_request_reviews"].(map[string]any); ok {
		reviews := map[string]any{"url": url + "/required_pull_request_reviews", "dismiss_stale_reviews": false, "require_code_owner_reviews": false,
			"required_approving_review_count": 0, "require_last_push_approval": false}
		for key := range reviews {
			if v, ok := in[key]; ok {
				reviews[key] = v
			}
		}
		out["required_pull_request_reviews"] = reviews
	}
	if in, ok := repo.protection["required_status_checks"].(map[string]any); ok {
		checks, names := []any{}, []any{}
		for _, c := range in["checks"].([]any) {
			context := c.(map[string]any)["context"]
			checks, names = append(checks, map[string]any{"context": context, "app_id": nil}), append(names, context)
		}
		out["required_status_checks"] = map[string]any{"url": url + "/required_status_checks", "strict": in["strict"], "contexts": names,
			"contexts_url": url + "/required_status_checks/contexts", "checks": checks}
	}
	return out
}

// Protection is what was asked for a repository's main branch last.
func (s *Server) Protection(name string) map[string]any {
	s.Lock()
	defer s.Unlock()
	repo, _ := s.find(name)
	return repo.protection
}

// SetProtection sets what guards main, as people do.
func (s *Server) SetProtection(name string, p map[string]any) {
	s.Lock()
	defer s.Unlock()
	repo, _ := s.find(name)
	repo.protection = p
}
