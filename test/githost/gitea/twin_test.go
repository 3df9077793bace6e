package gitea

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// script is what both servers are asked, in this order.
var script = []struct{ method, path, body string }{
	{"GET", "version", ""},
	{"GET", "user", ""},
	{"GET", "orgs/acme", ""},
	{"GET", "orgs/acne", ""},
	{"GET", "users/ann/orgs/acme/permissions", ""},
	{"GET", "orgs/acme/teams", ""},
	{"GET", "repos/acme/shop", ""},
	{"PATCH", "repos/acme/pave-probe.git", "{}"},
	{"POST", "orgs/acme/repos", `{"name":"shop","description":"A shop [pave res_1]","private":true,"default_branch":"main","auto_init":false}`},
	{"POST", "orgs/acme/repos", `{"name":"shop"}`},
	{"POST", "orgs/acme/repos", `{"name":"no name"}`},
	{"POST", "orgs/acme/repos", `{"name":"taken"}`},
	{"PATCH", "repos/acme/shop", `{"name":"taken"}`},
	{"GET", "orgs/acme/repos?limit=1&page=2", ""},
	{"GET", "repos/acme/shop/topics", ""},
	{"PUT", "repos/acme/shop/topics", `{"topics":["pave-res-01jd4t9xk2m7abcdefghijklmn","web"]}`},
	{"PUT", "repos/acme/shop/topics", `{"topics":["pave-res-01jd4t9xk2m7abcdefghijklmno"]}`},
	{"GET", "repos/acme/shop/branches/main", ""},
	{"GET", "repos/acme/shop/branch_protections", ""},
	{"GET", "repos/acme/shop/branch_protections/main", ""},
	{"POST", "repos/acme/shop/branch_protections", `{"rule_name":"main","enable_push":true,"required_approvals":1}`},
	{"POST", "repos/acme/shop/branch_protections", `{"rule_name":"main"}`},
	{"PATCH", "repos/acme/shop/branch_protections/main", `{"enable_push":false,"block_on_rejected_reviews":true}`},
	{"GET", "repos/acme/shop/branch_protections/main", ""},
	{"GET", "repos/acme/shop/teams", ""},
	{"PUT", "repos/acme/shop/teams/Owners", ""},
	{"PUT", "repos/acme/shop/teams/nobody", ""},
	{"PUT", "repos/acme/shop/actions/secrets/URL", `{"data":"x"}`},
	{"PUT", "repos/acme/shop/actions/secrets/url", `{"data":"y"}`},
	{"PUT", "repos/acme/shop/actions/secrets/GITEA_X", `{"data":"x"}`},
	{"GET", "repos/acme/shop/actions/secrets", ""},
	{"POST", "repos/acme/shop/actions/variables/level", `{"value":"1"}`},
	{"POST", "repos/acme/shop/actions/variables/LEVEL", `{"value":"1"}`},
	{"PUT", "repos/acme/shop/actions/variables/LEVEL", `{"value":"2"}`},
	{"PUT", "repos/acme/shop/actions/variables/OTHER", `{"value":"2"}`},
	{"POST", "repos/acme/shop/actions/variables/EMPTY", `{"value":""}`},
	{"GET", "repos/acme/shop/actions/variables", ""},
	{"DELETE", "repos/acme/shop/actions/variables/LEVEL", ""},
	{"DELETE", "repos/acme/shop/actions/variables/LEVEL", ""},
	{"DELETE", "repos/acme/shop/actions/secrets/URL", ""},
	{"DELETE", "repos/acme/shop/actions/secrets/URL", ""},
	{"GET", "repos/acme/shop/actions/runs", ""},
	{"POST", "repos/acme/shop/hooks", `{"type":"gitea","active":true,"events":["push"],"config":{"url":"http://127.0.0.1:1/x","content_type":"json","secret":"s"}}`},
	{"POST", "repos/acme/shop/hooks", `{"type":"gitea","active":true,"config":{"url":"http://127.0.0.1:1/x"}}`},
	{"GET", "repos/acme/shop/hooks", ""},
	{"DELETE", "repos/acme/shop/hooks/999", ""},
	{"POST", "repos/acme/shop/statuses/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", `{"context":"x","state":"success"}`},
	{"GET", "repos/acme/shop/pulls?state=open", ""},
	{"PATCH", "repos/acme/shop", `{"name":"shop-aside","archived":true,"private":false,"description":"x"}`},
	{"GET", "repos/acme/shop", ""},
	{"PATCH", "repos/acme/shop", "{}"},
	{"POST", "repos/acme/shop-aside/branch_protections", `{"rule_name":"other"}`},
	{"PUT", "repos/acme/shop-aside/topics", `{"topics":[]}`},
	{"PATCH", "repos/acme/shop-aside", `{"archived":false}`},
	{"POST", "orgs/acme/repos", `{"name":"shop"}`},
	{"GET", "repos/acme/shop", ""},
	{"DELETE", "repos/acme/shop", ""},
	{"DELETE", "repos/acme/shop", ""},
}

// The fake answers as a real server does: with the same status, and with the same
// members of the same kinds.
func TestFakeIsLikeTheRealOne(t *testing.T) {
	t.Parallel()
	real, fake := Real(t), New(t).World()
	for _, c := range script {
		var in any
		if c.body != "" {
			in = json.RawMessage(c.body)
		}
		wantStatus, want := real.Do(t, c.method, c.path, in)
		status, got := fake.Do(t, c.method, c.path, in)
		what := c.method + " " + c.path + " " + c.body
		if status != wantStatus {
			t.Errorf("%s: %d, a real one %d (%v)", what, status, wantStatus, want)
		}
		if status < 300 {
			if g, w := shape(got), shape(want); g != w {
				t.Errorf("%s:\n%s, a real one\n%s", what, g, w)
			}
		}
	}
}

// shape is the members of a value and their kinds.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		if units, ok := v["units_map"].(map[string]any); ok { // as many as the server knows
			v["units_map"] = fmt.Sprint(units["repo.code"])
		}
		if _, ok := v["units"]; ok {
			v["units"] = ""
		}
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+" "+shape(v[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "[" + shape(v[0]) + "]"
	case nil:
		return "nothing"
	}
	return fmt.Sprintf("%T", v)
}
