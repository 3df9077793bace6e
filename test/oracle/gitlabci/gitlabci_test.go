// Package gitlabci_test has the pipeline that is generated for GitLab judged by a program
// that others wrote: npm's gitlab-ci-local, which carries GitLab's JSON schema of the file.
// It runs in make test-real.
package gitlabci_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// judge is what the program says of a file: its jobs, or why it is none.
type judge struct{ program, dir string }

func newJudge(t *testing.T) judge {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("runs a program of npm only in make test-real")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	j := judge{filepath.Join(dir, "node_modules", ".bin", "gitlab-ci-local"), filepath.Join(dir, "shop")}
	for _, c := range []struct{ dir, line string }{
		{dir, "npm ci --no-audit --no-fund --ignore-scripts"},
		{dir, "git init --quiet shop"},
		{j.dir, "git remote add origin http://127.0.0.1/acme/shop.git"},
	} {
		words := strings.Fields(c.line)
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir = c.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c.line, err, out)
		}
	}
	return j
}

func (j judge) jobs(t *testing.T, file string) ([]string, error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(j.dir, ".gitlab-ci.yml"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), j.program, "--list-json")
	cmd.Dir = j.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []struct{ Name string }
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var names []string
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names, nil
}

func TestPipelineOfGitLab(t *testing.T) {
	j := newJudge(t)
	text, err := os.ReadFile("gitlab-ci.yml")
	if err != nil {
		t.Fatal(err)
	}
	file := string(text)
	jobs, err := j.jobs(t, file)
	if strings.Join(jobs, ", ") != "install pave, check" || err != nil {
		t.Fatalf("jobs %v, %v", jobs, err)
	}
	for _, c := range []struct{ old, bad string }{ // that it can say no
		{"  services:\n", "  service:\n"},
		{"auto_cancel:\n    on_new_commit: interruptible", "auto_cancel:\n    on_new_commit: sometimes"},
		{"  needs: [install pave]", "  needs: [install nothing]"},
		{"interruptible: true", "interruptible: perhaps"},
		{"  artifacts:\n    paths: [", "  artifacts:\n    path: ["},
	} {
		if !strings.Contains(file, c.old) {
			t.Fatalf("there is no %q in the file", c.old)
		}
		if jobs, err := j.jobs(t, strings.Replace(file, c.old, c.bad, 1)); err == nil {
			t.Errorf("%q is taken: %v", c.bad, jobs)
		}
	}
}
