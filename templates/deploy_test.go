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

// A hub is a repository whose main takes no push, and a copy of it to work in.
type hub struct {
	*testing.T
	work, bare, temp, path string
}

func newHub(t *testing.T, r rendered) hub {
	h := hub{t, r.write(t), t.TempDir(), t.TempDir(), runnersPrograms(t)}
	h.bash(`git init --quiet --bare "$HUB" && git init --quiet --initial-branch main && git remote add origin "$HUB" && ` + commit + ` && git push --quiet origin main
		printf '#!/bin/sh\ngrep -q refs/heads/main && exit 1\nexit 0\n' > "$HUB/hooks/pre-receive" && chmod +x "$HUB/hooks/pre-receive"`)
	return h
}

const commit = "git add --all && git -c user.name=x -c user.email=x@localhost commit --quiet --message x"

// try runs a script as a step of a job does.
func (h hub) try(script string) (string, error) {
	cmd := exec.CommandContext(h.Context(), "bash", "-e", "-c", script)
	cmd.Dir = h.work
	cmd.Env = append(os.Environ(), "PATH="+h.path+":"+os.Getenv("PATH"), "RUNNER_TEMP="+h.temp, "COMMIT=abc", "HUB="+h.bare,
		"GITHUB_REPOSITORY=Acme/pay", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (h hub) bash(script string) string {
	h.Helper()
	out, err := h.try(script)
	if err != nil {
		h.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return out
}

const (
	deploy       = ".github/workflows/deploy.yaml"
	toMain       = "git fetch --quiet && git checkout --quiet --force main\n" // as checkout leaves it
	inStaging    = "name the image in staging"
	inProduction = "name the image of staging in production"
)

// The workflow names images in branches of its own, where main takes no push: each
// deployment is a commit there, of the manifests that belong to the image.
func TestDeployGoesBesideMain(t *testing.T) {
	t.Parallel()
	r := render(t, "node-express", "none")
	h := newHub(t, r)
	for n, digit := range []string{"1", "f"} {
		digest := "sha256:" + strings.Repeat(digit, 64)
		h.bash(toMain + `echo "# ` + digest + `" >> k8s/base/service.yaml &&` + commit + ` && echo "ghcr.io/acme/pay@` + digest + `" > "$RUNNER_TEMP/image"`)
		h.bash(r.script(t, deploy, "staging", inStaging))
		h.bash(toMain + r.script(t, deploy, "production", inProduction))
		for _, env := range []string{"staging", "production"} {
			branch := "deploy/" + env
			if text := h.bash("git --git-dir $HUB show " + branch + ":k8s/overlays/" + env + "/kustomization.yaml " + branch + ":k8s/base/service.yaml"); !strings.Contains(text, "newName: ghcr.io/acme/pay") || strings.Count(text, digest) != 2 {
				t.Errorf("%s has not the image %s and its manifests:\n%s", branch, digest, text)
			}
			if text := strings.Fields(h.bash("git --git-dir $HUB ls-tree --name-only " + branch + "; git --git-dir $HUB rev-list --count " + branch)); len(text) != 2 || text[0] != "k8s" || text[1] != string(rune('1'+n)) {
				t.Errorf("%s holds, and has so many commits: %v", branch, text)
			}
		}
	}
}

// Who pushes to deploy/staging brings no manifest to production, and no image but those
// of the repository, named by digest.
func TestWhatNobodyReviewedStaysInStaging(t *testing.T) {
	t.Parallel()
	r := render(t, "node-express", "none")
	h, digest := newHub(t, r), "@sha256:"+strings.Repeat("a", 64)
	production := toMain + r.script(t, deploy, "production", inProduction)
	push := func(image string) {
		h.bash(toMain + `echo "# mine" >> k8s/base/service.yaml && echo "# mine" > k8s/overlays/production/mine.yaml
			(cd k8s/overlays/staging && kustomize edit set image 'pay=` + image + `') && git checkout --quiet --detach && ` + commit + `
			git push --quiet --force origin HEAD:refs/heads/deploy/staging`)
	}
	for _, image := range []string{
		"ghcr.io/evil/pay" + digest, "docker.io/acme/pay" + digest, "ghcr.io/acme/pay-evil" + digest, "evil/ghcr.io/acme/pay" + digest,
		"ghcrXio/acme/pay" + digest, "ghcr.io/acme/pay@sha256:abc", "ghcr.io/acme/pay" + digest + "0", "ghcr.io/acme/pay@latest",
	} {
		push(image)
		if out, err := h.try(production); err == nil || !strings.Contains(out, "deploy/staging names '"+image+"'") {
			t.Errorf("%s: %v\n%s", image, err, out)
		}
	}
	if out := h.bash("git --git-dir $HUB branch"); strings.Contains(out, "production") {
		t.Errorf("branches:\n%s", out)
	}
	push("ghcr.io/acme/pay" + digest)
	h.bash(production)
	if out := h.bash("git --git-dir $HUB grep --line-number -e mine deploy/production || true"); out != "" {
		t.Errorf("production has\n%s", out)
	}
	if out := h.bash("git --git-dir $HUB show deploy/production:k8s/overlays/production/kustomization.yaml"); !strings.Contains(out, digest[1:]) {
		t.Errorf("production has not the image:\n%s", out)
	}
}
