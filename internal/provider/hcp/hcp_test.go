package hcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hashicorp/go-tfe"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	fake "github.com/pave-platform/pave/test/hcp"
)

type held map[string]pave.Secret

func (h held) Get(_ context.Context, id string) (pave.Secret, error) { return h[id], nil }

// A rig is a driver over an organization for tests.
type rig struct {
	*Driver
	*fake.Server
	world *fake.Memory

	mu     sync.Mutex
	bounds []resource.Bound
}

func newRig(t *testing.T) *rig {
	t.Helper()
	w := &fake.Memory{}
	g := &rig{Server: fake.New(t, w), world: w}
	g.Driver = &Driver{Kind: pave.KindDatabase, HTTP: &http.Client{Timeout: 10 * time.Second}, Poll: time.Millisecond,
		Vault: held{"token": pave.NewSecret(fake.Token), "key": pave.NewSecret("pvcnry_provider")},
		Files: func(string) (fs.FS, error) { return fstest.MapFS{"main.tf": {Data: []byte("# a thing")}}, nil },
		Bounds: func(context.Context) ([]resource.Bound, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			return slices.Clone(g.bounds), nil
		}}
	g.OnRun(func(s fake.Sent) {
		if s.Workspace("env", "PROVIDER_KEY") != "pvcnry_provider" || s.Workspace("env", terraform.TokenVariable) != "" {
			t.Error("the variables of a workspace are not those of the binding")
		}
		if s.Inputs["connections"] == "" || s.Inputs["name"] == "" {
			t.Errorf("a run is given %v", s.Inputs)
		}
	})
	return g
}

// applies counts the runs that can be applied.
func (g *rig) applies() (n int) {
	for _, r := range g.Runs() {
		if !r.PlanOnly && !r.Destroy {
			n++
		}
	}
	return n
}

func (g *rig) with(r resource.Resource, connections int, change ...func(*pave.Module)) resource.Resource {
	m := pave.Module{Digest: "sha256:1", Source: "test", Set: map[string]any{"connections": connections}, Fill: map[string]string{"name": "name", "pave_id": "id", "tags": "tags"},
		Outputs: map[string]string{"url": "url"}, Secrets: map[string]string{terraform.TokenVariable: "token", "PROVIDER_KEY": "key"},
		Backend: &pave.Backend{Type: terraform.HCP, Config: map[string]string{"org": "acme", "url": g.URL}}}
	for _, c := range change {
		c(&m)
	}
	text, err := json.Marshal(map[string]any{"engine": "postgresql", "team": "web", "module": m})
	if err != nil {
		panic(err)
	}
	r.Spec = text
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bounds = []resource.Bound{resource.BindingOf(text)}
	return r
}

func (g *rig) fresh() resource.Resource {
	id := pave.NewID("res")
	return g.with(resource.Resource{ID: id, Ref: pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"},
		ExternalID: "shop_" + strings.ToLower(id[len(id)-10:])}, 20)
}

