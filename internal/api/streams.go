package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// heartbeat is how often a stream says that it lives.
const heartbeat = 15 * time.Second

type eventQuery struct {
	Run     string `query:"run" doc:"a run with its child runs"`
	Service string `query:"service"`
	After   int64  `query:"after" minimum:"0" doc:"events with a larger seq; cursor is the same"`
	Cursor  string `query:"cursor" maxLength:"30" doc:"next of the page before"`
	Limit   int    `query:"limit" minimum:"0" maximum:"200" default:"200"`
	Wait    int    `query:"wait" minimum:"0" maximum:"30" doc:"seconds"`
}

// events returns what is there, or waits for the first to come.
func (s *server) events(ctx context.Context, in *eventQuery) ([]pave.Event, error) {
	deadline, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Second)
	defer cancel()
	seen := in.After
	for {
		out, err := s.Platform.Events(ctx, pave.EventFilter{Run: in.Run, Service: in.Service, After: in.After, Limit: in.Limit})
		if err != nil || len(out) > 0 || in.Wait == 0 || deadline.Err() != nil {
			return out, err
		}
		if err := s.Platform.WaitEvents(deadline, seen); err != nil && deadline.Err() == nil {
			return nil, err
		}
		if latest, err := s.Platform.Events(ctx, pave.EventFilter{After: seen, Limit: 200}); err == nil && len(latest) > 0 {
			seen = latest[len(latest)-1].Seq
		}
	}
}

// rawRoutes are the routes that answer with something else than one JSON value.
func (s *server) rawRoutes() {
	text, log := "text/plain", []string{"application/x-ndjson", "text/event-stream"}
	s.rawRoute(rawOp{"GET /v1/events/stream", access.Read, []string{"text/event-stream"}, []string{"after", "run", "service"}}, s.eventStream)
	s.rawRoute(rawOp{"GET /v1/services/{name}/logs", access.Read, log, []string{"env", "since", "tail", "follow"}}, s.serviceLogs)
	s.upload(rawOp{"POST /v1/services/{name}/exec", access.Write, []string{"application/octet-stream"}, nil}, maxExec, s.exec)
	s.rawRoute(rawOp{"GET /v1/runs/{id}/logs", access.Read, log, []string{"since", "tail", "follow"}}, s.runLogs)
	s.rawRoute(rawOp{"GET /services/{name}/runs", access.Read, []string{text}, nil}, s.runsPage)
	s.upload(rawOp{"PUT /v1/repositories", access.Bring, []string{"application/json"}, nil}, maxRepository, s.sendRepository)
	s.rawRoute(rawOp{"GET /openapi.json", access.Public, []string{"application/vnd.oai.openapi+json"}, nil}, func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json")
		return json.NewEncoder(w).Encode(s.huma.OpenAPI())
	})
	s.rawRoute(rawOp{"GET /livez", access.Public, []string{text}, nil}, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", text)
		_, err := fmt.Fprintf(w, "ok %s\n", s.Version)
		return err
	})
	s.rawRoute(rawOp{"GET /readyz", access.Public, []string{text}, nil}, func(w http.ResponseWriter, r *http.Request) error {
		if err := s.Ready(r.Context()); err != nil {
			return pave.Errorf(pave.Unavailable, "not ready: %w", err)
		}
		w.Header().Set("Content-Type", text)
		_, err := fmt.Fprintln(w, "ok")
		return err
	})
	s.rawRoute(rawOp{"GET /.well-known/jwks.json", access.Public, []string{"application/jwk-set+json"}, nil}, s.keys)
	s.rawRoute(rawOp{"GET /.well-known/openid-configuration", access.Public, []string{"application/json"}, nil}, s.discovery)
	s.rawRoute(rawOp{"POST /v1/hooks/post-receive", access.Hook, []string{"application/json"}, nil}, s.postReceive)
	s.upload(rawOp{"POST /v1/hooks/repositories/{resource}", access.Signed, []string{"application/json"}, nil}, maxMessage, s.delivered)
	s.rawRoute(rawOp{"GET /login", access.Public, []string{"text/html"}, []string{"code"}}, s.loginPage)
	s.rawRoute(rawOp{"POST /login", access.Public, []string{"text/html"}, nil}, s.loginForm)
	s.rawRoute(rawOp{"POST /login/oidc", access.Public, []string{"text/html"}, nil}, s.oidcForm)
	s.rawRoute(rawOp{"GET /login/callback", access.Public, []string{"text/html"}, []string{"state", "code", "error", "iss", "session_state", "scope", "error_description"}}, s.oidcCallback)
	s.mux.patterns = append(s.mux.patterns, gitDoor)
	s.mux.Handle(gitDoor, s.gitDoor())
	for _, o := range gitRoutes {
		s.describe(o)
	}
}

