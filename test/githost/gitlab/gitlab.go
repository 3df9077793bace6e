// Package gitlab is a GitLab for tests, in memory and over real HTTP: what is changed by
// one call is seen by the next, and its projects are real repositories that git clones
// from and pushes to. It takes requests that the types of GitLab's own client know, and
// nothing else, and answers with those types.
package gitlab

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	api "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave/internal/git"
)

// A Server is a GitLab with one group, and what is made in it. Change its exported
// fields before its first call alone.
type Server struct {
	URL     string
	Group   string // its path, with a subgroup
	Token   string // of an owner of the group
	Version string
	Premium bool // approvals and owners of code
	Lists   bool // approvals are listed where they cannot be made
	OldMask bool // fewer characters can be masked, as in older servers
	AtOnce  bool // what is marked for deletion may be deleted at once
	Signs   bool // webhooks have a signature, as from 19.0

	dir string
	git *git.Handler

	mu       sync.Mutex
	users    map[string]User // by token
	groups   []*api.Group
	projects []*project
	moved    map[string]int64 // numbers by paths of before
	lastID   int64
}

// A User is who has a token.
type User struct {
	Name   string
	Scopes []string
	Level  api.AccessLevelValue // in the group
	Ends   time.Time            // of the token; zero: never
	id     int64
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{Group: "acme/payments", Token: "pvcnry-gitlab-token", Version: "19.2.1", Premium: true, Signs: true, AtOnce: true,
		dir: t.TempDir(), users: map[string]User{}, moved: map[string]int64{}}
	s.Grant(s.Token, User{Name: "ann", Scopes: []string{"api"}, Level: api.OwnerPermissions})
	s.AddGroup("acme")
	s.AddGroup(s.Group)
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
	u.id = s.id()
	s.users[token] = u
}

// AddGroup makes a group of a path.
func (s *Server) AddGroup(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := path[strings.LastIndexByte(path, '/')+1:]
	s.groups = append(s.groups, &api.Group{ID: s.id(), Name: name, Path: name, FullPath: path, FullName: path, Visibility: api.PrivateVisibility,
		ProjectCreationLevel: api.MaintainerProjectCreation, WebURL: s.URL + "/groups/" + path})
}

// Paths are those of all projects that are not marked for deletion.
func (s *Server) Paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, p := range s.projects {
		if p.MarkedForDeletionOn == nil {
			out = append(out, p.PathWithNamespace)
		}
	}
	slices.Sort(out)
	return out
}

// Project is a copy of one by its path, and nil where there is none.
func (s *Server) Project(path string) *api.Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(path); p != nil {
		out := p.Project
		return &out
	}
	return nil
}

// AddProject makes one of somebody else.
func (s *Server) AddProject(path, description string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.add(path, description, api.PrivateVisibility); err != nil {
		panic(err) // a folder of the test
	}
}

// AddPipeline adds a pipeline with one job.
func (s *Server) AddPipeline(path, commit, source, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, id, at := s.find(path), s.id(), now()
	p.pipelines = append(p.pipelines, &api.PipelineInfo{ID: id, IID: id, ProjectID: p.ID, Status: status, Source: source, Ref: "main", SHA: commit,
		WebURL: p.WebURL + "/-/pipelines/" + strconv.FormatInt(id, 10), CreatedAt: at, UpdatedAt: at})
}

// GiveUp switches the webhooks of a project off, as a server does after failures.
func (s *Server) GiveUp(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.find(path).hooks {
		h.AlertStatus = "disabled"
	}
}

// id is a further number. s.mu is held, or nobody else knows s yet.
func (s *Server) id() int64 {
	s.lastID++
	return s.lastID
}

func now() *time.Time {
	t := time.Now().UTC().Truncate(time.Second)
	return &t
}

// ServeHTTP answers the API and git.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/v4/"); ok {
		var parts []string
		for p := range strings.SplitSeq(path, "/") {
			plain, err := url.PathUnescape(p)
			if err != nil {
				http.Error(w, "bad path", http.StatusBadRequest)
				return
			}
			parts = append(parts, plain)
		}
		s.api(w, r, parts)
		return
	}
	s.push(w, r)
}

// A fault is an answer that is no success.
type fault struct {
	status  int
	message any
}

func (f fault) Error() string { return fmt.Sprint(f.status, " ", f.message) }

func notFound(what string) fault {
	return fault{http.StatusNotFound, "404 " + what + " Not Found"}
}

// A call is one of the API.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	method string
	path   []string
	body   []byte
	user   User
}

