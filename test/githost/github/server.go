// Package github is a GitHub Enterprise for tests: its API with state, over real HTTP,
// and its repositories over git's own protocol. It is held to the vendor's OpenAPI by
// the same test that holds the driver to it.
package github

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// Org is the one organisation there is, and Team the team it has at first.
const (
	Org  = "acme"
	Team = "squad"
)

// A Server is GitHub. Set its fields before calls, or with Lock held.
type Server struct {
	URL string
	sync.Mutex
	// Lag is how long reads do not show a repository that was just made.
	Lag time.Duration
	// Fault says what goes wrong with a call; nil is nothing.
	Fault func(r *http.Request) *Fault
	// Denied are permissions that nobody has, by the names of the API.
	Denied map[string]bool
	// Scopes are those of the token; "" is a fine-grained one.
	Scopes string
	// Limit is how many calls are answered until Reset; 0 is no limit.
	Limit int
	Reset time.Time
	// TokenFor is how long a token of an installation is good.
	TokenFor time.Duration
	// Teams are those of the organisation.
	Teams map[string]bool
	// Delivers says that webhooks are called.
	Delivers bool
	// Watch sees every call with its answer, the path as in the vendor's description.
	Watch func(r *http.Request, sent []byte, status int, header http.Header, answer []byte)
	// Calls are the calls that counted, "GET /repos/acme/shop".
	Calls []string

	token  string
	key    *rsa.PrivateKey
	given  map[string]time.Time // tokens of the installation, with their ends
	dir    string
	mux    *http.ServeMux
	next   int64
	repos  map[int64]*repository
	moved  map[string]int64 // by names that repositories had
	apiKey *[32]byte

	delivered []Delivery
	calls     sync.WaitGroup // of webhooks
}

// A Fault is what goes wrong with a call.
type Fault struct {
	Status int
	Header map[string]string
	Body   string
	After  bool // the call has its effect first
	Cut    bool // the connection ends without an answer
}

// appKey is the key of the App, the same for all servers of a process: one takes long.
var appKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return key
})

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{token: "ghp_" + rand.Text(), key: appKey(), given: map[string]time.Time{}, dir: t.TempDir(), next: 1000,
		Teams: map[string]bool{Team: true}, Denied: map[string]bool{}, TokenFor: time.Hour,
		Scopes: "repo, admin:repo_hook, workflow, read:org, delete_repo", repos: map[int64]*repository{}, moved: map[string]int64{}}
	s.mux = s.routes()
	gits := git.NewHandler(slog.New(slog.NewTextHandler(io.Discard, nil)), git.Hooks{Authorize: s.mayGit, Open: s.openGit})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/v3/"):
			s.api(w, r)
		case strings.HasPrefix(r.URL.Path, "/"+Org+"/"):
			s.serveGit(w, r, gits)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(func() { s.calls.Wait(); server.Close() })
	s.URL = server.URL
	return s
}

// Token is a personal access token that is good.
func (s *Server) Token() pave.Secret { return pave.NewSecret(s.token) }

// The one App, and its installation.
const (
	App          = "77"
	Installation = "4711"
)

// answer is written in one piece, so that it can have a tag.
type answer struct {
	status int
	header http.Header
	body   any
}

// reply answers with a body.
func reply(status int, body any) answer { return answer{status: status, body: body} }

// refusal is an error of the API.
func refusal(status int, message string, errs ...map[string]any) answer {
	body := map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)}
	if len(errs) > 0 {
		body["errors"] = errs
	}
	return answer{status: status, body: body}
}

var notFound = refusal(http.StatusNotFound, "Not Found")

// api does one call of the API.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api/v3")
	s.Lock()
	fault := (*Fault)(nil)
	if s.Fault != nil {
		fault = s.Fault(r)
	}
	s.Unlock()
	if fault != nil && !fault.After {
		fault.write(w)
		return
	}
	sent, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(sent))
	rec := httptest.NewRecorder()
	s.Lock()
	s.mux.ServeHTTP(rec, r)
	s.Unlock()
	if fault != nil {
		fault.write(w)
		return
	}
	s.send(w, r, rec, sent)
}

func (f *Fault) write(w http.ResponseWriter) {
	if f.Cut {
		panic(http.ErrAbortHandler)
	}
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Body)
}