// rawRoute adds a route outside OpenAPI's types, with the same door as all others.
func (s *server) rawRoute(o rawOp, h func(http.ResponseWriter, *http.Request) error) {
	s.upload(o, maxBody, h)
}

// upload is rawRoute for a body of at most limit bytes.
func (s *server) upload(o rawOp, limit int64, h func(http.ResponseWriter, *http.Request) error) {
	s.describe(o)
	s.mux.HandleFunc(o.pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, leave, err := s.enter(r, o.permission)
		defer leave()
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
			sw := &startWriter{ResponseWriter: w}
			if err = h(sw, r.WithContext(ctx)); sw.started {
				return // a stream that broke off: its reader goes on from its cursor
			}
		}
		if err != nil {
			s.writeProblem(w, r, err)
		}
	})
}

// gitDoor authenticates callers of git, and ends transfers of those who may no
// longer; which permission is needed, the verb that is run decides.
func (s *server) gitDoor() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.caller(r)
		if err != nil {
			s.writeProblem(w, r, err)
			return
		}
		ctx, leave := s.watch(pave.WithPrincipal(r.Context(), p), tokenOf(r), p)
		defer leave()
		if strings.HasPrefix(r.UserAgent(), "git/") { // git shows people text, and no JSON
			s.Git.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		pw := &problemWriter{ResponseWriter: w}
		s.Git.ServeHTTP(pw, r.WithContext(ctx))
		pw.end()
	})
}

// startWriter knows whether an answer has begun.
type startWriter struct {
	http.ResponseWriter
	started bool
}

func (w *startWriter) WriteHeader(code int) {
	w.started = true
	w.ResponseWriter.WriteHeader(code)
}

func (w *startWriter) Write(b []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(b)
}

func (w *startWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// eventStream sends events as they come (server-sent events). Last-Event-ID, or
// after, is the cursor.
func (s *server) eventStream(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	cursor := q.Get("after")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		cursor = last
	}
	after, err := strconv.ParseInt("0"+cursor, 10, 64)
	if err != nil {
		return pave.BadField("after", cursor, "is no cursor", "the id of the last event seen")
	}
	in := &eventQuery{Run: q.Get("run"), Service: q.Get("service"), After: after, Limit: 200, Wait: int(heartbeat / time.Second)}
	if _, err := s.Platform.Events(r.Context(), pave.EventFilter{Run: in.Run, Service: in.Service, Limit: 1}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprint(w, "retry: 500\n\n")
	flush := http.NewResponseController(w)
	for r.Context().Err() == nil {
		if err := flush.Flush(); err != nil {
			return err
		}
		events, err := s.events(r.Context(), in)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			fmt.Fprint(w, ": still here\n\n")
		}
		for _, e := range events {
			data, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data); err != nil {
				return err
			}
			in.After = e.Seq
		}
	}
	return nil
}

func (s *server) keys(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.Keys(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, err = w.Write(keys)
	return err
}

// discovery is what verifiers of workload identities read first.
func (s *server) discovery(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"issuer": s.Issuer, "jwks_uri": s.Issuer + "/.well-known/jwks.json",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"id_token"},
		"subject_types_supported": []string{"public"}})
}

// maxMessage is how large a message of a host may be, in bytes; what a larger one
// would say is found at the next look.
const maxMessage = 4 << 20

// smallMessage is how large nearly all of them are.
const smallMessage = 128 << 10

// reading bounds how many messages that are not small are in memory at once: anybody may
// send one, and who sends it slowly holds up such ones alone.
var reading = make(chan struct{}, 8)

// delivered takes a message of the host of a repository. The signature is over the
// bytes as they came.
func (s *server) delivered(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength < 0 || r.ContentLength > smallMessage {
		select {
		case reading <- struct{}{}:
			defer func() { <-reading }()
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Second))
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return invalidBody(err)
	}
	run, ok, err := s.Platform.Delivered(r.Context(), r.PathValue("resource"), r.Header, body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"started": ok, "run": run.ID})
}

// postReceive is called by the hook of a repository: it starts the pipeline of
// the pushed commit. It has its own token, which opens nothing else.
func (s *server) postReceive(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Service string `json:"service"`
		User    string `json:"user"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return invalidBody(err)
	}
	ctx := pave.WithPrincipal(r.Context(), pave.Principal{User: pave.User{ID: in.User}, Request: requestID(r), Address: r.RemoteAddr})
	run, ok, err := s.Platform.Received(ctx, strings.TrimSuffix(in.Service, ".git"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"started": ok, "run": run})
}
