package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

// silent are routes that change nothing of what is wanted, or whose row is written
// by another one.
var silent = map[string]string{
	"POST /v1/imports":                                    "import, in test/e2e/host_test.go",
	"POST /v1/services/{name}/proposals":                  "propose, in test/e2e/host_test.go",
	"POST /v1/plans":                                      "makes nothing",
	"POST /v1/modules":                                    "makes nothing",
	"POST /login":                                         "the token's row is written when the program fetches it",
	"POST /v1/login/devices":                              "nobody is signed in yet",
	"POST /v1/login/devices/token":                        "login, in test/scripts/testdata/login.txtar",
	"POST /v1/hooks/repositories/{resource}":              "makes the server look; what it finds has its run",
	"POST /v1/hooks/post-receive":                         "the push has its row",
	"POST /git/{name}.git/git-upload-pack":                "reads",
	"POST /v1/runs/{id}/approve":                          "approve run, in test/scripts/testdata/approval.txtar",
	"POST /v1/services/{name}/connections":                "connect, in test/scripts/testdata/connect.txtar",
	"DELETE /v1/services/{name}/connections/{connection}": "end connect, in test/scripts/testdata/connect.txtar",
	"POST /v1/runs/{id}/deny":                             "deny run, in test/scripts/testdata/approval.txtar",
	"POST /login/oidc":                                    "nobody is signed in yet",
}

// A deed is a call of the admin with an effect; n tells calls of one route apart.
type deed struct {
	route  string
	action string // of the row
	call   func(m *matrix, n int) (path, body, kind string)
}

func plain(path, body string) func(*matrix, int) (string, string, string) {
	return func(_ *matrix, n int) (string, string, string) {
		return strings.ReplaceAll(path, "#", fmt.Sprint(n)), strings.ReplaceAll(body, "#", fmt.Sprint(n)), "application/json"
	}
}

// hooked is a call about the webhook of its number.
func hooked(path, body string) func(*matrix, int) (string, string, string) {
	return func(m *matrix, n int) (string, string, string) {
		return "/v1/webhooks/" + m.hooks[n][0] + strings.ReplaceAll(path, "DELIVERY", m.hooks[n][1]), body, "application/json"
	}
}

// deeds are calls of every route that changes something, in an order that works.
func deeds() []deed {
	deploy := func(service string) string { return fmt.Sprintf(`{"verb":"deploy","spec":{"name":%q}}`, service) }
	planned := func(m *matrix, service string) pave.Plan {
		var p pave.Plan
		m.must("POST", "/v1/plans", deploy(service), &p)
		return p
	}
	return []deed{
		{"POST /v1/invitations", "invite", plain("/v1/invitations", `{"name":"nina#","team":"web","role":"viewer"}`)},
		{"POST /v1/login", "login", func(m *matrix, n int) (string, string, string) {
			return "/v1/login", fmt.Sprintf(`{"code":%q}`, m.codes[n]), "application/json"
		}},
		{"PUT /v1/teams/{name}/members/{user}", "add member", plain("/v1/teams/web/members/victim", `{"role":"viewer"}`)},
		{"DELETE /v1/teams/{name}/members/{user}", "remove member", plain("/v1/teams/web/members/victim", "")},
		{"POST /v1/users/{user}/suspend", "suspend user", plain("/v1/users/victim/suspend", "")},
		{"POST /v1/users/{user}/resume", "resume user", plain("/v1/users/victim/resume", "")},
		{"POST /v1/tokens", "create token", plain("/v1/tokens", `{"name":"x","scope":"read"}`)},
		{"DELETE /v1/tokens/{id}", "delete token", func(m *matrix, n int) (string, string, string) { return "/v1/tokens/" + m.victims[n], "", "" }},
		{"PUT /v1/policy", "set policy", plain("/v1/policy", `{"text":""}`)},
		{"PUT /v1/environments/{name}", "set environment", plain("/v1/environments/production", `{"approval":"lead"}`)},
		{"PUT /v1/environments/{name}/bindings/{kind}", "bind", plain("/v1/environments/staging/bindings/database", `{"provider":"postgres"}`)},
		{"DELETE /v1/environments/{name}/bindings/{kind}", "unbind", plain("/v1/environments/staging/bindings/database", "")},
		{"POST /v1/services/{name}/exec", "exec", func(*matrix, int) (string, string, string) {
			return "/v1/services/shop/exec", "{\"command\":[\"true\"]}\n", "application/octet-stream"
		}},
		{"POST /v1/services/{name}/dev", "run", plain("/v1/services/shop/dev", `{}`)},
		{"POST /v1/services/{name}/secrets", "seal value", plain("/v1/services/shop/secrets", `{"name":"KEY","value":"x"}`)},
		{"POST /v1/services", "create service", plain("/v1/services", `{"name":"fresh#","team":"web","template":"fixture","inputs":{"binary":"FIXTURE"}}`)},
		{"POST /v1/plans/{id}/apply", "deploy", func(m *matrix, _ int) (string, string, string) {
			return "/v1/plans/" + planned(m, "shop").ID + "/apply", "", ""
		}},
		{"POST /v1/plan-files/apply", "deploy", func(m *matrix, _ int) (string, string, string) {
			p := planned(m, "side")
			return "/v1/plan-files/apply", fmt.Sprintf(`{"version":1,"request":%s,"base":%d,"hash":%q}`, deploy("side"), p.Base, p.Hash), "application/json"
		}},
		{"POST /v1/runs/{id}/retry", "retry run", func(m *matrix, _ int) (string, string, string) { return "/v1/runs/" + m.run + "/retry", "", "" }},
		{"POST /v1/runs/{id}/cancel", "cancel run", func(m *matrix, _ int) (string, string, string) { return "/v1/runs/" + m.run + "/cancel", "", "" }},
		{"POST /v1/webhooks", "create webhook", plain("/v1/webhooks", `{"url":"https://example.com/x#","events":["*"]}`)},
		{"PUT /v1/webhooks/{id}", "set webhook", hooked("", `{"events":["run.done"]}`)},
		{"POST /v1/webhooks/{id}/test", "test webhook", hooked("/test", "")},
		{"POST /v1/webhooks/{id}/deliveries/{delivery}/redeliver", "redeliver", hooked("/deliveries/DELIVERY/redeliver", "")},
		{"DELETE /v1/webhooks/{id}", "delete webhook", hooked("", "")},
		{"POST /v1/templates", "upload template", func(*matrix, int) (string, string, string) { return "/v1/templates", "x", "application/zip" }},
		{"POST /v1/repositories", "bring repository", plain("/v1/repositories", `{"address":"x"}`)},
		{"POST /v1/repositories/{id}/secrets", "seal value", func(m *matrix, _ int) (string, string, string) {
			return "/v1/repositories/" + m.source + "/secrets", `{"name":"KEY","value":"x"}`, "application/json"
		}},
		{"PUT /v1/repositories", "bring repository", func(*matrix, int) (string, string, string) {
			return "/v1/repositories", `{"address":"x"}` + "\n", "application/x-pave-repository"
		}},
		{"POST /v1/template-sources", "import templates", plain("/v1/template-sources", `{"address":"x"}`)},
		{"DELETE /v1/template-sources", "forget templates", plain("/v1/template-sources?address=https://example.invalid/x", "")},
		{"POST /git/{name}.git/git-receive-pack", "push", func(*matrix, int) (string, string, string) {
			return "/git/shop.git/git-receive-pack", "0000", "application/x-git-receive-pack-request"
		}},
		{"PUT /v1/services/{name}/team", "set team", func(_ *matrix, n int) (string, string, string) {
			return "/v1/services/spare/team", fmt.Sprintf(`{"team":%q}`, []string{"ops", "web"}[n]), "application/json"
		}},
		{"POST /v1/teams/{name}/rename", "rename team", func(_ *matrix, n int) (string, string, string) {
			return "/v1/teams/ops/rename", fmt.Sprintf(`{"name":"ops%d"}`, n+1), "application/json"
		}},
	}
}

