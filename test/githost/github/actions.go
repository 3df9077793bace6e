package github

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/crypto/nacl/box"
)

const keyID = "012345678912345678"

// actions are the routes about workflows.
func (s *Server) actions(mux *http.ServeMux) {
	const at = "/repos/{org}/{name}"
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	s.apiKey = public
	key := func(*http.Request, *repository) answer {
		return reply(http.StatusOK, map[string]any{"key_id": keyID, "key": base64.StdEncoding.EncodeToString(public[:])})
	}
	open := func(r *http.Request, to map[string]string) answer {
		var in struct {
			KeyID string `json:"key_id"`
			Value string `json:"encrypted_value"`
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		sealed, err := base64.StdEncoding.DecodeString(in.Value)
		text, ok := box.OpenAnonymous(nil, sealed, public, private)
		if err != nil || !ok || in.KeyID != keyID {
			return refusal(http.StatusUnprocessableEntity, "Bad request - improperly encrypted secret")
		}
		_, had := to[r.PathValue("key")]
		to[r.PathValue("key")] = string(text)
		if had {
			return answer{status: http.StatusNoContent}
		}
		return reply(http.StatusCreated, map[string]any{})
	}
	s.on(mux, "GET "+at+"/actions/secrets/public-key", "secrets", key)
	s.on(mux, "GET "+at+"/environments/{env}/secrets/public-key", "environments", key)
	s.on(mux, "PUT "+at+"/actions/secrets/{key}", "secrets", func(r *http.Request, repo *repository) answer { return open(r, repo.secrets) })
	s.on(mux, "PUT "+at+"/environments/{env}/secrets/{key}", "environments", func(r *http.Request, repo *repository) answer {
		if to := repo.environment[r.PathValue("env")]; to != nil {
			return open(r, to)
		}
		return notFound
	})
	s.names(mux, at)
	s.on(mux, "GET "+at+"/environments", "environments", s.listEnvs)
	s.on(mux, "PUT "+at+"/environments/{env}", "environments", func(r *http.Request, repo *repository) answer {
		env := r.PathValue("env")
		if !slices.Contains(repo.envs, env) {
			repo.envs = append(repo.envs, env)
			repo.environment[env], repo.envVariables[env] = map[string]string{}, map[string]string{}
		}
		return reply(http.StatusOK, s.envJSON(env))
	})
	s.variables(mux, at)
	s.on(mux, "GET "+at+"/actions/runs", "actions", func(r *http.Request, repo *repository) answer {
		var all []any
		for _, run := range slices.Backward(repo.runs) { // the newest first
			if sha := r.URL.Query().Get("head_sha"); sha == "" || run["head_sha"] == sha {
				all = append(all, run)
			}
		}
		return s.list(r, "workflow_runs", all)
	})
	s.on(mux, "GET "+at+"/actions/runs/{id}/jobs", "actions", func(r *http.Request, repo *repository) answer {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
		var all []any
		for _, job := range repo.jobs[id] {
			all = append(all, job)
		}
		return s.list(r, "jobs", all)
	})
}

func (s *Server) listEnvs(r *http.Request, repo *repository) answer {
	var all []any
	for _, env := range repo.envs {
		all = append(all, s.envJSON(env))
	}
	return s.list(r, "environments", all)
}

func (s *Server) envJSON(env string) map[string]any {
	return map[string]any{"id": 9, "node_id": "E_9", "name": env, "url": s.URL + "/e/" + env, "html_url": s.URL + "/e/" + env,
		"created_at": stamp, "updated_at": stamp, "protection_rules": []any{}, "deployment_branch_policy": nil}
}

// names are the routes that list secrets and take them back.
func (s *Server) names(mux *http.ServeMux, at string) {
	for path, of := range map[string]func(r *http.Request, repo *repository) map[string]string{
		"/actions/secrets":            func(_ *http.Request, repo *repository) map[string]string { return repo.secrets },
		"/environments/{env}/secrets": func(r *http.Request, repo *repository) map[string]string { return repo.environment[r.PathValue("env")] },
	} {
		s.on(mux, "GET "+at+path, "secrets", func(r *http.Request, repo *repository) answer {
			var all []any
			for _, name := range slices.Sorted(maps.Keys(of(r, repo))) {
				all = append(all, map[string]any{"name": name, "created_at": stamp, "updated_at": stamp})
			}
			return s.list(r, "secrets", all)
		})
		s.on(mux, "DELETE "+at+path+"/{key}", "secrets", func(r *http.Request, repo *repository) answer {
			if _, ok := of(r, repo)[r.PathValue("key")]; !ok {
				return notFound
			}
			delete(of(r, repo), r.PathValue("key"))
			return answer{status: http.StatusNoContent}
		})
	}
}

// variables are the routes about variables, of all workflows and of one environment.
func (s *Server) variables(mux *http.ServeMux, at string) {
	for path, of := range map[string]func(r *http.Request, repo *repository) map[string]string{
		"/actions/variables": func(_ *http.Request, repo *repository) map[string]string { return repo.variables },
		"/environments/{env}/variables": func(r *http.Request, repo *repository) map[string]string {
			return repo.envVariables[r.PathValue("env")]
		},
	} {
		s.variablesAt(mux, at+path, of)
	}
}

func (s *Server) variablesAt(mux *http.ServeMux, at string, of func(r *http.Request, repo *repository) map[string]string) {
	type variable struct{ Name, Value string }
	read := func(r *http.Request) (v variable) {
		_ = json.NewDecoder(r.Body).Decode(&v)
		return v
	}
	s.on(mux, "GET "+at, "actions_variables", func(r *http.Request, repo *repository) answer {
		has := of(r, repo)
		if has == nil {
			return notFound
		}
		var all []any
		for _, name := range slices.Sorted(maps.Keys(has)) {
			all = append(all, map[string]any{"name": name, "value": has[name], "created_at": stamp, "updated_at": stamp})
		}
		return s.list(r, "variables", all)
	})
	s.on(mux, "POST "+at, "actions_variables", func(r *http.Request, repo *repository) answer {
		v := read(r)
		if _, ok := of(r, repo)[v.Name]; ok {
			return refusal(http.StatusConflict, "Already exists - Variable already exists")
		}
		of(r, repo)[v.Name] = v.Value
		return reply(http.StatusCreated, map[string]any{})
	})
	change := func(to func(has map[string]string, r *http.Request)) func(r *http.Request, repo *repository) answer {
		return func(r *http.Request, repo *repository) answer {
			has := of(r, repo)
			if _, ok := has[r.PathValue("key")]; !ok {
				return notFound
			}
			to(has, r)
			return answer{status: http.StatusNoContent}
		}
	}
	s.on(mux, "PATCH "+at+"/{key}", "actions_variables", change(func(has map[string]string, r *http.Request) { has[r.PathValue("key")] = read(r).Value }))
	s.on(mux, "DELETE "+at+"/{key}", "actions_variables", change(func(has map[string]string, r *http.Request) { delete(has, r.PathValue("key")) }))
}

// AddRun adds a run of a workflow, with one job.
func (s *Server) AddRun(name, workflow, commit, status string, conclusion any) {
	s.Lock()
	defer s.Unlock()
	repo, _ := s.find(name)
	s.next++
	url := s.URL + "/api/v3/repos/" + Org + "/" + repo.name
	run := map[string]any{"id": s.next, "node_id": "W", "name": workflow, "head_branch": "main", "head_sha": commit, "path": ".github/workflows/ci.yaml",
		"run_number": 1, "run_attempt": 1, "event": "push", "display_title": "work", "status": status, "conclusion": conclusion, "workflow_id": 1,
		"url": url, "html_url": s.URL + "/run", "pull_requests": []any{}, "created_at": stamp, "updated_at": stamp, "run_started_at": stamp,
		"head_commit": nil, "repository": s.repoJSON(repo), "head_repository": s.repoJSON(repo)}
	for _, what := range []string{"jobs", "logs", "check_suite", "artifacts", "cancel", "rerun", "workflow"} {
		run[what+"_url"] = url + "/" + what
	}
	repo.runs = append(repo.runs, run)
	repo.jobs[s.next] = []map[string]any{{"id": s.next, "run_id": s.next, "run_url": url, "node_id": "J", "head_sha": commit, "url": url,
		"html_url": s.URL + "/job", "status": status, "conclusion": conclusion, "created_at": stamp, "started_at": stamp, "completed_at": stamp,
		"name": "check", "check_run_url": url, "labels": []any{}, "runner_id": nil, "runner_name": nil, "runner_group_id": nil,
		"runner_group_name": nil, "workflow_name": workflow, "head_branch": "main"}}
}
