package github_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
)

// The workflow may do little, runs pinned actions, and calls pave ci.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	text := string(rig.host(t).(githost.Starter).Workflow(resource.RepositorySpec{}, nil).Data)
	var w struct {
		Permissions map[string]string
		Concurrency map[string]any
		Jobs        map[string]struct {
			RunsOn         string `json:"runs-on"`
			TimeoutMinutes int    `json:"timeout-minutes"`
			Steps          []struct{ Uses, Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" || w.Concurrency["group"] == nil {
		t.Errorf("permissions %v, concurrency %v", w.Permissions, w.Concurrency)
	}
	pinned, runs := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`), ""
	for name, job := range w.Jobs {
		if job.TimeoutMinutes == 0 || job.RunsOn != "${{ vars.PAVE_RUNS_ON || 'ubuntu-latest' }}" {
			t.Errorf("job %s: %+v", name, job)
		}
		for _, step := range job.Steps {
			runs += step.Run
			if step.Uses != "" && !pinned.MatchString(step.Uses) || strings.Contains(step.Run, "${{") {
				t.Errorf("step %+v", step)
			}
		}
	}
	if !strings.Contains(runs, "pave\" ci\n") {
		t.Errorf("it does not call pave ci: %s", runs)
	}
}

// GitHub would take the workflow.
func TestActionlint(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("builds actionlint only in make test-real")
	}
	text := string(newRig(t).host(t).(githost.Starter).Workflow(resource.RepositorySpec{}, nil).Data)
	lint := func(text string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", "-no-color", "-")
		cmd.Dir, cmd.Env, cmd.Stdin = t.TempDir(), append(os.Environ(), "GOFLAGS=", "GOWORK=off"), strings.NewReader(text)
		return cmd.CombinedOutput()
	}
	if out, err := lint(text); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := lint(strings.Replace(text, "github.ref", "github.reef", 1)); err == nil || !strings.Contains(string(out), "reef") {
		t.Errorf("actionlint finds nothing wrong with a wrong one: %v\n%s", err, out)
	}
}

// A template's own files are its own; what it lacks is added.
func TestFirstCommitIsDressed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files []git.File
		want  string
	}{
		{nil, ".github/CODEOWNERS .github/workflows/ci.yaml README.md"},
		{[]git.File{{Path: "docs/CODEOWNERS", Mode: 0o644, Data: []byte("* @ann\n")}}, ".github/workflows/ci.yaml README.md docs/CODEOWNERS"},
		{[]git.File{{Path: ".github/workflows/mine.yml", Mode: 0o644, Data: []byte("on: push\n")}}, ".github/CODEOWNERS .github/workflows/mine.yml README.md"},
	} {
		rig := newRig(t)
		rig.Mirror.Trees = rendered{c.files}
		r := rig.fresh()
		rig.apply(t, r)
		got := strings.Join(strings.Fields(run(t, rig.hub.Dir(r.ExternalID), "ls-tree", "-r", "--name-only", "main")), " ")
		if got != c.want {
			t.Errorf("%v gives %s, want %s", c.files, got, c.want)
		}
	}
}
