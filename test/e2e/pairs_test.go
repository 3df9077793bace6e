package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

// pairs asks, as a developer of another team, for what team web owns by a name or id
// in a query or a body, beside an object of their own where there is one.
func (m *matrix) pairs(t *testing.T) {
	t.Helper()
	var releases struct{ Items []pave.Release }
	m.must("GET", "/v1/services/shop/releases", "", &releases)
	var sealed pave.SealedValue
	m.must("POST", "/v1/services/shop/secrets", `{"name":"KEY","value":"x"}`, &sealed)
	plan := func(verb, spec string) [3]string {
		return [3]string{"POST", "/v1/plans", fmt.Sprintf(`{"verb":%q,"spec":%s}`, verb, spec)}
	}
	for what, call := range map[string][3]string{
		"runs of a service":      {"GET", "/v1/runs?service=shop"},
		"events of a service":    {"GET", "/v1/events?service=shop"},
		"events of a run":        {"GET", "/v1/events?run=" + m.run},
		"stream of a run":        {"GET", "/v1/events/stream?run=" + m.run},
		"stream of a service":    {"GET", "/v1/events/stream?service=shop"},
		"resources of a service": {"GET", "/v1/resources?service=shop"},
		"calls of a service":     {"GET", "/v1/calls?service=shop"},
		"entities of a service":  {"GET", "/v1/entities?service=shop"},
		"may they":               {"GET", "/v1/can?verb=deploy&name=shop"},
		"may they, a team":       {"GET", "/v1/can?verb=lead&name=web"},
		"a shortened run":        {"GET", "/v1/runs/" + m.run[:16]},
		"undo of a run":          plan("undo", fmt.Sprintf(`{"run":%q}`, m.run)),
		"deploy":                 plan("deploy", `{"name":"shop"}`),
		"delete":                 plan("delete service", `{"name":"shop"}`),
		"scale":                  plan("scale", `{"service":"shop","replicas":3}`),
		"foreign release":        plan("deploy", fmt.Sprintf(`{"name":"side","release":%q}`, releases.Items[0].ID)),
		"foreign secret":         plan("set secret", fmt.Sprintf(`{"service":"side","name":"KEY","value":%q}`, sealed.ID)),
		"foreign repository":     plan("adopt", fmt.Sprintf(`{"name":"mine","team":"ops","source":%q}`, "src_"+strings.Repeat("A", 26))),
		"adopt over a service":   plan("adopt", `{"name":"shop","team":"ops","source":"x"}`),
		"plan file":              {"POST", "/v1/plan-files/apply", `{"version":1,"base":1,"hash":"x","request":{"verb":"deploy","spec":{"name":"shop"}}}`},
		"token of a service":     {"POST", "/v1/tokens", `{"name":"x","scope":"service:shop"}`},
		"take a service":         {"PUT", "/v1/services/shop/team", `{"team":"ops"}`},
		"give to a team":         {"PUT", "/v1/services/side/team", `{"team":"web"}`},
		"a member into a team":   {"POST", "/v1/invitations", `{"name":"otto","team":"web","role":"lead"}`},
	} {
		for _, who := range []string{"other developer", "other lead"} {
			status, answer := m.call(call[0], call[1], call[2], "application/json", m.token[who])
			wanted := 404
			switch {
			case what == "foreign secret", what == "foreign release", what == "foreign repository", what == "adopt over a service":
				wanted = 400 // none of their own service, and no more is said
			case what == "give to a team" && who == "other developer":
				wanted = 403 // their own service, which a lead gives away
			}
			if status != wanted {
				t.Errorf("%s as %s: %d, want %d: %.200s", what, who, status, wanted, answer)
			}
		}
		if status, answer := m.call(call[0], call[1], call[2], "application/json", ""); status != 401 {
			t.Errorf("%s as nobody: %d %.200s", what, status, answer)
		}
	}
}
