package github

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave/internal/git"
)

type repository struct {
	id            int64
	name, dir     string
	description   string
	visibility    string
	topics        []string
	defaultBranch string
	archived      bool
	made          time.Time
	language      string

	protection map[string]any
	teams      map[string]string
	envs       []string
	variables  map[string]string
	secrets    map[string]string // opened
	hooks      []*hook
	statuses   []map[string]any
	pulls      []map[string]any
	runs       []map[string]any
	jobs       map[int64][]map[string]any

	environment, envVariables map[string]map[string]string // secrets and variables by environment
}

// find finds a repository by a name it has or had.
func (s *Server) find(name string) (*repository, bool) {
	for _, r := range s.repos {
		if strings.EqualFold(r.name, name) {
			return r, true
		}
	}
	r, ok := s.repos[s.moved[strings.ToLower(name)]]
	return r, ok
}

func (s *Server) hidden(r *repository) bool { return time.Since(r.made) < s.Lag }

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "the test's server has no route "+r.Method+" "+r.URL.Path, http.StatusNotImplemented)
	})
	s.people(mux)
	s.handle(mux, "GET /orgs/{org}/repos", "metadata", s.listRepos)
	s.handle(mux, "POST /orgs/{org}/repos", "administration", s.createRepo)
	s.handle(mux, "GET /repos/{org}/{name}", "metadata", s.getRepo)
	s.handle(mux, "GET /repositories/{id}", "metadata", s.getByID)
	s.on(mux, "PATCH /repos/{org}/{name}", "administration", s.editRepo)
	s.on(mux, "DELETE /repos/{org}/{name}", "delete", func(_ *http.Request, repo *repository) answer {
		delete(s.repos, repo.id)
		return answer{status: http.StatusNoContent}
	})
	s.on(mux, "PUT /repos/{org}/{name}/topics", "administration", s.putTopics)
	s.on(mux, "GET /repos/{org}/{name}/git/ref/{ref...}", "contents", s.getRef)
	s.on(mux, "GET /repos/{org}/{name}/contents/{path...}", "contents", s.getFile)
	s.on(mux, "GET /repos/{org}/{name}/commits", "contents", func(*http.Request, *repository) answer { return reply(200, []any{}) })
	s.guards(mux)
	s.actions(mux)
	s.events(mux)
	return mux
}

// on is a route about one repository. What is archived is read alone.
func (s *Server) on(mux *http.ServeMux, pattern, permission string, do func(r *http.Request, repo *repository) answer) {
	s.handle(mux, pattern, permission, func(r *http.Request) answer {
		repo, ok := s.find(r.PathValue("name"))
		if !ok || s.hidden(repo) || !strings.EqualFold(r.PathValue("org"), Org) {
			return notFound
		}
		if !strings.EqualFold(repo.name, r.PathValue("name")) {
			return s.moves(repo, r)
		}
		wakes := r.Method == http.MethodDelete || r.Method == http.MethodPatch && strings.Count(pattern, "/") == 3
		if repo.archived && r.Method != http.MethodGet && !wakes {
			return refusal(http.StatusForbidden, "Repository was archived so is read-only.")
		}
		return do(r, repo)
	})
}

// moves redirects from a name that a repository had.
func (s *Server) moves(repo *repository, r *http.Request) answer {
	rest := strings.TrimPrefix(r.URL.Path, "/repos/"+r.PathValue("org")+"/"+r.PathValue("name"))
	to := s.URL + "/api/v3/repositories/" + strconv.FormatInt(repo.id, 10) + rest
	status := http.StatusTemporaryRedirect
	if r.Method == http.MethodGet {
		status = http.StatusMovedPermanently
	}
	return answer{status: status, header: http.Header{"Location": {to}}, body: map[string]any{"message": "Moved Permanently", "url": to,
		"documentation_url": "https://docs.github.com/rest"}}
}

// page is one page of a list, with the link to the next.
func (s *Server) page(r *http.Request, all []any) ([]any, http.Header) {
	per, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	if per < 1 || per > 100 {
		per = 30
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	page = max(page, 1)
	from, to := min((page-1)*per, len(all)), min(page*per, len(all))
	header := http.Header{}
	if to < len(all) {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(page+1))
		header.Set("Link", fmt.Sprintf(`<%s/api/v3%s?%s>; rel="next"`, s.URL, r.URL.Path, q.Encode()))
	}
	return append([]any{}, all[from:to]...), header
}

// list answers with a page, inside of an object where the API has it so.
func (s *Server) list(r *http.Request, inside string, all []any) answer {
	some, header := s.page(r, all)
	if inside == "" {
		return answer{http.StatusOK, header, some}
	}
	return answer{http.StatusOK, header, map[string]any{"total_count": len(all), inside: some}}
}

func (s *Server) listRepos(r *http.Request) answer {
	if !strings.EqualFold(r.PathValue("org"), Org) {
		return notFound
	}
	var some []*repository
	for _, repo := range s.repos {
		if !s.hidden(repo) {
			some = append(some, repo)
		}
	}
	slices.SortFunc(some, func(a, b *repository) int { return strings.Compare(a.name, b.name) })
	var all []any
	for _, repo := range some {
		all = append(all, s.repoJSON(repo))
	}
	return s.list(r, "", all)
}

