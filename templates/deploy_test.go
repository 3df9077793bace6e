package templates_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// script is what the steps of a job with a name run, in bash as a runner does.
func (r rendered) script(t *testing.T, file, job, step string) string {
	t.Helper()
	var w struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(r.files[file]), &w); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.Jobs[job].Steps {
		if s.Name == step {
			return s.Run
		}
	}
	t.Fatalf("%s has no step %q in %s", file, step, job)
	return ""
}

// A folder with programs that runners have and this machine may not: kustomize, as far as
// it names images, and what reads one back.
func runnersPrograms(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"kustomize": `[ "$1 $2 $3" = "edit set image" ] && i=${4#*=} && printf 'images:\n- digest: %s\n  name: %s\n  newName: %s\n' "${i#*@}" "${4%%=*}" "${i%@*}" >> kustomization.yaml`,
		"yq":        `sed -n 's/^- digest: //p; s/^  newName: //p' "$2" | { read -r d; read -r n; echo "$n@$d"; }`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/bash\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The workflow names images in branches of its own, where main takes no push: each
// deployment is a commit there, of the manifests that belong to the image.
func TestDeployGoesBesideMain(t *testing.T) {
	t.Parallel()
	const file = ".github/workflows/deploy.yaml"
	r := render(t, "node-express", "none")
	work, hub, temp := r.write(t), t.TempDir(), t.TempDir()
	bash := func(script string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", script)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "PATH="+runnersPrograms(t)+":"+os.Getenv("PATH"), "RUNNER_TEMP="+temp, "COMMIT=abc", "HUB="+hub,
			"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v\n%s", script, err, out)
		}
		return string(out)
	}
	commit := "git add --all && git -c user.name=x -c user.email=x@localhost commit --quiet --message x"
	bash(`git init --quiet --bare "$HUB" && git init --quiet --initial-branch main && git remote add origin "$HUB" &&` + commit + ` && git push --quiet origin main
		printf '#!/bin/sh\ngrep -q refs/heads/main && exit 1\nexit 0\n' > "$HUB/hooks/pre-receive" && chmod +x "$HUB/hooks/pre-receive"`)
	for n, digest := range []string{"sha256:one", "sha256:two"} {
		bash(`git checkout --quiet --force main && echo "# ` + digest + `" >> k8s/base/service.yaml &&` + commit + ` && echo "ghcr.io/acme/pay@` + digest + `" > "$RUNNER_TEMP/image"`)
		bash(r.script(t, file, "staging", "name the image in staging"))
		bash("git fetch --quiet && git checkout --quiet --force origin/deploy/staging")
		bash(r.script(t, file, "production", "name the image of staging in production"))
		for _, env := range []string{"staging", "production"} {
			branch := "deploy/" + env
			if text := bash("git --git-dir $HUB show " + branch + ":k8s/overlays/" + env + "/kustomization.yaml " + branch + ":k8s/base/service.yaml"); !strings.Contains(text, "newName: ghcr.io/acme/pay") || strings.Count(text, digest) != 2 {
				t.Errorf("%s has not the image %s and its manifests:\n%s", branch, digest, text)
			}
			if text := strings.Fields(bash("git --git-dir $HUB ls-tree --name-only " + branch + "; git --git-dir $HUB rev-list --count " + branch)); len(text) != 2 || text[0] != "k8s" || text[1] != string(rune('1'+n)) {
				t.Errorf("%s holds, and has so many commits: %v", branch, text)
			}
		}
	}
}
