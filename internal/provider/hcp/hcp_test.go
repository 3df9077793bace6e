package hcp

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/terraform"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

type held map[string]pave.Secret

func (h held) Get(_ context.Context, id string) (pave.Secret, error) { return h[id], nil }

// A rig is a driver over a fake organization.
type rig struct {
	*Driver
	*fake
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{&Driver{Kind: pave.KindDatabase, HTTP: &http.Client{Timeout: 10 * time.Second}, Poll: time.Millisecond,
		Vault: held{"token": pave.NewSecret(token), "key": pave.NewSecret("pvcnry_provider")},
		Files: func(string) (fs.FS, error) { return fstest.MapFS{"main.tf": {Data: []byte("# a thing")}}, nil }}, newFake(t)}
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
	return r
}

func (g *rig) fresh() resource.Resource {
	id := pave.NewID("res")
	return g.with(resource.Resource{ID: id, Ref: pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"},
		ExternalID: "shop_" + strings.ToLower(id[len(id)-10:])}, 20)
}

// The suite of all drivers. What is foreign is known only once it is applied.
func TestConformance(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	resourcetest.Run(t, resourcetest.Config{
		New:    func(*testing.T) (resource.Driver, func() resource.Resource) { return g.Driver, g.fresh },
		Change: func(r resource.Resource) resource.Resource { return g.with(r, 7) },
		Seen: func(_ *testing.T, r resource.Resource, st resource.State) string {
			g.mu.Lock()
			defer g.mu.Unlock()
			return fmt.Sprint(st.Secrets["url"].Reveal(), g.world[r.ExternalID])
		},
		Within: time.Minute,
	})
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
	if err != nil || len(lines) != 1 || lines[0] != "+ thing.this" || len(g.workspaces) > 0 || len(g.world) > 0 {
		t.Fatalf("%q, %v, %d workspaces", lines, err, len(g.workspaces))
	}
	r.Shown, r.Job = lines, "run_1.database"
	st, err := g.Apply(t.Context(), r)
	if err != nil || !st.Ready || !strings.Contains(st.Secrets["url"].Reveal(), "pvcnry_made") || st.Outputs["limit"] != "20" {
		t.Fatalf("%+v, %v", st, err)
	}
	g.mu.Lock()
	g.world[r.ExternalID] = thing{r.ID, "3"} // somebody changes it behind everybody's back
	g.mu.Unlock()
	r.Job = "run_2.database"
	if _, err := g.Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), "~ thing.this: limit 3 -> 20") {
		t.Errorf("what was not shown: %v", err)
	}
	if got := g.world[r.ExternalID].limit; got != "3" {
		t.Errorf("it was changed to %s", got)
	}
	for _, run := range g.runs {
		if run.message == "pave run_2.database" && run.status != "discarded" {
			t.Errorf("the run is %s", run.status)
		}
	}
	if d, err := g.Diff(t.Context(), r); err != nil || !strings.Contains(d.Lost, "1 things of workspace pave-"+r.ID) {
		t.Errorf("%+v, %v", d, err)
	}
}

// Policies that are not met stop the run, with who may go on and where.
func TestPolicies(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	r.Job = "run_1.database"
	g.policy = "soft"
	_, err := g.Apply(t.Context(), r)
	if pave.CodeOf(err) != pave.Policy || !strings.Contains(err.Error(), "1 policies of the organization") || !strings.Contains(pave.HintOf(err), "/app/acme/workspaces/pave-"+r.ID+"/runs/run-") {
		t.Errorf("%v, %s", err, pave.HintOf(err))
	}
	g.mu.Lock()
	g.policy = ""
	for _, run := range g.runs {
		run.overridden = true
	}
	g.mu.Unlock()
	if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready || len(g.runs) != 1 {
		t.Errorf("overridden: %+v, %v, %d runs", st, err, len(g.runs))
	}
	hard := g.fresh()
	g.policy = "hard"
	if _, err := g.Apply(t.Context(), hard); pave.CodeOf(err) != pave.Policy || len(g.world) != 1 {
		t.Errorf("%v", err)
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
		{"current-state-version-outputs", "500", pave.Unavailable},
	} {
		t.Run(c.path+" "+c.how, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			r := g.fresh()
			r.Job = "run_1.database"
			g.broken, g.path = c.how, c.path
			_, err := g.Apply(t.Context(), r)
			if err != nil && (c.code != "" && pave.CodeOf(err) != c.code || pave.HintOf(err) == "" || strings.Contains(err.Error(), "pvcnry")) {
				t.Errorf("%v (%s), want %s", err, pave.CodeOf(err), c.code)
			}
			if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready {
				t.Errorf("the next try: %+v, %v", st, err)
			}
			if len(g.world) != 1 || len(g.workspaces) != 1 || len(g.runs) != 1 {
				t.Errorf("there are %d things, %d workspaces, %d runs", len(g.world), len(g.workspaces), len(g.runs))
			}
			if err := g.Delete(t.Context(), r); err != nil || len(g.world) != 0 || len(g.workspaces) != 0 {
				t.Errorf("%v, there are %d things, %d workspaces", err, len(g.world), len(g.workspaces))
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.fresh()
	g.world[r.ExternalID] = thing{"somebody", "1"}
	if _, err := g.Apply(t.Context(), r); pave.CodeOf(err) != pave.Invalid || !strings.Contains(pave.HintOf(err), "/runs/run-") {
		t.Errorf("a name that is taken: %v", err)
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
