// Package hcp is an organization of HCP Terraform for tests, over real HTTP: workspaces,
// variables, configurations, runs with their queue, plans and policy checks, and states, in
// the JSON:API that its makers publish. What it answers is held to the types of their
// library for Go.
//
// It knows one module (see the folder module): a thing with a name and a limit, which
// exists in a world outside of any workspace. A run goes on a little each time that
// somebody looks at it.
package hcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Org is the organization, and Token that of a team that may do everything.
const (
	Org   = "acme"
	Token = "pvcnry_tfe_9a40"
)

// A Caller is whom a token belongs to.
type Caller struct {
	Name    string
	Service bool // no person
	Blind   bool // it does not see the organization
	Makes   bool // workspaces
	Runs    bool // may start runs; the token of an organization may not
}

// A Server is HCP Terraform with one organization.
type Server struct {
	*httptest.Server
	archive *httptest.Server // another host, where plans are kept

	t     testing.TB
	world World
	mu    sync.Mutex
	n     int

	callers    map[string]Caller
	workspaces map[string]*workspace // by id
	runs       []*run
	uploads    map[string][]string // files by id of the configuration; nil before they came
	expect     func(Sent)
	policy     string // "soft" or "hard": what checks come to
	fault      fault
	later      time.Duration // that has passed since what was made was made
}

// New starts a server whose module makes things in a world.
func New(t testing.TB, w World) *Server {
	t.Helper()
	s := &Server{t: t, world: w, workspaces: map[string]*workspace{}, uploads: map[string][]string{}, expect: func(Sent) {},
		callers: map[string]Caller{Token: {Name: "api-team_411", Service: true, Makes: true, Runs: true}}}
	mux, archive := http.NewServeMux(), http.NewServeMux()
	s.people(mux)
	s.places(mux)
	s.variables(mux)
	s.work(mux)
	s.states(mux)
	mux.HandleFunc("PUT /upload/{id}", s.upload) // it takes no token: the address is secret
	s.archives(archive)
	s.Server, s.archive = httptest.NewServer(mux), httptest.NewServer(archive)
	t.Cleanup(s.Close)
	t.Cleanup(s.archive.Close)
	return s
}

// Let makes a token good for a caller.
func (s *Server) Let(token string, c Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callers[token] = c
}

// Revoke ends a token.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.callers, token)
}

// Policy says what policy checks come to from now on: "soft", "hard", or "" for passed.
func (s *Server) Policy(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = how
}

// Later lets all that was done be longer ago.
func (s *Server) Later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later += d
}

// OnRun looks at what every run is given.
func (s *Server) OnRun(f func(Sent)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expect = f
}

// A fault is what the next call to a path is answered with.
type fault struct {
	how, path string
	reached   chan struct{}
	release   chan struct{}
}

// Break lets the next call whose method and path contain a text go wrong: "500", "403",
// "429", "html", or "lost", which is done and never answered.
func (s *Server) Break(path, how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault{how: how, path: path}
}

// Hold keeps the next call to a path waiting; reached is closed once it came.
func (s *Server) Hold(path string) (reached <-chan struct{}, release func()) {
	f := fault{how: "held", path: path, reached: make(chan struct{}), release: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	return f.reached, sync.OnceFunc(func() { close(f.release) })
}

// on adds a route of the API: for those who are known, under the lock.
func (s *Server) on(mux *http.ServeMux, pattern string, h func(w http.ResponseWriter, r *http.Request, by Caller)) {
	method, path, _ := strings.Cut(pattern, " ")
	mux.HandleFunc(method+" /api/v2"+path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("TFP-API-Version", "2.6")
		w.Header().Set("TFP-AppName", "HCP Terraform")
		s.mu.Lock()
		defer s.mu.Unlock()
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		by, known := s.callers[token]
		switch {
		case !known:
			refuse(w, http.StatusUnauthorized, "unauthorized", "")
			return
		case r.ContentLength > 0 && r.Header.Get("Content-Type") != mediaType:
			s.t.Errorf("%s %s is sent as %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
			refuse(w, http.StatusUnsupportedMediaType, "unsupported media type", "")
			return
		}
		do := func(w http.ResponseWriter) { h(w, r, by) }
		if f := s.fault; f.how != "" && strings.Contains(r.Method+" "+r.URL.Path, f.path) {
			s.fault = fault{}
			s.fail(w, f, do)
			return
		}
		do(w)
	})
}

// fail answers in the way that a fault asks for.
func (s *Server) fail(w http.ResponseWriter, f fault, do func(http.ResponseWriter)) {
	switch f.how {
	case "500":
		http.Error(w, "no", http.StatusBadGateway)
	case "403":
		refuse(w, http.StatusForbidden, "forbidden", "")
	case "429":
		w.Header().Set("X-RateLimit-Reset", "soon")
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "too many requests", "")
	case "html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>a proxy</html>")
	case "held":
		close(f.reached)
		s.mu.Unlock()
		<-f.release
		s.mu.Lock()
		do(w)
	case "lost":
		do(httptest.NewRecorder())
		panic(http.ErrAbortHandler)
	default:
		s.t.Errorf("there is no fault %q", f.how)
	}
}

// people are the routes about who calls.
func (s *Server) people(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v2/ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s.on(mux, "GET /account/details", func(w http.ResponseWriter, _ *http.Request, by Caller) {
		s.answer(w, http.StatusOK, object("users", "user-1", map[string]any{"username": by.Name, "is-service-account": by.Service}, nil))
	})
	s.on(mux, "GET /organizations/{org}", func(w http.ResponseWriter, r *http.Request, by Caller) {
		if by.Blind || r.PathValue("org") != Org {
			refuse(w, http.StatusNotFound, "not found", "")
			return
		}
		s.answer(w, http.StatusOK, object("organizations", Org, map[string]any{"external-id": "org-1",
			"permissions": map[string]any{"can-create-workspace": by.Makes, "can-traverse": true}}, nil))
	})
}

func (s *Server) next(kind string) string {
	s.n++
	return fmt.Sprintf("%s-%016d", kind, s.n)
}

// made is when something was made that was made at a time by the clock of the server.
func (s *Server) made(at time.Time, then time.Duration) string {
	return at.Add(then - s.later).UTC().Format(time.RFC3339)
}

func refuse(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	one := map[string]any{"status": fmt.Sprint(status), "title": title}
	if detail != "" {
		one["detail"] = detail
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{one}})
}