func (s *Server) createRepo(r *http.Request) answer {
	var in struct{ Name, Description, Visibility string }
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		return refusal(http.StatusBadRequest, "Problems parsing JSON")
	}
	if repo, ok := s.find(in.Name); ok && strings.EqualFold(repo.name, in.Name) {
		return refusal(http.StatusUnprocessableEntity, "Repository creation failed.", map[string]any{"resource": "Repository",
			"code": "custom", "field": "name", "message": "name already exists on this account"})
	}
	repo, err := s.add(in.Name, in.Description, in.Visibility)
	if err != nil {
		return refusal(http.StatusInternalServerError, err.Error())
	}
	return reply(http.StatusCreated, s.repoJSON(repo))
}

func (s *Server) add(name, description, visibility string) (*repository, error) {
	s.next++
	dir, err := s.newDir(s.next)
	repo := &repository{id: s.next, name: name, dir: dir, description: description, visibility: visibility, defaultBranch: "main", made: time.Now(),
		teams: map[string]string{}, variables: map[string]string{}, secrets: map[string]string{}, jobs: map[int64][]map[string]any{},
		environment: map[string]map[string]string{}, envVariables: map[string]map[string]string{}}
	s.repos[repo.id] = repo
	delete(s.moved, strings.ToLower(name)) // whoever takes a name ends what redirected from it
	return repo, err
}

func (s *Server) getRepo(r *http.Request) answer {
	repo, ok := s.find(r.PathValue("name"))
	if !ok || s.hidden(repo) || !strings.EqualFold(r.PathValue("org"), Org) {
		return notFound
	}
	if !strings.EqualFold(repo.name, r.PathValue("name")) {
		return s.moves(repo, r)
	}
	return reply(http.StatusOK, s.repoJSON(repo))
}

func (s *Server) getByID(r *http.Request) answer {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if repo, ok := s.repos[id]; ok {
		return reply(http.StatusOK, s.repoJSON(repo))
	}
	return notFound
}

func (s *Server) editRepo(r *http.Request, repo *repository) answer {
	var in struct {
		Name, Description, Visibility *string
		DefaultBranch                 *string `json:"default_branch"`
		Archived                      *bool
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		return refusal(http.StatusBadRequest, "Problems parsing JSON")
	}
	if repo.archived && (in.Archived == nil || *in.Archived) {
		return refusal(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	if in.Name != nil && !strings.EqualFold(*in.Name, repo.name) {
		if other, ok := s.find(*in.Name); ok && strings.EqualFold(other.name, *in.Name) {
			return refusal(http.StatusUnprocessableEntity, "Validation Failed", map[string]any{"resource": "Repository",
				"code": "custom", "field": "name", "message": "name already exists on this account"})
		}
		s.moved[strings.ToLower(repo.name)] = repo.id
		repo.name = *in.Name
		delete(s.moved, strings.ToLower(repo.name))
	}
	set(&repo.description, in.Description)
	set(&repo.visibility, in.Visibility)
	set(&repo.defaultBranch, in.DefaultBranch)
	set(&repo.archived, in.Archived)
	return reply(http.StatusOK, s.repoJSON(repo))
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

var topicPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,49}$`)

func (s *Server) putTopics(r *http.Request, repo *repository) answer {
	var in struct{ Names []string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	for _, t := range in.Names {
		if !topicPattern.MatchString(t) {
			return refusal(http.StatusUnprocessableEntity, "Validation Failed")
		}
	}
	repo.topics = append([]string{}, in.Names...)
	return reply(http.StatusOK, map[string]any{"names": repo.topics})
}

// getFile is a file of a branch as it is, where the call asks for that.
func (s *Server) getFile(r *http.Request, repo *repository) answer {
	here, err := git.CopyOf(repo.dir)
	if err != nil || r.Header.Get("Accept") != "application/vnd.github.raw+json" {
		return refusal(http.StatusUnsupportedMediaType, "The test's server has files as they are alone.")
	}
	branch := r.URL.Query().Get("ref")
	tree, err := git.FS(r.Context(), repo.dir, here.Refs["refs/heads/"+branch])
	if err != nil {
		return refusal(http.StatusNotFound, "No commit found for the ref "+branch)
	}
	data, err := fs.ReadFile(tree, r.PathValue("path"))
	if err != nil {
		return notFound
	}
	return answer{http.StatusOK, http.Header{"Content-Type": {"application/vnd.github.raw+json; charset=utf-8"}}, data}
}

func (s *Server) getRef(r *http.Request, repo *repository) answer {
	here, err := git.CopyOf(repo.dir)
	if err != nil || len(here.Refs) == 0 {
		return refusal(http.StatusConflict, "Git Repository is empty.")
	}
	name := "refs/" + r.PathValue("ref")
	id, ok := here.Refs[name]
	if !ok {
		return notFound
	}
	url := s.URL + "/api/v3/repos/" + Org + "/" + repo.name + "/git/"
	return reply(http.StatusOK, map[string]any{"ref": name, "node_id": "R", "url": url + name,
		"object": map[string]any{"type": "commit", "sha": id, "url": url + "commits/" + id}})
}