// A secret for an input with parts is written in the language of Terraform there as here,
// one for a text is that text.
func TestSecretInputs(t *testing.T) {
	t.Parallel()
	main := `variable "hosts" { type = list(string) }` + "\n" + `variable "key" { type = string }` + "\n" + `variable "any" {}`
	c := client{d: &Driver{Files: func(string) (fs.FS, error) { return fstest.MapFS{"main.tf": {Data: []byte(main)}}, nil }},
		secrets: map[string]pave.Secret{"TF_VAR_hosts": pave.NewSecret(`["a"]`), "TF_VAR_key": pave.NewSecret("${x"), "TF_VAR_any": pave.NewSecret("[1]"), "KEY": pave.NewSecret("[1]")}}
	want := map[string]variable{"terraform hosts": {tfe.CategoryTerraform, `["a"]`, true, true}, "terraform key": {tfe.CategoryTerraform, "${x", false, true},
		"terraform any": {tfe.CategoryTerraform, "[1]", false, true}, "env KEY": {tfe.CategoryEnv, "[1]", false, true}}
	if got := c.wanted(); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The suite of all drivers. What is foreign is known only once it is applied.
func TestConformance(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	resourcetest.Run(t, resourcetest.Config{
		New:    func(*testing.T) (resource.Driver, func() resource.Resource) { return g.Driver, g.fresh },
		Change: func(r resource.Resource) resource.Resource { return g.with(r, 7) },
		Seen: func(_ *testing.T, r resource.Resource, st resource.State) string {
			there, _ := g.world.Find(r.ExternalID)
			return fmt.Sprint(st.Secrets["url"].Reveal(), there)
		},
		Within: time.Minute,
	})
}

// What a module protects is not destroyed, and no run is begun for that.
func TestProtected(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	r = g.with(r, 20, func(m *pave.Module) { m.Outputs["protected"] = "limit" })
	if _, err := g.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	runs := len(g.Runs())
	_, diff := g.Diff(t.Context(), r)
	for _, err := range []error{diff, g.Delete(t.Context(), r)} {
		if pave.CodeOf(err) != pave.Policy || !strings.Contains(fmt.Sprint(err), "is protected") || pave.HintOf(err) == "" {
			t.Errorf("protected: %v, %q", err, pave.HintOf(err))
		}
	}
	if _, there := g.world.Find(r.ExternalID); !there || len(g.Runs()) != runs {
		t.Errorf("it is there: %v; %d runs, before %d", there, len(g.Runs()), runs)
	}
	r = g.with(r, 20) // its module does not protect it any more
	if _, err := g.Diff(t.Context(), r); err != nil || g.Delete(t.Context(), r) != nil {
		t.Errorf("not protected: %v", err)
	}
}

// A plan makes nothing, an apply does what was shown, and a plan that does more by then
// is discarded.
func TestShown(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	fresh := r
	fresh.ID = ""
	lines, err := g.Plan(t.Context(), fresh)
	if err != nil || len(lines) != 1 || lines[0] != "+ thing.this" || len(g.Names()) > 0 || g.world.Len() > 0 {
		t.Fatalf("%q, %v, workspaces %v", lines, err, g.Names())
	}
	r.Shown, r.Job = lines, "run_1.database"
	st, err := g.Apply(t.Context(), r)
	if err != nil || !st.Ready || !strings.Contains(st.Secrets["url"].Reveal(), "pvcnry_made") || st.Outputs["limit"] != "20" {
		t.Fatalf("%+v, %v", st, err)
	}
	change(t, g, r, "3")
	r.Job = "run_2.database"
	if _, err := g.Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), "~ thing.this: limit 3 -> 20") {
		t.Errorf("what was not shown: %v", err)
	}
	if got, _ := g.world.Find(r.ExternalID); got.Limit != "3" {
		t.Errorf("it was changed to %s", got.Limit)
	}
	for _, run := range g.Runs() {
		if run.Message == "pave run_2.database" && run.Status != "discarded" {
			t.Errorf("the run is %s", run.Status)
		}
	}
	if st, err := g.Observe(t.Context(), r); err != nil || !st.Ready {
		t.Errorf("what was discarded changed nothing: %+v, %v", st, err)
	}
	if d, err := g.Diff(t.Context(), r); err != nil || !strings.Contains(d.Lost, "1 things of workspace pave-"+r.ID) {
		t.Errorf("%+v, %v", d, err)
	}
}

// change changes a thing behind everybody's back.
func change(t *testing.T, g *rig, r resource.Resource, limit string) {
	t.Helper()
	if _, err := g.world.Put(r.ExternalID, fake.Thing{Owner: r.ID, Limit: limit}); err != nil {
		t.Fatal(err)
	}
}

// Policies that are not met stop the run, with who may go on and where. A plan says of
// those that may be overridden that they are not met.
func TestPolicies(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	r.Job = "run_1.database"
	g.Policy("soft")
	lines, err := g.Plan(t.Context(), r)
	if err != nil || len(lines) != 2 || !strings.Contains(lines[1], "1 policies of the organization are not met") {
		t.Errorf("planned: %q, %v", lines, err)
	}
	_, err = g.Apply(t.Context(), r)
	if pave.CodeOf(err) != pave.Policy || !strings.Contains(err.Error(), "1 policies of the organization") || !strings.Contains(pave.HintOf(err), "/app/acme/workspaces/pave-"+r.ID+"/runs/run-") {
		t.Errorf("%v, %s", err, pave.HintOf(err))
	}
	g.Policy("")
	g.Override()
	if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready || g.applies() != 1 {
		t.Errorf("overridden: %+v, %v, %d runs", st, err, g.applies())
	}
	hard := g.fresh()
	g.Policy("hard")
	if _, err := g.Apply(t.Context(), hard); pave.CodeOf(err) != pave.Policy || g.world.Len() != 1 {
		t.Errorf("%v", err)
	}
	if _, err := g.Plan(t.Context(), hard); pave.CodeOf(err) != pave.Policy {
		t.Errorf("planned: %v", err)
	}
}

