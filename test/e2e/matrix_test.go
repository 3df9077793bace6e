package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/test/world"
)

// The principals of the matrix, all with regard to what team web owns.
var principals = []string{"anonymous", "expired", "revoked", "suspended", "viewer", "team viewer", "developer", "lead", "admin",
	"other developer", "other lead", "read token", "write token", "service token", "other service token"}

// A want is the status of a cell: 0 is any that is not 401, 403 or 404.
type want map[string]int

// wantOf makes a row of the table from the principals that get something else than
// entry; who has no good token gets 401 everywhere but at public doors.
func wantOf(others map[int][]string) want {
	w := want{"anonymous": 401, "expired": 401, "revoked": 401, "suspended": 401}
	for status, names := range others {
		for _, n := range names {
			w[n] = status
		}
	}
	return w
}

var (
	others  = []string{"other developer", "other lead", "other service token"}
	scoped  = []string{"read token", "write token", "service token", "other service token"}
	anyone  = want{}
	signed  = wantOf(nil)
	reads   = wantOf(map[int][]string{404: others})
	writes  = wantOf(map[int][]string{404: others, 403: {"viewer", "team viewer", "read token"}})
	brings  = wantOf(map[int][]string{403: {"viewer", "team viewer", "read token", "service token", "other service token"}})
	leads   = wantOf(map[int][]string{404: {"other developer", "other lead"}, 403: append([]string{"viewer", "team viewer", "developer"}, scoped...)})
	admins  = wantOf(map[int][]string{403: append([]string{"viewer", "team viewer", "developer", "lead", "other developer", "other lead"}, scoped...)})
	invites = wantOf(map[int][]string{404: {"other developer", "other lead"}, 403: append([]string{"viewer", "team viewer", "developer"}, scoped...)})
	// A service cannot be made under a name that is taken, and no more is said.
	creates      = wantOf(map[int][]string{409: others, 403: {"viewer", "team viewer", "read token"}})
	tokens       = wantOf(map[int][]string{403: scoped})
	nothingThere = wantOf(map[int][]string{404: {"admin"}, 403: append([]string{"viewer", "team viewer", "developer", "lead", "other developer", "other lead"}, scoped...)})
	// No host is bound there.
	imports = wantOf(map[int][]string{400: {"admin"}, 403: append([]string{"viewer", "team viewer", "developer", "lead", "other developer", "other lead"}, scoped...)})
	// Somebody else's token is not found; narrow ones revoke themselves only.
	strange = wantOf(map[int][]string{404: {"viewer", "team viewer", "developer", "lead", "other developer", "other lead"}, 403: scoped})
	// Who is in no team of the kind knows nothing of the team.
	teamReads = wantOf(map[int][]string{404: {"other developer", "other lead", "service token", "other service token"}})
)

// A row is a route of the table: what is sent, and what each principal gets.
type row struct {
	want   want
	query  string
	body   string // JSON
	form   string
	accept string // content type of a body that is not JSON
	before func(*matrix)
	leaks  bool // a list: nothing of team web may be in the answer of who may not see it
}