// send writes an answer, or that it is as it was.
func (s *Server) send(w http.ResponseWriter, r *http.Request, rec *httptest.ResponseRecorder, sent []byte) {
	s.Lock()
	defer s.Unlock()
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	status, body := rec.Code, rec.Body.Bytes()
	if r.Method == http.MethodGet && status == http.StatusOK {
		sum := sha256.Sum256(body)
		tag := `W/"` + hex.EncodeToString(sum[:8]) + `"`
		w.Header().Set("Etag", tag)
		if r.Header.Get("If-None-Match") == tag {
			status, body = http.StatusNotModified, nil
			w.Header().Del("Content-Type")
		}
	}
	if status != http.StatusNotModified {
		s.Calls = append(s.Calls, r.Method+" "+r.URL.Path)
	}
	if s.Watch != nil {
		s.Watch(r, sent, status, w.Header().Clone(), body)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// handle is a route: who may call it, by the name of the permission ("" is everybody who
// signed in), and what it does.
func (s *Server) handle(mux *http.ServeMux, pattern, permission string, do func(r *http.Request) answer) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		a := s.enter(w, r, permission)
		if a == nil {
			done := do(r)
			a = &done
		}
		for k, v := range a.header {
			w.Header()[k] = v
		}
		raw, isRaw := a.body.([]byte)
		if a.body != nil && !isRaw {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
		}
		w.WriteHeader(a.status)
		switch {
		case isRaw:
			_, _ = w.Write(raw)
		case a.body != nil:
			_ = json.NewEncoder(w).Encode(a.body)
		}
	})
}

// enter says why a call is refused; nil is that it is not.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, permission string) *answer {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if permission == "app" {
		if err := s.isApp(token); err != nil {
			a := refusal(http.StatusUnauthorized, err.Error())
			return &a
		}
		return nil
	}
	if !s.good(token) {
		a := refusal(http.StatusUnauthorized, "Bad credentials")
		return &a
	}
	if s.Limit > 0 {
		left := max(0, s.Limit-len(s.Calls)-1)
		w.Header().Set("X-Ratelimit-Limit", strconv.Itoa(s.Limit))
		w.Header().Set("X-Ratelimit-Remaining", strconv.Itoa(left))
		w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(s.Reset.Unix(), 10))
		if time.Now().After(s.Reset) {
			s.Limit = 0
		} else if len(s.Calls) >= s.Limit {
			a := refusal(http.StatusForbidden, "API rate limit exceeded for user ID 1.")
			return &a
		}
	}
	if s.Scopes != "" && token == s.token {
		w.Header().Set("X-Oauth-Scopes", s.Scopes)
	}
	if permission != "" && s.Denied[permission] {
		w.Header().Set("X-Accepted-Github-Permissions", permission+"=write")
		a := refusal(http.StatusForbidden, "Resource not accessible by personal access token")
		return &a
	}
	return nil
}

func (s *Server) good(token string) bool {
	end, ok := s.given[token]
	return token == s.token || ok && time.Now().Before(end)
}

// Revoke ends all tokens of the installation, as GitHub may do at any time.
func (s *Server) Revoke() {
	s.Lock()
	defer s.Unlock()
	s.given = map[string]time.Time{}
}

// isApp checks what an App signs of itself.
func (s *Server) isApp(text string) error {
	claims := jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return &s.key.PublicKey, nil }, jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired())
	if err == nil && (claims.Issuer != App || time.Until(claims.ExpiresAt.Time) > 10*time.Minute) {
		err = fmt.Errorf("'Expiration time' claim ('exp') is too far in the future, or the issuer is unknown")
	}
	return err
}

// serveGit is git's own protocol, of which GitHub redirects what was renamed.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, to http.Handler) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"+Org+"/"), ".git/")
	s.Lock()
	repo, found := s.find(name)
	s.Unlock()
	if found && !strings.EqualFold(repo.name, name) {
		http.Redirect(w, r, "/"+Org+"/"+repo.name+".git/"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
		return
	}
	to = http.StripPrefix("/"+Org, to)
	if found && rest == "git-receive-pack" {
		s.pushed(w, r, repo, to)
		return
	}
	to.ServeHTTP(w, r)
}

func (s *Server) mayGit(r *http.Request, name string, write bool) (string, error) {
	s.Lock()
	defer s.Unlock()
	_, token, _ := r.BasicAuth()
	if !s.good(token) {
		return "", pave.Errorf(pave.Denied, "sign in")
	}
	repo, ok := s.find(name)
	if write && (s.Denied["contents"] || ok && repo.archived) {
		return "user", pave.Errorf(pave.Denied, "this repository was archived so it is read-only")
	}
	return "user", nil
}

func (s *Server) openGit(_ context.Context, name string) (string, error) {
	s.Lock()
	defer s.Unlock()
	repo, ok := s.find(name)
	if !ok || s.hidden(repo) {
		return "", pave.Errorf(pave.NotFound, "no repository %s", name)
	}
	return repo.dir, nil
}

// Dir is where the repository of a name lies.
func (s *Server) Dir(name string) string {
	s.Lock()
	defer s.Unlock()
	if repo, ok := s.find(name); ok {
		return repo.dir
	}
	return ""
}

// newDir makes an empty bare repository.
func (s *Server) newDir(id int64) (string, error) {
	dir := filepath.Join(s.dir, strconv.FormatInt(id, 10)+".git")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	_, err := git.Run(context.Background(), git.Options{Dir: dir}, "init", "-q", "--bare", "--initial-branch=main")
	return dir, err
}
