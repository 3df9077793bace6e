package platform

import (
	"encoding/json"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

func TestGuards(t *testing.T) {
	t.Parallel()
	change := func(action pave.Action, kind string, spec any) resource.Change {
		data, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		ref := pave.Ref{Kind: kind, Env: "production", Service: "shop", Name: "shop"}
		return resource.Change{Change: pave.Change{Action: action, Ref: ref}, Node: resource.Node{Ref: ref, Spec: data}}
	}
	cases := map[string]struct {
		reason  string
		change  resource.Change
		guard   string
		allowed bool
	}{
		"own user":        {"a service runs as a user of its own", change(pave.ActionCreate, pave.KindDeployment, resource.DeploymentSpec{UID: 70001}), "no-root-workload", true},
		"root by name":    {"a binding may not make it root", change(pave.ActionCreate, pave.KindDeployment, resource.DeploymentSpec{UID: 70001, User: "root"}), "no-root-workload", false},
		"root by number":  {"nor may a missing user id", change(pave.ActionUpdate, pave.KindDeployment, resource.DeploymentSpec{}), "no-root-workload", false},
		"kept as root":    {"what is there already is judged too", change(pave.ActionKeep, pave.KindDeployment, resource.DeploymentSpec{UID: 1, User: "root"}), "no-root-workload", false},
		"private":         {"only the own role connects", change(pave.ActionCreate, pave.KindDatabase, resource.DatabaseSpec{Engine: "postgresql"}), "no-public-database", true},
		"public":          {"a binding may not open it to everybody", change(pave.ActionCreate, pave.KindDatabase, resource.DatabaseSpec{Public: true}), "no-public-database", false},
		"public, deleted": {"what is taken away is no danger", change(pave.ActionDelete, pave.KindDatabase, resource.DatabaseSpec{Public: true}), "no-public-database", true},
		"private bucket":  {"nobody reads a bucket without a key", change(pave.ActionCreate, pave.KindBucket, resource.BucketSpec{Engine: "s3"}), "no-public-bucket", true},
		"public bucket":   {"a binding may not open it to everybody", change(pave.ActionUpdate, pave.KindBucket, resource.BucketSpec{Public: true}), "no-public-bucket", false},
	}
	for source, want := range map[string]string{"": "only its own role may connect", "pave:aws-rds-postgresql": "only its own role may connect",
		"./modules/postgres": "not known: it is made by a module, which says itself who reaches it"} {
		spec := map[string]any{"engine": "postgresql"}
		if source != "" {
			spec["module"] = pave.Module{Source: source}
		}
		if v, ok := noPublicDatabase(change(pave.ActionCreate, pave.KindDatabase, spec)); !ok || !v.Allowed || v.Reason != want {
			t.Errorf("made by %q: %+v, want %q", source, v, want)
		}
	}
	for name, c := range cases {
		verdicts := guard([]resource.Change{c.change})
		if len(verdicts) != len(guardrails) {
			t.Errorf("%s: every guard speaks in every plan: %v", name, verdicts)
		}
		for _, v := range verdicts {
			if v.Guard == c.guard && v.Allowed != c.allowed {
				t.Errorf("%s: %s: got %+v", name, c.reason, v)
			}
			if v.Guard != c.guard && !v.Allowed || v.Reason == "" {
				t.Errorf("%s: %+v", name, v)
			}
		}
	}
}

func TestPlanDiff(t *testing.T) {
	t.Parallel()
	ref := pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"}
	before := pave.Plan{Base: 1, Changes: []pave.Change{{Action: pave.ActionKeep, Ref: ref}}, Runs: []string{"rollout to staging"}}
	now := pave.Plan{Base: 2, Changes: []pave.Change{{Action: pave.ActionCreate, Ref: ref}}}
	want := "revision 2, not 1; now: create database:staging/shop/shop; no longer: "
	if got := planDiff(before, now); len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
}