// rows is the whole table; a route that is not in it fails, and so does one that is
// no longer there.
func rows() map[string]row {
	deploy := `{"verb":"deploy","spec":{"name":"shop"}}`
	member := func(m *matrix) {
		m.must("PUT", "/v1/teams/web/members/victim", `{"role":"viewer"}`, nil)
	}
	return map[string]row{
		"GET /livez": {want: anyone}, "GET /readyz": {want: anyone}, "GET /openapi.json": {want: anyone}, "GET /login": {want: anyone},
		"POST /login":                {want: all(401), form: "code=ABCD-EFGH&proof=x"},
		"POST /login/oidc":           {want: all(404), form: "code=ABCD-EFGH"},
		"GET /login/callback":        {want: all(401), query: "state=x&code=y"},
		"GET /.well-known/jwks.json": {want: anyone}, "GET /.well-known/openid-configuration": {want: anyone},
		"POST /v1/login": {want: all(401), body: `{"code":"x"}`}, "POST /v1/login/devices": {want: anyone, body: `{"name":"x"}`},
		"POST /v1/login/devices/token":           {want: all(401), body: `{"secret":"x"}`},
		"POST /v1/hooks/repositories/{resource}": {want: all(403), body: `{}`, before: func(m *matrix) { m.params["resource"] = "res_1" }},
		"POST /v1/hooks/post-receive":            {want: all(401), body: `{"service":"shop"}`},

		"GET /v1/whoami": {want: signed}, "GET /v1/tokens": {want: signed, leaks: true},
		"POST /v1/tokens":        {want: tokens, body: `{"name":"m","scope":"read"}`},
		"DELETE /v1/tokens/{id}": {want: strange, before: func(m *matrix) { m.params["id"] = m.strangeToken() }},

		"GET /v1/services": {want: signed, leaks: true}, "GET /v1/runs": {want: signed, leaks: true}, "GET /v1/events": {want: signed, leaks: true},
		"GET /v1/events/stream": {want: signed, leaks: true}, "GET /v1/resources": {want: signed, leaks: true}, "GET /v1/entities": {want: signed, leaks: true}, "GET /v1/calls": {want: signed, leaks: true},
		"GET /v1/teams": {want: signed, leaks: true}, "GET /v1/environments": {want: signed, leaks: true}, "GET /v1/providers": {want: signed, leaks: true}, "GET /v1/doctor": {want: signed, leaks: true},
		"GET /v1/modules": {want: signed, leaks: true}, "GET /v1/modules/{name}": {want: signed, leaks: true, before: named("aws-s3-bucket")},
		"POST /v1/modules":  {want: admins, body: `{"provider":"terraform","source":"pave:aws-s3-bucket"}`},
		"GET /v1/templates": {want: signed, leaks: true}, "GET /v1/templates/{name}": {want: signed, leaks: true, before: named("fixture")},
		"GET /v1/template-sources": {want: signed, leaks: true}, "GET /v1/insight/adoption": {want: signed, leaks: true},
		"GET /v1/can": {want: reads, query: "verb=deploy&name=shop"},

		"GET /v1/services/{name}": {want: reads}, "GET /v1/services/{name}/status": {want: reads}, "GET /v1/services/{name}/explain": {want: reads},
		"GET /v1/services/{name}/revisions": {want: reads}, "GET /v1/services/{name}/releases": {want: reads}, "GET /v1/services/{name}/logs": {want: reads},
		"GET /v1/services/{name}/checks": {want: reads}, "GET /v1/services/{name}/proposals": {want: reads},
		"POST /v1/services/{name}/proposals": {want: writes, body: `{"branch":"refunds"}`},
		"GET /v1/services/{name}/variables":  {want: reads}, "GET /v1/services/{name}/secrets": {want: reads},
		"POST /v1/services/{name}/connections":                {want: writes, body: `{"kind":"topic"}`},
		"DELETE /v1/services/{name}/connections/{connection}": {want: writes, before: ended},
		"POST /v1/services/{name}/exec":                       {want: writes, form: "{\"command\":[\"true\"]}\n", accept: "application/octet-stream"},
		"POST /v1/services/{name}/dev":                        {want: writes, body: `{}`},
		"POST /v1/services/{name}/secrets":                    {want: writes, body: `{"name":"KEY","value":"x"}`},
		"GET /services/{name}/runs":                           {want: reads}, "GET /v1/runs/{id}": {want: reads}, "GET /v1/runs/{id}/logs": {want: reads},
		"GET /v1/plans/{id}":                    {want: reads, before: plan},
		"GET /git/{name}.git/info/refs":         {want: reads, query: "service=git-upload-pack"},
		"POST /git/{name}.git/git-upload-pack":  {want: reads, form: "0000", accept: "application/x-git-upload-pack-request"},
		"POST /git/{name}.git/git-receive-pack": {want: writes, form: "0000", accept: "application/x-git-receive-pack-request"},

		"POST /v1/services": {want: creates, body: `{"name":"shop","team":"web","template":"fixture","inputs":{"binary":"FIXTURE"}}`},
		"POST /v1/plans":    {want: writes, body: deploy}, "POST /v1/plans/{id}/apply": {want: writes, before: plan},
		"POST /v1/plan-files/apply": {want: writes, body: `{"version":1,"request":` + deploy + `,"base":1,"hash":"x"}`},
		"POST /v1/runs/{id}/retry":  {want: writes}, "POST /v1/runs/{id}/cancel": {want: writes},

		"GET /v1/template":                       {want: brings, query: "ref=fixture"},
		"POST /v1/repositories":                  {want: brings, body: `{"address":"x"}`},
		"PUT /v1/repositories":                   {want: brings, form: "x", accept: "application/x-pave-repository"},
		"POST /v1/repositories/{id}/secrets":     {want: brings, body: `{"name":"KEY","value":"x"}`},
		"POST /v1/templates":                     {want: brings, form: "x", accept: "application/zip"},
		"GET /v1/teams/{name}":                   {want: teamReads, before: named("web")},
		"GET /v1/environments/{name}":            {want: signed, before: named("staging")},
		"GET /v1/users/{user}":                   {want: admins},
		"GET /v1/teams/{name}/members":           {want: teamReads, before: named("web")},
		"PUT /v1/teams/{name}/members/{user}":    {want: leads, body: `{"role":"viewer"}`, before: named("web")},
		"DELETE /v1/teams/{name}/members/{user}": {want: leads, before: func(m *matrix) { member(m); named("web")(m) }},
		"POST /v1/teams/{name}/rename":           {want: leads, body: `{"name":"web"}`, before: named("web")},
		"PUT /v1/services/{name}/team":           {want: leads, body: `{"team":"web"}`},
		"POST /v1/invitations":                   {want: invites, body: `{"name":"victim","team":"web","role":"viewer"}`},

		"POST /v1/runs/{id}/approve": {want: leads, body: `{}`}, "POST /v1/runs/{id}/deny": {want: leads, body: `{"reason":"x"}`},
		"PUT /v1/environments/{name}":                    {want: admins, body: `{"approval":"none"}`, before: named("staging")},
		"PUT /v1/environments/{name}/bindings/{kind}":    {want: admins, body: `{"provider":"postgres"}`, before: func(m *matrix) { m.params["name"], m.params["kind"] = "staging", "database" }},
		"POST /v1/imports":                               {want: imports, body: `{"provider":"git"}`},
		"DELETE /v1/environments/{name}/bindings/{kind}": {want: admins, before: func(m *matrix) { m.params["name"], m.params["kind"] = "staging", "database" }},
		"GET /v1/users":                                  {want: admins}, "POST /v1/users/{user}/suspend": {want: admins}, "POST /v1/users/{user}/resume": {want: admins},
		"GET /v1/policy": {want: admins}, "PUT /v1/policy": {want: admins, body: `{"text":""}`},
		"GET /v1/audit": {want: admins}, "GET /v1/audit/verify": {want: admins},
		"GET /v1/webhooks":                                       {want: wantOf(map[int][]string{403: scoped}), leaks: true},
		"POST /v1/webhooks":                                      {want: leads, body: `{"url":"https://example.com/x","events":["run.done"],"team":"web"}`},
		"GET /v1/webhooks/{id}":                                  {want: leads, before: hook},
		"PUT /v1/webhooks/{id}":                                  {want: leads, body: `{"events":["run.done"]}`, before: hook},
		"DELETE /v1/webhooks/{id}":                               {want: leads, before: func(m *matrix) { m.hook = ""; hook(m); m.hook = "" }},
		"GET /v1/webhooks/{id}/deliveries":                       {want: leads, before: hook},
		"POST /v1/webhooks/{id}/test":                            {want: leads, before: hook},
		"GET /v1/webhooks/{id}/deliveries/{delivery}":            {want: leads, before: hook},
		"POST /v1/webhooks/{id}/deliveries/{delivery}/redeliver": {want: leads, before: hook},
		"POST /v1/template-sources":                              {want: admins, body: `{"address":"x"}`},
		"DELETE /v1/template-sources":                            {want: nothingThere, query: "address=https://example.invalid/x"},
	}
}

