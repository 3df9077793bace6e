package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/once"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/test/contract"
)

// fake answers a few calls; any other one panics, which must be a 500.
type fake struct {
	Platform
	status func() (pave.Status, error)
}

func (f fake) Status(context.Context, string) (pave.Status, error) { return f.status() }
func (f fake) Teams(ctx context.Context) ([]pave.Team, error) {
	who, _ := pave.PrincipalFrom(ctx)
	return []pave.Team{{Name: pave.Name(who.User.Name)}}, nil
}
func (f fake) Plan(_ context.Context, r pave.Request) (pave.Plan, error) {
	return pave.Plan{ID: "plan_1", Request: pave.Envelope{Request: r}}, nil
}
func (f fake) Events(context.Context, pave.EventFilter) ([]pave.Event, error) { return nil, nil }

type door struct {
	http.Handler
	access        *access.Access
	server        *server
	token, viewer string
	contract      *contract.Document // every call is judged by it
	t             *testing.T
}

func open(t *testing.T, f Platform) door {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "pave.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	a := access.New(db)
	d := door{access: a, t: t}
	for name, admin := range map[string]bool{"root": true, "vera": false} {
		u, err := a.EnsureUser(t.Context(), name, admin)
		if err != nil {
			t.Fatal(err)
		}
		token, err := a.IssueToken(t.Context(), u.ID, name, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if admin {
			d.token = token.Reveal()
		} else {
			d.viewer = token.Reveal()
		}
	}
	key, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "keys", "key"))
	if err != nil {
		t.Fatal(err)
	}
	d.server, d.Handler, err = newServer(Options{Platform: f, Access: a, Once: once.New(db, key), Git: http.NotFoundHandler(), HookToken: pave.NewSecret("hook"), Version: "1",
		Log: slog.New(slog.DiscardHandler), Ready: func(context.Context) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if d.contract, err = contract.Parse(d.do("GET", "/openapi.json", "").Body.Bytes()); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d door) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+d.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if d.contract != nil {
		if err := d.contract.Check(r, []byte(body), w.Result(), w.Body.Bytes()); err != nil {
			d.t.Error(err)
		}
	}
	return w
}