// TestAuditRows: every route that changes something writes its row, with who, which
// token, from where and by which request; and with the log away it changes nothing.
func TestAuditRows(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	for n := range 2 {
		var inv pave.Invitation
		m.must("POST", "/v1/invitations", fmt.Sprintf(`{"name":"paul%d"}`, n), &inv)
		m.hook = ""
		hook(m)
		m.hooks = append(m.hooks, [2]string{m.params["id"], m.params["delivery"]})
		m.codes, m.victims = append(m.codes, inv.Code), append(m.victims, m.strangeToken())
	}
	dir := t.TempDir()
	if err := m.h.Repository(dir, "index.html", "<h1>x</h1>"); err != nil {
		t.Fatal(err)
	}
	brought, err := m.h.Bring(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.source = brought.ID
	left := map[string]bool{}
	for _, route := range m.routes() {
		if !strings.HasPrefix(route, http.MethodGet+" ") && silent[route] == "" {
			left[route] = true
		}
	}
	for _, d := range deeds() {
		delete(left, d.route)
		after := m.newestRow()
		status, answer := m.do(d, 0)
		var rows struct{ Items []pave.AuditEntry }
		m.must("GET", fmt.Sprintf("/v1/audit?after=%d", after), "", &rows)
		found := false
		for _, r := range rows.Items {
			if r.Action == d.action {
				found = true
				if r.Actor == "" || r.Address == "" || r.Request == "" || r.Object == "" || r.Token == "" && d.action != "login" {
					t.Errorf("%s: a row that does not say who and from where: %+v", d.route, r)
				}
			}
		}
		if !found || status >= 500 {
			t.Errorf("%s: %d %.200s, and no row %q", d.route, status, answer, d.action)
		}
	}
	for route := range left {
		t.Errorf("%s changes something and is not tried here", route)
	}
	m.store(`ALTER TABLE audit RENAME TO audit_away`)
	for _, d := range deeds() {
		if status, answer := m.do(d, 1); status < 400 {
			t.Errorf("%s went through with the audit log away: %d %.200s", d.route, status, answer)
		}
	}
	m.store(`ALTER TABLE audit_away RENAME TO audit`)
	var report pave.AuditReport
	if m.must("GET", "/v1/audit/verify", "", &report); report.Broken != 0 {
		t.Errorf("the log is broken: %+v", report)
	}
}

func (m *matrix) do(d deed, n int) (int, string) {
	method, _, _ := strings.Cut(d.route, " ")
	path, body, kind := d.call(m, n)
	body = strings.ReplaceAll(body, "FIXTURE", m.h.Fixture("x", "x", "none").Inputs["binary"].(string))
	return m.call(method, path, body, kind, m.token["admin"])
}

func (m *matrix) newestRow() int64 {
	m.t.Helper()
	var report pave.AuditReport
	m.must("GET", "/v1/audit/verify", "", &report)
	return report.Rows
}