// Answers that fail or are lost: each try is told apart by its code, none shows a secret,
// and the next one makes one thing of it.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, how string
		code      pave.Code
	}{
		{"POST /api/v2/organizations/acme/workspaces", "lost", ""},
		{"POST /api/v2/organizations/acme/workspaces", "403", pave.Denied},
		{"GET /api/v2/organizations/acme/workspaces", "500", pave.Unavailable},
		{"GET /api/v2/organizations/acme/workspaces", "html", pave.Unavailable},
		{"POST /api/v2/runs", "lost", pave.Unavailable},
		{"actions/apply", "lost", pave.Unavailable},
		{"actions/apply", "500", pave.Unavailable},
		{"actions/apply", "429", ""},
		{"current-state-version-outputs", "500", pave.Unavailable},
	} {
		t.Run(c.path+" "+c.how, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			r := g.fresh()
			r.Job = "run_1.database"
			g.Break(c.path, c.how)
			_, err := g.Apply(t.Context(), r)
			if c.how == "429" && err != nil {
				t.Errorf("it was not waited for: %v", err)
			}
			if err != nil && (c.code != "" && pave.CodeOf(err) != c.code || pave.HintOf(err) == "" || strings.Contains(err.Error(), "pvcnry")) {
				t.Errorf("%v (%s), want %s", err, pave.CodeOf(err), c.code)
			}
			if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready {
				t.Errorf("the next try: %+v, %v", st, err)
			}
			if g.world.Len() != 1 || len(g.Names()) != 1 || g.applies() != 1 {
				t.Errorf("there are %d things, workspaces %v, %d runs", g.world.Len(), g.Names(), g.applies())
			}
			if err := g.Delete(t.Context(), r); err != nil || g.world.Len() != 0 || len(g.Names()) != 0 {
				t.Errorf("%v, there are %d things, workspaces %v", err, g.world.Len(), g.Names())
			}
		})
	}
}