// read fills out from the body, which may say nothing that the type does not know.
func (c call) read(out any) error {
	d := json.NewDecoder(strings.NewReader(string(c.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return fault{http.StatusBadRequest, err.Error()}
	}
	return nil
}

// api answers one call of the API, under the lock.
func (s *Server) api(w http.ResponseWriter, r *http.Request, path []string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := call{w: w, r: r, method: r.Method, path: path, body: body}
	status, out, err := s.answer(&c)
	if f, ok := err.(fault); ok {
		status, out = f.status, map[string]any{"message": f.message}
		if status == http.StatusFound {
			w.Header().Set("Location", f.message.(string))
		}
		if status == http.StatusForbidden && f.message == "insufficient_scope" {
			out = map[string]any{"error": f.message, "error_description": "The request requires higher privileges than provided by the access token."}
		}
	}
	w.Header().Set("RateLimit-Remaining", "1999")
	if raw, ok := out.([]byte); ok {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = w.Write(raw) // the caller may be gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if out != nil {
		_ = json.NewEncoder(w).Encode(out) // the caller may be gone
	}
}

// answer finds out who calls and does what is wanted.
func (s *Server) answer(c *call) (int, any, error) {
	u, ok := s.users[c.r.Header.Get("Private-Token")]
	if !ok {
		return 0, nil, fault{http.StatusUnauthorized, "401 Unauthorized"}
	}
	c.user = u
	if strings.Join(c.path, "/") == "personal_access_tokens/self" {
		t := &api.PersonalAccessToken{ID: u.id, Name: u.Name + "'s", Scopes: u.Scopes, UserID: u.id, Active: true, CreatedAt: now()}
		if !u.Ends.IsZero() {
			t.ExpiresAt = api.Ptr(api.ISOTime(u.Ends))
		}
		return http.StatusOK, t, nil
	}
	reads := c.method == http.MethodGet && slices.Contains(u.Scopes, "read_api")
	if !reads && !slices.Contains(u.Scopes, "api") {
		return 0, nil, fault{http.StatusForbidden, "insufficient_scope"}
	}
	switch c.path[0] {
	case "version":
		return http.StatusOK, api.Version{Version: s.Version, Revision: "abc"}, nil
	case "groups":
		return s.inGroup(c)
	case "projects":
		return s.inProjects(c)
	}
	return 0, nil, notFound("")
}

func (s *Server) inGroup(c *call) (int, any, error) {
	i := slices.IndexFunc(s.groups, func(g *api.Group) bool {
		return len(c.path) > 1 && (g.FullPath == c.path[1] || strconv.FormatInt(g.ID, 10) == c.path[1])
	})
	if i < 0 || c.method != http.MethodGet {
		return 0, nil, notFound("Group")
	}
	g := s.groups[i]
	switch rest := strings.Join(c.path[2:], "/"); {
	case rest == "":
		return http.StatusOK, g, nil
	case rest == "projects":
		sub := c.r.URL.Query().Get("include_subgroups") == "true"
		var all []api.Project
		for _, p := range s.projects {
			if p.Namespace.FullPath == g.FullPath || sub && strings.HasPrefix(p.Namespace.FullPath, g.FullPath+"/") {
				all = append(all, p.Project)
			}
		}
		return http.StatusOK, page(c, all), nil
	case strings.HasPrefix(rest, "members/all/"):
		for _, u := range s.users {
			if c.path[4] == strconv.FormatInt(u.id, 10) && u.Level > 0 {
				return http.StatusOK, api.GroupMember{ID: u.id, Username: u.Name, Name: u.Name, State: "active", AccessLevel: u.Level}, nil
			}
		}
	}
	return 0, nil, notFound("")
}

// page is the part of a list that a call wants.
func page[T any](c *call, all []T) []T {
	of := func(key string, other, most int) int {
		n, err := strconv.Atoi(c.r.URL.Query().Get(key))
		if err != nil || n < 1 {
			return other
		}
		return min(n, most)
	}
	size, n := of("per_page", 20, 100), of("page", 1, 1<<20)
	from := min((n-1)*size, len(all))
	to := min(from+size, len(all))
	next := ""
	if to < len(all) {
		next = strconv.Itoa(n + 1)
	}
	for key, v := range map[string]string{"X-Next-Page": next, "X-Page": strconv.Itoa(n), "X-Per-Page": strconv.Itoa(size), "X-Total": strconv.Itoa(len(all))} {
		c.w.Header().Set(key, v)
	}
	return append([]T{}, all[from:to]...)
}

// folder makes an empty bare repository.
func (s *Server) folder(id int64) (string, error) {
	dir := filepath.Join(s.dir, "p"+strconv.FormatInt(id, 10)+".git")
	return dir, bare(dir)
}
