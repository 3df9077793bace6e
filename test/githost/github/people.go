package github

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// Key is the private key of the App.
func (s *Server) Key() pave.Secret {
	return pave.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.key)})))
}

// permissions are those the App has.
var permissions = []string{"administration", "contents", "workflows", "pull_requests", "statuses", "actions", "repository_hooks",
	"secrets", "actions_variables", "environments", "members", "metadata"}

// people are the routes about who is who.
func (s *Server) people(mux *http.ServeMux) {
	s.handle(mux, "GET /user", "", func(*http.Request) answer {
		out := s.userJSON("ann", "User")
		maps.Copy(out, map[string]any{"name": "Ann", "user_view_type": "public", "company": nil, "blog": "", "location": nil, "email": nil, "hireable": nil, "bio": nil,
			"public_repos": 0, "public_gists": 0, "followers": 0, "following": 0, "created_at": stamp, "updated_at": stamp})
		return reply(http.StatusOK, out)
	})
	s.handle(mux, "GET /orgs/{org}", "", func(r *http.Request) answer {
		if !strings.EqualFold(r.PathValue("org"), Org) {
			return notFound
		}
		return reply(http.StatusOK, s.orgJSON())
	})
	s.handle(mux, "GET /orgs/{org}/teams", "members", func(r *http.Request) answer {
		var all []any
		for _, slug := range slices.Sorted(maps.Keys(s.Teams)) {
			all = append(all, s.teamJSON(slug, "pull"))
		}
		return s.list(r, "", all)
	})
	s.handle(mux, "GET /orgs/{org}/teams/{slug}", "members", func(r *http.Request) answer {
		if !s.Teams[r.PathValue("slug")] {
			return notFound
		}
		out := s.teamJSON(r.PathValue("slug"), "pull")
		maps.Copy(out, map[string]any{"members_count": 1, "repos_count": 1, "created_at": stamp, "updated_at": stamp, "organization": s.orgJSON()})
		return reply(http.StatusOK, out)
	})
	s.handle(mux, "GET /app/installations/{id}", "app", s.installation)
	s.handle(mux, "POST /app/installations/{id}/access_tokens", "app", func(r *http.Request) answer {
		if r.PathValue("id") != Installation {
			return notFound
		}
		token, end := "ghs_"+rand.Text(), time.Now().Add(s.TokenFor)
		s.given[token] = end
		return reply(http.StatusCreated, map[string]any{"token": token, "expires_at": when(end), "permissions": s.granted(), "repository_selection": "all"})
	})
}

func (s *Server) orgJSON() map[string]any {
	url := s.URL + "/api/v3/orgs/" + Org
	return map[string]any{"login": Org, "id": 1, "node_id": "O_1", "url": url, "repos_url": url + "/repos", "events_url": url + "/events",
		"hooks_url": url + "/hooks", "issues_url": url + "/issues", "members_url": url + "/members{/member}", "public_members_url": url + "/public_members{/member}",
		"avatar_url": s.URL + "/avatars/1", "description": "", "html_url": s.URL + "/" + Org, "has_organization_projects": true,
		"has_repository_projects": true, "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0, "type": "Organization",
		"created_at": stamp, "updated_at": stamp, "archived_at": nil}
}

// granted are the permissions of the installation, without those that are denied.
func (s *Server) granted() map[string]any {
	out := map[string]any{}
	for _, p := range permissions {
		level := "write"
		if p == "metadata" {
			level = "read"
		}
		if !s.Denied[p] {
			out[p] = level
		}
	}
	return out
}

func (s *Server) installation(r *http.Request) answer {
	if r.PathValue("id") != Installation {
		return notFound
	}
	id, _ := strconv.Atoi(Installation)
	app, _ := strconv.Atoi(App)
	url := s.URL + "/api/v3/app/installations/" + Installation
	return reply(http.StatusOK, map[string]any{"id": id, "account": s.userJSON(Org, "Organization"), "repository_selection": "all",
		"access_tokens_url": url + "/access_tokens", "repositories_url": s.URL + "/api/v3/installation/repositories", "html_url": s.URL + "/installations/1",
		"app_id": app, "app_slug": "pave", "target_id": 1, "target_type": "Organization", "permissions": s.granted(), "events": []any{"push"},
		"created_at": stamp, "updated_at": stamp, "single_file_name": nil, "suspended_by": nil, "suspended_at": nil})
}