func all(status int) want {
	w := want{}
	for _, p := range principals {
		w[p] = status
	}
	return w
}

func named(name string) func(*matrix) { return func(m *matrix) { m.params["name"] = name } }

// hook puts a webhook of web that has a delivery into the path.
func hook(m *matrix) {
	if m.hook == "" {
		var w pave.NewWebhook
		m.must("POST", "/v1/webhooks", `{"url":"https://hooks.example.com/x","events":["webhook.disabled"],"team":"web"}`, &w)
		var d pave.Delivery
		m.must("POST", "/v1/webhooks/"+w.ID+"/test", "", &d)
		m.hook, m.delivery = w.ID, d.ID
	}
	m.params["id"], m.params["delivery"] = m.hook, m.delivery
}

// plan puts the id of a plan that a developer of web has made into the path.
func plan(m *matrix) { m.params["id"] = m.plan }

// ended puts the id of a connection of shop's into the path that has ended before.
func ended(m *matrix) {
	m.params["connection"] = pave.NewID("con")
	m.store(`INSERT INTO connections (id, service, resource, actor, read_only, created, expires, ended) VALUES ($1, $2, '', '', 1, 1, 1, 1)`,
		m.params["connection"], m.service)
}

// A matrix is a server with the people of the table.
type matrix struct {
	t       *testing.T
	h       *world.Home
	token   map[string]string
	params  map[string]string
	run     string
	plan    string
	service string   // id of shop
	source  string   // id of a repository that was brought
	codes   []string // of people who were invited
	victims []string // ids of tokens to revoke

	hook, delivery string      // of team web
	hooks          [][2]string // further ones with a delivery each
}

