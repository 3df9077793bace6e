// Package api is the HTTP door: one route table, each route with a declared
// permission, problems after RFC 9457, an OpenAPI description made from the same
// table, event and log streams, and the git door beside it. Handlers call the
// interfaces of the root package only; who the caller is, access says.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/once"
)

// Platform is what the handlers call.
type Platform interface {
	pave.Transitions
	pave.Runs
	pave.Reader
	pave.Templates
	pave.Sources
	pave.Developers
	// Received starts the pipeline of a pushed commit; ok is false where nothing
	// is to do.
	Received(ctx context.Context, service string) (run pave.Run, ok bool, err error)
	// Delivered takes a message of the host of a repository, by the resource's id.
	Delivered(ctx context.Context, resource string, header http.Header, body []byte) (run pave.Run, started bool, err error)
	CreateToken(ctx context.Context, r pave.TokenRequest) (pave.NewToken, error)
	Exec(ctx context.Context, service string, r pave.Exec, in io.Reader, out io.Writer, flush func() error) error
	Connect(ctx context.Context, service string, r pave.ConnectRequest) (pave.Connection, error)
	Disconnect(ctx context.Context, service, id string) error
	Can(ctx context.Context, verb, name string) (pave.Decision, error)
	RenameTeam(ctx context.Context, team, to string) (pave.Team, error)
	SetTeam(ctx context.Context, service, team string) (pave.Service, error)
	ApproveRun(ctx context.Context, id string, approved bool, reason string) (pave.Run, error)
	SetEnvironment(ctx context.Context, name string, r pave.EnvironmentChange) (pave.Environment, error)
	Bind(ctx context.Context, env, kind string, r pave.BindRequest) (pave.Bound, error)
	Unbind(ctx context.Context, env, kind string) (pave.Bound, error)
	Import(ctx context.Context, r pave.ImportRequest) (pave.Imported, error)
	HostChecks(ctx context.Context, service, commit string) (pave.HostList[pave.CommitCheck], error)
	Proposals(ctx context.Context, service string) (pave.HostList[pave.Proposal], error)
	Propose(ctx context.Context, service string, r pave.ProposeRequest) (pave.Proposal, error)
	Providers(ctx context.Context) ([]pave.Provider, error)
	ListModules(ctx context.Context) ([]pave.ModuleInfo, error)
	Module(ctx context.Context, name string) (pave.ModuleReading, error)
	ReadModule(ctx context.Context, kind string, r pave.BindRequest) (pave.ModuleReading, error)
	Adoption(ctx context.Context, weeks int, mark time.Time) (pave.Adoption, error)
}

// Options are the parts of the door.
type Options struct {
	Platform Platform
	Access   *access.Access
	Once     *once.Keys
	Webhooks pave.Webhooks
	// Git serves /git/ and asks for its own permissions, by the verb it runs.
	Git http.Handler
	// HookToken opens the route of the post-receive hook, and no other.
	HookToken pave.Secret
	// Keys are the public keys of workload identities, as JSON (RFC 7517).
	Keys   func(context.Context) (json.RawMessage, error)
	Issuer string
	// Address is where people reach the server; Hosts are further names that it
	// answers to.
	Address string
	Hosts   []string
	Version string
	// Ready says why the server cannot work, or nil.
	Ready func(context.Context) error
	Log   *slog.Logger
}

// maxBody is how large a request body may be, in bytes; git has its own limit.
const maxBody = 1 << 20

// bodyTime is how long a request body may take. A request that is still carried out
// then is given up too, so it is ample.
const bodyTime = time.Minute

// ownErrors makes the library's own errors problems too. It keeps its maker of
// errors in a variable of the package, so it is set once, whoever makes a door.
var ownErrors sync.Once

type server struct {
	Options
	huma huma.API
	mux  *table

	limits limits
	// changing is held while one version of something becomes the next.
	changing sync.Mutex
}

// New returns the handler of all routes. It fails where a route declares no
// permission.
func New(o Options) (http.Handler, error) {
	_, h, err := newServer(o)
	return h, err
}

func newServer(o Options) (*server, http.Handler, error) {
	s := &server{Options: o, mux: &table{ServeMux: http.NewServeMux()}}
	ownErrors.Do(func() { huma.NewError = newProblem })
	cfg := huma.DefaultConfig("pave", o.Version)
	cfg.Info.Description = "The API of pave. Every change enters by a plan: POST /v1/plans, then POST /v1/plans/{id}/apply."
	cfg.CreateHooks, cfg.DocsPath, cfg.SchemasPath, cfg.OpenAPIPath = nil, "", "", ""
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	cfg.Components.Schemas.RegisterTypeAlias(envelopeType, envelopeSchemaType)
	s.huma = humago.New(s.mux, cfg)
	s.huma.UseMiddleware(s.permit, s.strict, s.remember, s.conditional)
	s.routes()
	s.rawRoutes()
	if err := s.declared(); err != nil {
		return nil, nil, err
	}
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.writeProblem(w, r, pave.Errorf(pave.Denied, "a page of another origin may not call this").WithHint("call from a program, without Origin"))
	}))
	return s, s.recover(s.log(s.localHost(cross.Handler(s.fallback(s.mux))))), nil
}

