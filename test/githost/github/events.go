package github

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type hook struct {
	id     int64
	config map[string]any
	events []any
	active bool
}

// events are the routes about webhooks, statuses and pull requests.
func (s *Server) events(mux *http.ServeMux) {
	const at = "/repos/{org}/{name}"
	s.on(mux, "GET "+at+"/hooks", "repository_hooks", func(r *http.Request, repo *repository) answer {
		var all []any
		for _, h := range repo.hooks {
			all = append(all, s.hookJSON(repo, h))
		}
		return s.list(r, "", all)
	})
	s.on(mux, "POST "+at+"/hooks", "repository_hooks", func(r *http.Request, repo *repository) answer {
		s.next++
		h := &hook{id: s.next}
		repo.hooks = append(repo.hooks, h)
		h.read(r)
		return reply(http.StatusCreated, s.hookJSON(repo, h))
	})
	s.on(mux, "PATCH "+at+"/hooks/{id}", "repository_hooks", func(r *http.Request, repo *repository) answer {
		for _, h := range repo.hooks {
			if strconv.FormatInt(h.id, 10) == r.PathValue("id") {
				h.read(r)
				return reply(http.StatusOK, s.hookJSON(repo, h))
			}
		}
		return notFound
	})
	s.on(mux, "DELETE "+at+"/hooks/{id}", "repository_hooks", func(r *http.Request, repo *repository) answer {
		i := slices.IndexFunc(repo.hooks, func(h *hook) bool { return strconv.FormatInt(h.id, 10) == r.PathValue("id") })
		if i < 0 {
			return notFound
		}
		repo.hooks = slices.Delete(repo.hooks, i, i+1)
		return answer{status: http.StatusNoContent}
	})
	s.on(mux, "POST "+at+"/statuses/{sha}", "statuses", func(r *http.Request, repo *repository) answer {
		var in map[string]any
		_ = json.NewDecoder(r.Body).Decode(&in)
		out := map[string]any{"url": s.URL + "/s", "avatar_url": nil, "id": 3, "node_id": "S", "state": "", "description": nil, "target_url": nil,
			"context": "default", "created_at": stamp, "updated_at": stamp, "creator": s.userJSON("ann", "User")}
		maps.Copy(out, in)
		repo.statuses = append(repo.statuses, out)
		return reply(http.StatusCreated, out)
	})
	s.on(mux, "GET "+at+"/pulls", "pull_requests", func(r *http.Request, repo *repository) answer {
		var all []any
		for _, p := range repo.pulls {
			if head := r.URL.Query().Get("head"); head == "" || head == p["head"].(map[string]any)["label"] {
				all = append(all, p)
			}
		}
		return s.list(r, "", all)
	})
	s.on(mux, "POST "+at+"/pulls", "pull_requests", func(r *http.Request, repo *repository) answer {
		var in struct{ Title, Body, Head, Base string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		p := s.pullJSON(repo, len(repo.pulls)+1, in.Title, in.Body, in.Head, in.Base)
		repo.pulls = append(repo.pulls, p)
		return reply(http.StatusCreated, p)
	})
}

func (h *hook) read(r *http.Request) {
	var in struct {
		Config map[string]any
		Events []any
		Active bool
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	h.config, h.events, h.active = in.Config, in.Events, in.Active
}

func (s *Server) hookJSON(repo *repository, h *hook) map[string]any {
	config := maps.Clone(h.config)
	if config["secret"] != nil {
		config["secret"] = "********"
	}
	url := s.URL + "/api/v3/repos/" + Org + "/" + repo.name + "/hooks/" + strconv.FormatInt(h.id, 10)
	return map[string]any{"type": "Repository", "id": h.id, "name": "web", "active": h.active, "events": h.events, "config": config,
		"updated_at": stamp, "created_at": stamp, "url": url, "test_url": url + "/test", "ping_url": url + "/pings", "deliveries_url": url + "/deliveries",
		"last_response": map[string]any{"code": nil, "status": "unused", "message": nil}}
}

func (s *Server) pullJSON(repo *repository, n int, title, body, head, base string) map[string]any {
	url := s.URL + "/api/v3/repos/" + Org + "/" + repo.name + "/pulls/" + strconv.Itoa(n)
	side := func(branch string) map[string]any {
		return map[string]any{"label": Org + ":" + branch, "ref": branch, "sha": strings.Repeat("a", 40), "user": s.userJSON("ann", "User"), "repo": s.repoJSON(repo)}
	}
	out := map[string]any{"id": n, "node_id": "P", "number": n, "state": "open", "locked": false, "title": title, "body": body, "user": s.userJSON("ann", "User"),
		"url": url, "html_url": s.URL + "/" + Org + "/" + repo.name + "/pull/" + strconv.Itoa(n), "labels": []any{}, "milestone": nil, "created_at": stamp, "updated_at": stamp,
		"closed_at": nil, "merged_at": nil, "merge_commit_sha": nil, "assignee": nil, "head": side(head), "base": side(base), "author_association": "OWNER",
		"auto_merge": nil, "draft": false, "merged": false, "mergeable": nil, "mergeable_state": "unknown", "merged_by": nil, "comments": 0,
		"review_comments": 0, "maintainer_can_modify": false, "commits": 1, "additions": 1, "deletions": 0, "changed_files": 1}
	for _, name := range []string{"diff", "patch", "issue", "commits", "review_comments", "review_comment", "comments", "statuses"} {
		out[name+"_url"] = url + "/" + name
	}
	links := map[string]any{}
	for _, name := range []string{"self", "html", "issue", "comments", "review_comments", "review_comment", "commits", "statuses"} {
		links[name] = map[string]any{"href": url}
	}
	out["_links"] = links
	return out
}

// A Seen is what tests look at of a repository.
type Seen struct {
	Name, Description, Visibility, DefaultBranch string
	Archived                                     bool
	Topics, Envs                                 []string
	Teams, Variables, Secrets                    map[string]string
	EnvSecrets, EnvVariables                     map[string]map[string]string
	Statuses                                     []map[string]any
	Hooks                                        []map[string]any // with their secrets
}

// See is a copy of a repository; ok is false where there is none of that very name.
func (s *Server) See(name string) (seen Seen, ok bool) {
	s.Lock()
	defer s.Unlock()
	r, ok := s.find(name)
	if !ok || r.name != name {
		return Seen{}, false
	}
	seen = Seen{r.name, r.description, r.visibility, r.defaultBranch, r.archived, slices.Clone(r.topics), slices.Clone(r.envs),
		maps.Clone(r.teams), maps.Clone(r.variables), maps.Clone(r.secrets), clones(r.environment), clones(r.envVariables), slices.Clone(r.statuses), nil}
	for _, h := range r.hooks {
		seen.Hooks = append(seen.Hooks, maps.Clone(h.config))
	}
	return seen, true
}

func clones(m map[string]map[string]string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for k, v := range m {
		out[k] = maps.Clone(v)
	}
	return out
}

// Add makes a repository as people do.
func (s *Server) Add(name, description string, topics ...string) {
	s.Lock()
	defer s.Unlock()
	if r, err := s.add(name, description, "private"); err == nil {
		r.topics, r.language = topics, "Go"
	}
}

// Edit changes what it is, as people do.
func (s *Server) Edit(name string, change func(*Seen)) {
	seen, _ := s.See(name)
	change(&seen)
	s.Lock()
	defer s.Unlock()
	r, _ := s.find(name)
	r.name, r.description, r.visibility, r.defaultBranch, r.archived = seen.Name, seen.Description, seen.Visibility, seen.DefaultBranch, seen.Archived
	r.topics, r.envs, r.teams, r.variables, r.secrets = seen.Topics, seen.Envs, seen.Teams, seen.Variables, seen.Secrets
	if len(seen.Hooks) == 0 {
		r.hooks = nil
	}
}