func (m *matrix) call(method, path, body, kind, token string) (int, string) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.h.Stat().URL+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := m.h.Client().Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp.StatusCode, firstEvents(resp.Body)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		m.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// firstEvents reads what a stream says within half a second.
func firstEvents(body io.ReadCloser) string {
	timer := time.AfterFunc(200*time.Millisecond, func() { body.Close() })
	defer timer.Stop()
	data, _ := io.ReadAll(body) // it ends by being closed
	return string(data)
}

// must is a call of the admin that has to work.
func (m *matrix) must(method, path, body string, out any) {
	m.t.Helper()
	status, answer := m.call(method, path, body, "application/json", m.token["admin"])
	if status >= 300 {
		m.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(answer), out); err != nil {
			m.t.Fatal(err)
		}
	}
}

// person makes a user with a role and returns a token of theirs.
func (m *matrix) person(name, team, role string) string {
	m.t.Helper()
	var inv pave.Invitation
	m.must("POST", "/v1/invitations", fmt.Sprintf(`{"name":%q,"team":%q,"role":%q}`, name, team, role), &inv)
	var token pave.NewToken
	m.must("POST", "/v1/login", fmt.Sprintf(`{"code":%q}`, inv.Code), &token)
	return token.Value
}

// scopedToken makes a token of a scope for the user of another.
func (m *matrix) scopedToken(of, scope string) pave.NewToken {
	m.t.Helper()
	var token pave.NewToken
	status, answer := m.call("POST", "/v1/tokens", fmt.Sprintf(`{"name":"x","scope":%q}`, scope), "application/json", of)
	if err := json.Unmarshal([]byte(answer), &token); err != nil || status != 201 {
		m.t.Fatalf("token %s: %d %s", scope, status, answer)
	}
	return token
}

// strangeToken is the id of a good token of somebody who is not in the table.
func (m *matrix) strangeToken() string { return m.scopedToken(m.token["stranger"], "read").ID }

