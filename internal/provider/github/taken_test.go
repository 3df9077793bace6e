package github_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
	hub "github.com/pave-platform/pave/test/githost/github"
)

// A service that is adopted from a repository of the organisation lives in that very
// one: it is marked and guarded, and let go where another would be set aside or deleted.
func TestTakesOver(t *testing.T) {
	t.Parallel()
	rig := newRig(t, "visibility=internal")
	r := rig.adopted(t, rig.fresh())
	rig.hub.Add(r.ExternalID, "of the shop", "shop")
	rig.push(t, r.ExternalID, "main", "package main\n")

	unborn := r
	unborn.ID = ""
	if _, err := rig.Observe(t.Context(), unborn); pave.CodeOf(err) != pave.NotFound {
		t.Fatalf("before: %v", err)
	}
	if lines, err := rig.Plan(t.Context(), unborn); err != nil || !strings.HasPrefix(lines[0], "takes over ") {
		t.Errorf("plan: %q, %v", lines, err)
	}
	rig.apply(t, r)
	seen, _ := rig.hub.See(r.ExternalID)
	if len(seen.Topics) != 2 || seen.Description != "of the shop" || seen.Visibility != "private" || rig.hub.Protection(r.ExternalID) == nil {
		t.Errorf("taken over: %+v", seen)
	}
	if drift, err := rig.Drift(t.Context(), r); err != nil || len(drift) > 0 {
		t.Errorf("drift: %q, %v", drift, err)
	}
	other := rig.adopted(t, rig.fresh())
	other.ExternalID, other.Spec = r.ExternalID, r.Spec
	if _, err := rig.Apply(t.Context(), other); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("another service takes it too: %v", err)
	}
	for what, f := range map[string]func() error{
		"set aside": func() error { return rig.SetAside(t.Context(), r) },
		"deleted":   func() error { rig.apply(t, r); return rig.Delete(t.Context(), r) },
	} {
		if err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if seen, ok := rig.hub.See(r.ExternalID); !ok || seen.Archived || !slices.Equal(seen.Topics, []string{"shop"}) {
			t.Errorf("%s: %v %+v", what, ok, seen)
		}
	}
}

// What pave could only take over by changing what people have it refuses.
func TestTakesOverWhatItCan(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*hub.Seen){
		"another branch": func(s *hub.Seen) { s.DefaultBranch = "trunk" },
		"archived":       func(s *hub.Seen) { s.Archived = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			r := rig.adopted(t, rig.fresh())
			rig.hub.Add(r.ExternalID, "of the shop")
			rig.push(t, r.ExternalID, "main", "package main\n")
			rig.hub.Edit(r.ExternalID, edit)
			if _, err := rig.Apply(t.Context(), r); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
				t.Errorf("%v (%s)", err, pave.HintOf(err))
			}
			if seen, _ := rig.hub.See(r.ExternalID); len(seen.Topics) > 0 {
				t.Errorf("it is marked all the same: %v", seen.Topics)
			}
		})
	}
}

func TestDeletingLetsGo(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.adopted(t, rig.fresh())
	rig.hub.Add(r.ExternalID, "of the shop")
	rig.push(t, r.ExternalID, "main", "package main\n")
	rig.apply(t, r)
	diff, err := rig.Diff(t.Context(), r)
	if err != nil || !strings.Contains(diff.Stays, "it stays on github") || diff.Lost != "" {
		t.Errorf("%+v, %v", diff, err)
	}
}

// What pave put on goes with it, also what dead resources left; what people put there stays.
func TestLetsGoOfAll(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.adopted(t, rig.fresh())
	rig.hub.Add(r.ExternalID, "of the shop")
	rig.push(t, r.ExternalID, "main", "package main\n")
	host := rig.host(t)
	const theirs = "https://ci.example.com/hooks/res_x"
	for _, url := range []string{theirs, "https://pave.example.com/hooks/" + pave.NewID("res"), "foo/hooks/" + r.ID} {
		if err := host.(githost.Hooker).SetHook(t.Context(), r.ExternalID, githost.Hook{URL: url, Active: true}, pave.NewSecret("x")); err != nil {
			t.Fatal(err)
		}
	}
	for what, end := range map[string]func(context.Context, resource.Resource) error{"set aside": rig.SetAside, "delete": rig.Delete} {
		rig.apply(t, r)
		if seen, _ := rig.hub.See(r.ExternalID); seen.Teams[hub.Team] == "" {
			t.Errorf("before %s: teams %v", what, seen.Teams)
		}
		left, err := rig.Leaves(t.Context(), r)
		for _, want := range []string{"its mark", "its webhooks (", "off its mark, its webhooks", "access of team " + hub.Team, "left to you", "/" + r.ExternalID + ": the protection of main"} {
			if err != nil || !strings.Contains(left, want) {
				t.Errorf("%s: %q lacks %q, %v", what, left, want, err)
			}
		}
		if err := end(t.Context(), r); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		seen, _ := rig.hub.See(r.ExternalID)
		if len(seen.Hooks) != 1 || len(seen.Teams) > 0 || rig.hub.Protection(r.ExternalID) == nil {
			t.Errorf("%s leaves webhooks %v, teams %v", what, seen.Hooks, seen.Teams)
		}
	}
	// A team that was there before stays.
	if err := host.(githost.Granter).Grant(t.Context(), r.ExternalID, hub.Team, "write"); err != nil {
		t.Fatal(err)
	}
	again := rig.fresh()
	again.ExternalID, again.Spec = r.ExternalID, r.Spec
	rig.apply(t, again)
	left, err := rig.Leaves(t.Context(), again)
	if err != nil || !strings.Contains(left, "main, the access of team "+hub.Team) {
		t.Errorf("left %q, %v", left, err)
	}
	if err := rig.SetAside(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if seen, _ := rig.hub.See(r.ExternalID); seen.Teams[hub.Team] == "" {
		t.Error("the team that had it before has it no more")
	}
}

// A binding that has another address has the webhook replaced.
func TestMovesWebhook(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	at := "foo/"
	rig.HookURL = func(r resource.Resource) string { return at + r.ID }
	rig.apply(t, r)
	at = "https://pave.example.com/"
	drift, err := rig.Drift(t.Context(), r)
	if err != nil || len(drift) != 1 || !strings.Contains(drift[0], "calls another address: foo/") {
		t.Errorf("drift %q, %v", drift, err)
	}
	rig.apply(t, r)
	drift, err = rig.Drift(t.Context(), r)
	if seen, _ := rig.hub.See(r.ExternalID); len(seen.Hooks) != 1 || len(drift) > 0 || err != nil {
		t.Errorf("webhooks %v, drift %q, %v", seen.Hooks, drift, err)
	}
}

// adopted says of a resource that its service was adopted from the repository of its
// name.
func (r *rig) adopted(t *testing.T, res resource.Resource) resource.Resource {
	t.Helper()
	all := map[string]any{}
	if err := json.Unmarshal(res.Spec, &all); err != nil {
		t.Fatal(err)
	}
	all["address"] = r.hub.URL + "/" + hub.Org + "/" + res.ExternalID + ".git"
	res.Spec, _ = json.Marshal(all)
	return res
}