// What an applied run has made is destroyed although HCP Terraform has not counted it yet,
// and what a step has left planned stands in nobody's way.
func TestDeleteHalfDone(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for i, at := range []string{"current-state-version-outputs", "actions/apply"} {
		r := g.fresh()
		r.Job = fmt.Sprintf("run_%d.database", i)
		g.Break(at, "500")
		if _, err := g.Apply(t.Context(), r); pave.CodeOf(err) != pave.Unavailable {
			t.Fatalf("broken at %s: %v", at, err)
		}
		r.Job = fmt.Sprintf("run_%d.undo", i)
		if err := g.Delete(t.Context(), r); err != nil || g.world.Len() != 0 || len(g.Names()) != 0 {
			t.Errorf("broken at %s: %v, there are %d things, workspaces %v", at, err, g.world.Len(), g.Names())
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	if _, err := g.world.Put(r.ExternalID, fake.Thing{Owner: "somebody", Limit: "1"}); err != nil {
		t.Fatal(err)
	}
	st, err := g.Apply(t.Context(), r)
	if pave.CodeOf(err) != pave.Conflict || !strings.Contains(pave.HintOf(err), "/runs/run-") || !strings.Contains(err.Error(), "thing "+r.ExternalID+" already exists: It is somebody's") {
		t.Errorf("a name that is taken: %v", err)
	}
	if notes := strings.Join(st.Notes, "\n"); !strings.Contains(notes, "Error: thing") || strings.Contains(notes+err.Error(), "pvcnry") {
		t.Errorf("what is told of it: %s", notes)
	}
	if err := g.Delete(t.Context(), r); err != nil || g.world.Len() != 1 || len(g.Names()) != 0 {
		t.Errorf("given up: %v, there are %d things, workspaces %v", err, g.world.Len(), g.Names())
	}
	g.Driver.Vault = held{"token": pave.NewSecret("pvcnry_wrong"), "key": pave.NewSecret("pvcnry_provider")}
	if _, err := g.Observe(t.Context(), r); pave.CodeOf(err) != pave.Denied || strings.Contains(err.Error(), "pvcnry") {
		t.Errorf("a token that is none: %v", err)
	}
	g.Driver.Vault = held{}
	if _, err := g.Observe(t.Context(), r); pave.CodeOf(err) != pave.Denied {
		t.Errorf("no token: %v", err)
	}
}

// A binding is asked about before it is kept: each thing that is missing by its name, with
// what to do.
func TestBinding(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.Let("blind", fake.Caller{Name: "mia", Blind: true, Makes: true, Runs: true})
	g.Let("reads", fake.Caller{Name: "mia", Runs: true})
	g.Let("organization", fake.Caller{Name: "api-org-acme-1", Service: true, Makes: true})
	g.Let("person", fake.Caller{Name: "mia", Makes: true, Runs: true})
	for _, c := range []struct{ token, org, want, hint string }{
		{fake.Token, fake.Org, "", ""},
		{"person", fake.Org, "", ""},
		{"wrong", fake.Org, "unauthorized", "--secret TFE_TOKEN"},
		{"blind", fake.Org, "look at the organization acme", "may the token see it?"},
		{fake.Token, "other", "look at the organization other", "is the organization other there"},
		{"reads", fake.Org, "may not make workspaces in acme", "Manage all workspaces"},
		{"organization", fake.Org, "that of the organization, which may not start runs", "the token of a team"},
	} {
		checks := g.CheckBinding(t.Context(), resource.Opened{Settings: map[string]string{"url": g.URL, "org": c.org},
			Secrets: map[string]pave.Secret{terraform.TokenVariable: pave.NewSecret(c.token)}})
		last := checks[len(checks)-1]
		if last.OK != (c.want == "") || !last.OK && (!strings.Contains(last.Detail, c.want) || !strings.Contains(last.Fix, c.hint)) {
			t.Errorf("%s in %s: %+v", c.token, c.org, last)
		}
	}
	checks := g.CheckBinding(t.Context(), resource.Opened{Settings: map[string]string{"url": "http://127.0.0.1:1", "org": fake.Org},
		Secrets: map[string]pave.Secret{terraform.TokenVariable: pave.NewSecret(fake.Token)}})
	if len(checks) != 1 || checks[0].OK || !strings.Contains(checks[0].Detail, "refused") {
		t.Errorf("nobody there: %+v", checks)
	}
}

// Drift is what the newest run saw that looked, or nothing where one was applied since. A
// run looks at most every six hours, and one at a time, unless somebody asks.
func TestDrift(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r, other := g.fresh(), g.fresh()
	for i, one := range []resource.Resource{r, other} {
		one.Job = fmt.Sprintf("run_%d.database", i)
		if _, err := g.Apply(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	change(t, g, r, "3")
	drift(t, g, r, "", 0)      // it was applied just now
	g.Later(7 * time.Hour)     //
	drift(t, g, r, "?", 1)     // it begins to look
	drift(t, g, other, "?", 1) // while that goes on no other one begins
	drift(t, g, r, "?", 1)     // it looks
	drift(t, g, r, "~ thing.this: limit 3 -> 20", 1)
	drift(t, g, other, "?", 2)
	change(t, g, r, "20")
	drift(t, g, r, "~ thing.this: limit 3 -> 20", 2) // what was seen
	r.Fresh = true
	drift(t, g, r, "", 3)
	r.Fresh = false
	drift(t, g, r, "", 3)
	g.Later(7 * time.Hour)
	g.looks.done("ws-0000000000000012")
	g.Policy("hard") // the run fails: it is not begun again each minute
	drift(t, g, other, "?", 3)
}

// drift compares what drift is known, "?" for none, and how many runs have looked.
func drift(t *testing.T, g *rig, r resource.Resource, want string, looks int) {
	t.Helper()
	lines, err := g.Drift(t.Context(), r)
	got := strings.Join(lines, "; ")
	if pave.CodeOf(err) == pave.Unavailable {
		got = "?"
	} else if err != nil {
		t.Errorf("drift: %v", err)
	}
	n := 0
	for _, run := range g.Runs() {
		if run.Message == lookMessage {
			n++
		}
	}
	if got != want || n != looks {
		t.Errorf("drift is %q after %d looks, want %q after %d", got, n, want, looks)
	}
}

// A plan of what is there leaves its workspace as it was applied: the drift that is seen
// after it is none.
func TestPlanLeavesInputs(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	if _, err := g.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if lines, err := g.Plan(t.Context(), g.with(r, 7)); err != nil || len(lines) != 1 || lines[0] != "~ thing.this: limit 20 -> 7" {
		t.Errorf("%q, %v", lines, err)
	}
	if got := g.Variable("pave-"+r.ID, "terraform", "connections"); got != "20" {
		t.Errorf("a plan has set a variable to %s", got)
	}
	r.Fresh = true
	drift(t, g, r, "", 1)
}

// All pages of workspaces are listed, by the binding that still signs in; workspaces of
// others, and those of plans, are none of pave's resources. Plans that were left behind go.
func TestList(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	for i := range 120 {
		g.Leave(fmt.Sprintf("pave-res_%03d", i))
	}
	g.Leave("pave-plan-01jd4t9xk2m7q8v5n3r6w0ybce")
	g.Leave("their-pave-res_1")
	old := resource.Bound{Settings: g.bounds[0].Settings, Secrets: map[string]string{terraform.TokenVariable: "key"}}
	g.bounds = append([]resource.Bound{old}, g.bounds...)
	found, err := g.List(t.Context())
	if err != nil || len(found) != 120 || found[7] != (resource.Found{ID: "res_007", ExternalID: "pave-res_007"}) {
		t.Errorf("%d found, %v", len(found), err)
	}
	g.Later(5 * time.Hour)
	r.ID = ""
	if _, err := g.Plan(t.Context(), r); err != nil || slices.Contains(g.Names(), "pave-plan-01jd4t9xk2m7q8v5n3r6w0ybce") || len(g.Names()) != 121 {
		t.Errorf("%v, there are %d workspaces", err, len(g.Names()))
	}
	g.bounds = g.bounds[:1]
	if _, err := g.List(t.Context()); pave.CodeOf(err) != pave.Denied {
		t.Errorf("by a token that is none: %v", err)
	}
}

// What headers say of the rate of calls is believed within reason.
func TestTame(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ limit, reset, after, wantLimit, wantReset string }{
		{"30", "0.25", "", "30", "0.25"},
		{"", "", "", "", ""},
		{"many", "soon", "", "", ""},
		{"1e999", "1e999", "", "", ""},
		{"0.001", "86400", "", "", "60"},
		{"NaN", "NaN", "", "", ""},
		{"Inf", "Inf", "", "", "60"},
		{"30", "-1", "", "30", ""},
		{"30", "", "7", "30", "7"},
		{"30", "", "Sun, 01 Mar 2026 12:00:09 GMT", "30", "9"},
		{"30", "", "Sun, 01 Mar 2026 11:00:00 GMT", "30", ""},
		{"30", "", "later", "30", ""},
		{"30", "2", "7", "30", "2"},
	} {
		resp := &http.Response{Header: http.Header{}}
		for name, value := range map[string]string{rateHeader: c.limit, resetHeader: c.reset, "Retry-After": c.after} {
			if value != "" {
				resp.Header.Set(name, value)
			}
		}
		tame(resp, now)
		if limit, reset := resp.Header.Get(rateHeader), resp.Header.Get(resetHeader); limit != c.wantLimit || reset != c.wantReset {
			t.Errorf("%+v: %q, %q", c, limit, reset)
		}
	}
}

// The errors of a log are found in both of its forms, without colours, frames and secrets.
func TestMessages(t *testing.T) {
	t.Parallel()
	c := &client{secrets: map[string]pave.Secret{"KEY": pave.NewSecret("pvcnry_key")}}
	for log, want := range map[string]string{
		"":                                    "",
		"Terraform v1.9.8\nInitializing...\n": "",
		"Plan: 1\n\x1b[31m╷\x1b[0m\n│ Error: no\x1b[0m access\n│ \n│ by pvcnry_key\n╵\n": "Error: no access|by " + pave.NewSecret("x").String(),
		"{\"@level\":\"info\"}\n{\"diagnostic\":{\"severity\":\"warning\",\"summary\":\"old\"}}\n" +
			"{\"diagnostic\":{\"severity\":\"error\",\"summary\":\"no quota\",\"detail\":\"ask\\nsomebody\"}}\n{broken\n": "Error: no quota|ask|somebody",
	} {
		if got := strings.Join(c.messages(log), "|"); got != want {
			t.Errorf("%q: %q, want %q", log, got, want)
		}
	}
}

// Whatever a log looks like, no secret is in what is told of it.
func FuzzMessages(f *testing.F) {
	f.Add("{\"diagnostic\":{\"severity\":\"error\",\"summary\":\"pvcnry\\u005fkey\"}}\nError: pvcnry\x1b[0m_key")
	f.Add("Error: no\n│ pvcnry_key")
	c := &client{secrets: map[string]pave.Secret{"KEY": pave.NewSecret("pvcnry_key")}}
	f.Fuzz(func(t *testing.T, log string) {
		if told := strings.Join(c.messages(log), "\n"); strings.Contains(told, "pvcnry_key") {
			t.Errorf("%q", told)
		}
	})
}

// An error of a call that was never sent is not what the call before it was answered.
func TestStaleStatus(t *testing.T) {
	t.Parallel()
	c := &client{status: &statuses{last: http.StatusNotFound}}
	for _, want := range []pave.Code{pave.NotFound, pave.Unavailable} {
		if err := c.failed("look", errors.New("context deadline exceeded")); pave.CodeOf(err) != want {
			t.Errorf("%v is %s, want %s", err, pave.CodeOf(err), want)
		}
	}
}