func TestProblems(t *testing.T) {
	t.Parallel()
	d := open(t, fake{status: func() (pave.Status, error) { return pave.Status{}, errors.New("password=pvcnry") }})
	cases := map[string]struct {
		method, path, body string
		header             []string
		status             int
		code               pave.Code
	}{
		"no token":           {"GET", "/v1/teams", "", []string{"Authorization", ""}, 401, pave.Denied},
		"wrong token":        {"GET", "/v1/teams", "", []string{"Authorization", "Bearer pave_x"}, 401, pave.Denied},
		"stream, no token":   {"GET", "/v1/events/stream", "", []string{"Authorization", ""}, 401, pave.Denied},
		"logs, no token":     {"GET", "/v1/services/x/logs", "", []string{"Authorization", ""}, 401, pave.Denied},
		"page, no token":     {"GET", "/services/x/runs", "", []string{"Authorization", ""}, 401, pave.Denied},
		"hook, user's token": {"POST", "/v1/hooks/post-receive", "{}", nil, 401, pave.Denied},
		"admin's log":        {"GET", "/v1/audit", "", []string{"Authorization", "Bearer " + d.viewer}, 403, pave.Denied},
		"other host":         {"GET", "/v1/teams", "", []string{"Host", "evil.example:7070"}, 400, pave.Invalid},
		"cross origin":       {"POST", "/v1/plans", "{}", []string{"Sec-Fetch-Site", "cross-site"}, 403, pave.Denied},
		"no route":           {"GET", "/v2/nothing", "", nil, 404, pave.NotFound},
		"no method":          {"DELETE", "/v1/teams", "", nil, 405, pave.Invalid},
		"not JSON":           {"POST", "/v1/plans", "{", nil, 400, pave.Invalid},
		"null":               {"POST", "/v1/plans", "null", nil, 400, pave.Invalid},
		"array":              {"POST", "/v1/plans", "[]", nil, 400, pave.Invalid},
		"unknown verb":       {"POST", "/v1/plans", `{"verb":"explode","spec":{}}`, nil, 400, pave.Invalid},
		"unknown field":      {"POST", "/v1/plans", `{"verb":"undo","spec":{"rum":1}}`, nil, 400, pave.Invalid},
		"too large":          {"POST", "/v1/plans", strings.Repeat(" ", maxBody+1), nil, 413, pave.Invalid},
		"wrong number":       {"GET", "/v1/runs?limit=9999", "", nil, 400, pave.Invalid},
		"internal":           {"GET", "/v1/services/x/status", "", nil, 500, pave.Internal},
		"panic":              {"GET", "/v1/environments", "", nil, 500, pave.Internal},
		"cursor":             {"GET", "/v1/events/stream?after=x", "", nil, 400, pave.Invalid},
	}
	for name, c := range cases {
		w := d.do(c.method, c.path, c.body, c.header...)
		if w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, c.status)
		}
		if strings.Contains(w.Body.String(), "pvcnry") {
			t.Errorf("%s: the cause of an internal error is shown: %s", name, w.Body)
		}
		if c.code == "" {
			continue
		}
		var p Problem
		if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" || json.Unmarshal(w.Body.Bytes(), &p) != nil ||
			p.Code != c.code || p.Status != c.status || p.Detail == "" {
			t.Errorf("%s: %s %s is no problem of code %s", name, ct, w.Body, c.code)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	d := open(t, fake{status: func() (pave.Status, error) { return pave.Status{Service: "shop"}, nil }})
	if w := d.do("GET", "/v1/teams", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"root"`) {
		t.Errorf("the caller is the token's user: %d %s", w.Code, w.Body)
	}
	r := httptest.NewRequest("GET", "http://127.0.0.1/v1/teams", nil)
	r.SetBasicAuth("any", d.token)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("a token may come as a password: %d %s", w.Code, w.Body)
	}
	if w := d.do("POST", "/v1/plans", `{"verb":"deploy","spec":{"name":"shop"}}`); w.Code != 201 || !strings.Contains(w.Body.String(), `"verb":"deploy"`) {
		t.Errorf("plan: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/livez", "/readyz", "/openapi.json"} {
		if w := d.do("GET", path, "", "Authorization", ""); w.Code != 200 {
			t.Errorf("%s needs no token: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestDeclared: a route without a permission does not come up, and OpenAPI has
// every route of the table.
func TestDeclared(t *testing.T) {
	t.Parallel()
	d := open(t, fake{})
	var doc struct{ Paths map[string]map[string]any }
	w := d.do("GET", "/openapi.json", "")
	if err := json.NewDecoder(w.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/v1/plans", "/v1/plans/{id}/apply", "/v1/services", "/v1/services/{name}/status", "/v1/runs/{id}"} {
		if doc.Paths[want] == nil {
			t.Errorf("OpenAPI lacks %s", want)
		}
	}
	for what, add := range map[string]func(*server){
		"without a permission": func(s *server) { s.describe(rawOp{pattern: "GET /new"}); s.mux.HandleFunc("GET /new", nobody) },
		"not described":        func(s *server) { s.mux.HandleFunc("GET /new", nobody) },
		"not there":            func(s *server) { s.describe(rawOp{pattern: "GET /new", permission: access.Read}) },
	} {
		s := &server{mux: &table{ServeMux: http.NewServeMux()}}
		s.huma = humago.New(s.mux, bare())
		if add(s); s.declared() == nil {
			t.Errorf("a route %s was accepted", what)
		}
	}
}

func TestStreamEnds(t *testing.T) {
	t.Parallel()
	d := open(t, fake{})
	srv := httptest.NewServer(d)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/v1/events/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head := make([]byte, 12)
	if _, err := io.ReadFull(resp.Body, head); err != nil || string(head) != "retry: 500\n\n" {
		t.Errorf("a stream begins at once: %q %v", head, err)
	}
}

func (f fake) WaitEvents(ctx context.Context, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

// Logs is silent until its reader goes.
func (f fake) Logs(ctx context.Context, _ string, _ pave.LogQuery, each func(pave.LogLine) error) error {
	if err := each(pave.LogLine{Text: "hello"}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestRevokedStreams: within 5 seconds no open stream of a revoked token, a
// suspended user or another role goes on.
func TestRevokedStreams(t *testing.T) {
	t.Parallel()
	d := open(t, fake{})
	srv := httptest.NewServer(d)
	defer srv.Close()
	root, err := d.access.Authenticate(t.Context(), d.token)
	if err != nil {
		t.Fatal(err)
	}
	as := pave.WithPrincipal(t.Context(), root)
	for what, end := range map[string]func(token string) error{
		"revoked": func(token string) error {
			p, err := d.access.Authenticate(t.Context(), token)
			if err != nil {
				return err
			}
			return d.access.DeleteToken(as, p.Token)
		},
		"suspended": func(string) error { _, err := d.access.Suspend(as, "suspended", true); return err },
		"other role": func(string) error {
			_, err := d.access.Invite(as, pave.InviteRequest{Name: "other-role", Role: "viewer"})
			return err
		},
	} {
		u, err := d.access.EnsureUser(t.Context(), strings.ReplaceAll(what, " ", "-"), false)
		if err != nil {
			t.Fatal(err)
		}
		token, err := d.access.IssueToken(t.Context(), u.ID, what, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var ends []<-chan error
		for _, path := range []string{"/v1/events/stream", "/v1/services/shop/logs?follow=true"} {
			ends = append(ends, endOf(t, srv.URL+path, token.Reveal()))
		}
		if err := end(token.Reveal()); err != nil {
			t.Fatal(what, err)
		}
		deadline := time.After(5 * time.Second)
		for i, ended := range ends {
			select {
			case <-ended:
			case <-deadline:
				t.Errorf("%s: stream %d goes on after 5 s", what, i)
			}
		}
	}
}

// endOf opens a stream and tells its end.
func endOf(t *testing.T, url, token string) <-chan error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", url, resp.Status)
	}
	ended := make(chan error, 1)
	go func() {
		defer resp.Body.Close()
		_, err := io.Copy(io.Discard, resp.Body)
		ended <- err
	}()
	return ended
}

// TestLimits: one call too many is 429 with the time to come back, wrong tokens do
// not hold up good ones, and callers do not hold up each other.
func TestLimits(t *testing.T) {
	t.Parallel()
	d := open(t, fake{})
	root, err := d.access.Authenticate(t.Context(), d.token)
	if err != nil {
		t.Fatal(err)
	}
	drain := func(who string, of limit) { d.server.limits.of(who, of).ReserveN(time.Now(), of.burst) }
	statuses := map[int]int{}
	var last *httptest.ResponseRecorder
	for range 3 {
		last = d.do("GET", "/v1/teams", "")
		statuses[last.Code]++
	}
	// As many as come in a while beyond what may come at once.
	for range 60 {
		drain(root.User.ID, limitActor)
	}
	last = d.do("GET", "/v1/teams", "")
	statuses[last.Code]++
	if statuses[200] != 3 || statuses[429] != 1 {
		t.Errorf("statuses: %v", statuses)
	}
	if last.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %q", last.Header().Get("Retry-After"))
	}
	if w := d.do("GET", "/v1/teams", "", "Authorization", "Bearer "+d.viewer); w.Code != 200 {
		t.Errorf("another caller: %d", w.Code)
	}
	for range 60 {
		drain("from 192.0.2.1", limitFailed)
	}
	busy := d.do("GET", "/v1/teams", "", "Authorization", "Bearer pave_wrong").Code == 429
	if w := d.do("GET", "/v1/teams", "", "Authorization", "Bearer "+d.viewer); !busy || w.Code != 200 {
		t.Errorf("wrong tokens are slowed down: %v; a good one from the same address: %d", busy, w.Code)
	}
}

func nobody(http.ResponseWriter, *http.Request) {}

// bare is a library without routes of its own.
func bare() huma.Config {
	c := huma.DefaultConfig("x", "1")
	c.CreateHooks, c.DocsPath, c.SchemasPath, c.OpenAPIPath = nil, "", "", ""
	return c
}

// What OpenAPI says of requests is what pave knows of them.
func TestVerbs(t *testing.T) {
	t.Parallel()
	field, _ := envelopeSchemaType.FieldByName("Verb")
	if got := strings.Join(pave.Verbs(), ","); got != field.Tag.Get("enum") {
		t.Errorf("the enum of verbs is to be %s", got)
	}
}