// operation is one route of the table.
type operation struct {
	method, path string
	id, summary  string
	permission   access.Permission
	status       int // of success; 0 is 200
	body         any // shape of a body that the handler reads itself; nil for none
}

// handle adds a route with a typed handler. Errors become problems.
func handle[I, O any](s *server, op operation, h func(context.Context, *I) (*O, error)) {
	o := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, DefaultStatus: op.status,
		MaxBodyBytes: maxBody, BodyReadTimeout: bodyTime, Metadata: map[string]any{"permission": op.permission},
		Extensions: map[string]any{permissionKey: op.permission},
		Security:   []map[string][]string{{"token": {}}},
		Responses:  map[string]*huma.Response{"default": s.aProblem()},
	}
	if op.permission == access.Public {
		o.Security = nil
	}
	o.Parameters = headers(&o)
	if op.method == http.MethodGet {
		o.Responses["304"] = &huma.Response{Description: "not changed since If-None-Match"}
	}
	if _, ok := op.body.(archiveBody); ok {
		o.SkipValidateBody, o.MaxBodyBytes = true, maxArchive
	} else if op.body != nil {
		o.SkipValidateBody = true
	}
	huma.Register(s.huma, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
	if _, ok := op.body.(archiveBody); !ok && op.body != nil {
		s.describeBody(op)
	}
}

// describeBody tells the shape of a body that the handler reads itself: the library
// knows that it is bytes.
func (s *server) describeBody(op operation) {
	schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(op.body), true, op.id+"-body")
	item := s.huma.OpenAPI().Paths[op.path]
	for _, o := range []*huma.Operation{item.Post, item.Put} {
		if o != nil && o.OperationID == op.id {
			o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
		}
	}
}

// headers are those that routes take beside what is theirs alone.
func headers(o *huma.Operation) []*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	if o.Method == http.MethodGet {
		return []*huma.Param{{Name: "If-None-Match", In: "header", Schema: text, Description: "304 where the ETag is still this one"}}
	}
	var out []*huma.Param
	if takesKey(o) {
		out = append(out, &huma.Param{Name: "Idempotency-Key", In: "header", Schema: text,
			Description: "the same key is carried out once and answered the same, for a day; for another call it is 422"})
	}
	if versioned[o.OperationID] != "" {
		out = append(out, &huma.Param{Name: "If-Match", In: "header", Schema: text,
			Description: "the ETag of GET " + versioned[o.OperationID] + "; 412 where it is another one now"})
	}
	return out
}

// permissionKey is the field of OpenAPI that tells the permission of a route.
const permissionKey = "x-permission"

// tokenOf is the bearer token, or the password of basic authentication (git).
func tokenOf(r *http.Request) string {
	if t, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return t
	}
	_, pass, _ := r.BasicAuth()
	return pass
}

// Caller authenticates a request of the git door by its basic credentials.
func Caller(ctx context.Context, a *access.Access, r *http.Request) (pave.Principal, error) {
	if p, ok := pave.PrincipalFrom(ctx); ok {
		return p, nil
	}
	p, err := a.Authenticate(ctx, tokenOf(r))
	p.Address, p.Request = r.RemoteAddr, requestID(r)
	return p, err
}

// clean keeps printable ASCII of a header, cut to n characters.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), n)]
}

// clip cuts a text from outside that is only to be shown.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}

// localHost answers only requests for names of this server, so that a page
// whose name was pointed at 127.0.0.1 reads nothing (DNS rebinding).
func (s *server) localHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) && !slices.Contains(s.Hosts, host) {
			s.writeProblem(w, r, pave.BadField("Host", r.Host, "is not a name of this server", "use "+strings.Join(append([]string{"127.0.0.1", "localhost"}, s.Hosts...), ", ")))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fallback answers unknown paths and methods with problems. A path that is not clean
// is unknown: nobody is sent elsewhere.
func (s *server) fallback(mux *table) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" && path.Clean(r.URL.Path) == r.URL.Path && r.URL.Path+"/" != pattern {
			mux.ServeHTTP(w, r)
			return
		}
		if allow := mux.allowed(r); len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			writeJSONProblem(w, http.StatusMethodNotAllowed, pave.Errorf(pave.Invalid, "method %q is not allowed here", clean(r.Method, 20)).
				WithHint("use %s", strings.Join(allow, " or ")))
			return
		}
		s.writeProblem(w, r, pave.Errorf(pave.NotFound, "no route %q", clip(r.URL.Path, 100)).WithHint("pave api GET /openapi.json lists all routes"))
	})
}

// recover turns a panic into a 500; the server lives on.
func (s *server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				s.Log.Error("panic", "path", r.URL.Path, "panic", fmt.Sprint(v))
				writeJSONProblem(w, http.StatusInternalServerError, pave.Errorf(pave.Internal, "internal error"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// log gives every request an id and logs it.
func (s *server) log(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r)
		if id == "" {
			id = pave.NewID("req")
			r.Header.Set("X-Request-Id", id)
		}
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		start := time.Now()
		next.ServeHTTP(w, r)
		s.Log.Debug("request", "id", id, "method", r.Method, "path", r.URL.Path, "took", time.Since(start))
	})
}

func requestID(r *http.Request) string { return clean(r.Header.Get("X-Request-Id"), 60) }
