// Package gitea is a Gitea for tests, in memory and over real HTTP: what is changed by
// one call is seen by the next, and its repositories are real ones that git clones from
// and pushes to. Its answers have the shape of a real server's, which its own test
// holds it to where there is one (see Real).
package gitea

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/git"
)

// A Server is a Gitea with one organisation. Change its exported fields before its first
// call alone.
type Server struct {
	URL     string
	Org     string
	Token   string // of a user who owns the organisation
	Version string
	Actions bool // are switched on

	dir string
	git *git.Handler

	mu     sync.Mutex
	users  map[string]User // by token
	repos  map[string]*repo
	moved  map[string]string // names of before, and those of now
	teams  []*team
	lastID int64
}

// A User is who has a token.
type User struct {
	Login  string
	Scopes []string // nil are all
	Create bool     // may make repositories in the organisation
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{Org: "acme", Token: "pvcnry-gitea-token", Version: "1.26.0", Actions: true, dir: t.TempDir(),
		users: map[string]User{}, repos: map[string]*repo{}, moved: map[string]string{}}
	s.users[s.Token] = User{Login: "ann", Create: true}
	s.teams = []*team{{ID: s.id(), Name: "Owners", Permission: "owner", All: true}}
	s.git = git.NewHandler(slog.New(slog.DiscardHandler), git.Hooks{Authorize: s.authorize, Open: s.open})
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Grant makes a token for a user.
func (s *Server) Grant(token string, u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[token] = u
}

// AddTeam makes a team of a permission: read, write or admin.
func (s *Server) AddTeam(name, permission string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.teams = append(s.teams, &team{ID: s.id(), Name: name, Permission: permission})
}

// Dir is the folder of a repository, and "" where there is none.
func (s *Server) Dir(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[name]; r != nil {
		return r.dir
	}
	return ""
}

// Names are those of all repositories.
func (s *Server) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name := range s.repos {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// AddRun adds a run of Actions with one job.
func (s *Server) AddRun(name, commit, workflow, status, conclusion string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[name]
	r.runs = append(r.runs, run{ID: s.id(), SHA: commit, Workflow: workflow, Status: status, Conclusion: conclusion, At: now()})
}

// id is a further number. s.mu is held, or nobody else knows s yet.
func (s *Server) id() int64 {
	s.lastID++
	return s.lastID
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// ServeHTTP answers the API and git.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/api/v1/"); ok {
		s.api(w, r, strings.Split(strings.TrimSuffix(path, "/"), "/"))
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/"+s.Org+"/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	r2 := r.Clone(r.Context())
	r2.URL.Path = "/" + path
	s.push(w, r2, strings.SplitN(path, ".git", 2)[0])
}

// A fault is an answer that is no success.
type fault struct {
	status int
	text   string
}

func (f fault) Error() string { return fmt.Sprint(f.status, " ", f.text) }

var notFound = fault{http.StatusNotFound, "not found"}

// api answers one call of the API, under the lock.
func (s *Server) api(w http.ResponseWriter, r *http.Request, path []string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status, out, err := s.answer(w, r, path, body)
	if f, ok := err.(fault); ok {
		if f.status == http.StatusMovedPermanently {
			w.Header().Set("Location", f.text)
			w.WriteHeader(f.status)
			return
		}
		status, out = f.status, map[string]any{"message": f.text, "url": s.URL + "/api/swagger"}
		if f == notFound {
			out.(map[string]any)["errors"] = nil
		}
	}
	if out == nil {
		w.WriteHeader(status)
		return
	}
	if raw, ok := out.([]byte); ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write(raw) // the caller may be gone
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // the caller may be gone
}

// answer finds out who calls and does what is wanted.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, path []string, body []byte) (int, any, error) {
	if path[0] == "version" {
		return http.StatusOK, map[string]any{"version": s.Version}, nil
	}
	u, ok := s.users[strings.TrimPrefix(r.Header.Get("Authorization"), "token ")]
	if !ok {
		return 0, nil, fault{http.StatusUnauthorized, "invalid username, password or token"}
	}
	if err := scoped(u, r.Method, path[0]); err != nil {
		return 0, nil, err
	}
	switch path[0] {
	case "user":
		return http.StatusOK, userJSON(s.URL, 1, u.Login), nil
	case "users":
		if len(path) == 5 && path[2] == "orgs" && path[3] == s.Org && path[4] == "permissions" {
			return http.StatusOK, map[string]any{"is_owner": u.Create, "is_admin": u.Create, "can_write": u.Create, "can_read": true, "can_create_repository": u.Create}, nil
		}
	case "orgs":
		return s.org(w, r, u, path[1:], body)
	case "repos":
		return s.repository(w, r, path[1:], body)
	}
	return 0, nil, notFound
}

// scoped refuses what the token of a user is not for.
func scoped(u User, method, area string) error {
	area = map[string]string{"orgs": "organization", "repos": "repository", "users": "user", "user": "user"}[area]
	level := "write"
	if method == http.MethodGet {
		level = "read"
	}
	if u.Scopes == nil || slices.Contains(u.Scopes, "write:"+area) || level == "read" && slices.Contains(u.Scopes, "read:"+area) {
		return nil
	}
	return fault{http.StatusForbidden, fmt.Sprintf("token does not have at least one of required scope(s), required=[%s:%s], token scope=%s",
		level, area, strings.Join(u.Scopes, ","))}
}

func (s *Server) org(w http.ResponseWriter, r *http.Request, u User, path []string, body []byte) (int, any, error) {
	if path[0] != s.Org {
		return 0, nil, fault{http.StatusNotFound, "GetOrgByName"}
	}
	what := r.Method + " " + strings.Join(path[1:], "/")
	switch what {
	case "GET ":
		return http.StatusOK, orgJSON(s.URL, s.Org), nil
	case "GET repos":
		var all []any
		for _, name := range sortedKeys(s.repos) {
			all = append(all, s.repos[name].json(s))
		}
		return http.StatusOK, page(w, r, all), nil
	case "POST repos":
		if !u.Create {
			return 0, nil, fault{http.StatusForbidden, "Given user is not allowed to create repository in organization."}
		}
		return s.create(body)
	case "GET teams":
		var all []any
		for _, t := range s.teams {
			all = append(all, t.json())
		}
		return http.StatusOK, page(w, r, all), nil
	}
	return 0, nil, notFound
}

// page is the part of a list that a call wants.
func page(w http.ResponseWriter, r *http.Request, all []any) []any {
	of := func(key string, other, most int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(key))
		if err != nil || n < 1 {
			return other
		}
		return min(n, most)
	}
	size, n := of("limit", 30, 50), of("page", 1, 1<<20)
	w.Header().Set("X-Total-Count", strconv.Itoa(len(all)))
	from := min((n-1)*size, len(all))
	return append([]any{}, all[from:min(from+size, len(all))]...)
}

// folder makes an empty bare repository.
func (s *Server) folder() (string, error) {
	dir := filepath.Join(s.dir, "repo"+strconv.FormatInt(s.id(), 10)+".git")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	_, err := git.Run(s.context(), git.Options{Dir: dir}, "init", "--quiet", "--bare", "--initial-branch=main", ".")
	return dir, err
}