func (m *matrix) store(stmt string, args ...any) {
	m.t.Helper()
	db, err := store.Open(m.t.Context(), "sqlite:"+filepath.Join(m.h.Dir, "pave.db"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(m.t.Context(), stmt, args...); err != nil {
		m.t.Fatal(err)
	}
}

func newMatrix(t *testing.T) *matrix {
	h := world.New(t)
	m := &matrix{t: t, h: h, params: map[string]string{}, token: map[string]string{"admin": h.Stat().Token}}
	m.run = create(t, h, h.Fixture("shop", "web", "none"))
	create(t, h, h.Fixture("spare", "web", "none"))
	create(t, h, h.Fixture("side", "ops", "none"))
	m.token["viewer"] = m.person("victor", "", "viewer")
	m.token["team viewer"] = m.person("vera", "web", "viewer")
	m.token["developer"] = m.person("dora", "web", "developer")
	m.token["lead"] = m.person("lena", "web", "lead")
	m.token["other developer"] = m.person("otto", "ops", "developer")
	m.token["other lead"] = m.person("olga", "ops", "lead")
	m.token["suspended"] = m.person("sam", "web", "lead")
	m.token["stranger"] = m.person("stan", "ops", "viewer")
	m.person("victim", "ops", "viewer")
	m.must("POST", "/v1/users/sam/suspend", "", nil)
	for name, scope := range map[string]string{"read token": "read", "write token": "write", "service token": "service:shop", "other service token": "service:spare"} {
		m.token[name] = m.scopedToken(m.token["developer"], scope).Value
	}
	expired, revoked := m.scopedToken(m.token["developer"], "write"), m.scopedToken(m.token["developer"], "write")
	m.token["expired"], m.token["revoked"] = expired.Value, revoked.Value
	m.must("DELETE", "/v1/tokens/"+revoked.ID, "", nil)
	m.store(`UPDATE tokens SET expires = 1 WHERE id = $1`, expired.ID)
	var svc pave.Service
	m.must("GET", "/v1/services/shop", "", &svc)
	m.service = svc.ID
	status, answer := m.call("POST", "/v1/plans", `{"verb":"deploy","spec":{"name":"shop"}}`, "application/json", m.token["developer"])
	var p pave.Plan
	if err := json.Unmarshal([]byte(answer), &p); err != nil {
		t.Fatalf("plan: %d %s", status, answer)
	}
	m.plan = p.ID
	return m
}

// path fills the parameters of a route with what team web owns.
func (m *matrix) path(route string, r row) string {
	m.params = map[string]string{"name": "shop", "id": m.run, "user": "victim"}
	if r.before != nil {
		r.before(m)
	}
	for k, v := range m.params {
		route = strings.ReplaceAll(route, "{"+k+"}", v)
	}
	if r.query != "" {
		route += "?" + r.query
	}
	return route
}

// routes reads the table that the server itself tells.
func (m *matrix) routes() []string {
	var doc struct {
		Paths map[string]map[string]struct {
			Permission string `json:"x-permission"`
		}
	}
	m.must("GET", "/openapi.json", "", &doc)
	var out []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			route := strings.ToUpper(method) + " " + path
			if op.Permission == "" {
				m.t.Errorf("%s tells no permission", route)
			}
			out = append(out, route)
		}
	}
	slices.Sort(out)
	return out
}

// TestMatrix asks every route of the server as every principal about what a team
// owns, and compares each answer with a table written by hand; then for the same by
// names and ids in queries and bodies.
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	table := rows()
	cells := 0
	for _, route := range m.routes() {
		r, ok := table[route]
		if !ok {
			t.Errorf("route %s is not in the matrix: say who may use it", route)
			continue
		}
		delete(table, route)
		for _, who := range principals {
			cells++
			m.cell(route, r, who)
		}
	}
	for route := range table {
		t.Errorf("route %s is in the matrix and not in the server", route)
	}
	t.Logf("%d cells", cells)
	m.pairs(t)
}

func (m *matrix) cell(route string, r row, who string) {
	method, path, _ := strings.Cut(route, " ")
	path = m.path(path, r)
	body, kind := strings.ReplaceAll(r.body, "FIXTURE", m.h.Fixture("x", "x", "none").Inputs["binary"].(string)), "application/json"
	if r.form != "" {
		body, kind = r.form, "application/x-www-form-urlencoded"
	}
	if r.accept != "" {
		kind = r.accept
	}
	token := m.token[who]
	if who == "admin" {
		token = m.h.Stat().Token
	}
	status, answer := m.call(method, path, body, kind, token)
	wanted := r.want[who]
	refused := status == 401 || status == 403 || status == 404
	if wanted != 0 && status != wanted || wanted == 0 && (refused || status >= 500) {
		m.t.Errorf("%s %s as %s: %d, want %d: %.200s", method, path, who, status, wanted, answer)
	}
	if r.leaks && slices.Contains(others, who) || refused {
		for _, secret := range []string{`"shop"`, m.service, m.run, `"web"`} {
			if secret == `"web"` && who == "other service token" {
				continue // its own service is of that team
			}
			if r.leaks && strings.Contains(answer, secret) {
				m.t.Errorf("%s as %s tells of %s: %.300s", route, who, secret, answer)
			}
		}
	}
}
