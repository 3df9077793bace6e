package templates_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/template"
	"github.com/pave-platform/pave/templates"
	"github.com/pave-platform/pave/test/world"
	"sigs.k8s.io/yaml"
)

// The programs that read what we generate, at versions that are fixed.
const (
	actionlint = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
	kustomize  = "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1"
)

// render writes a template with a choice into a new folder.
func render(t *testing.T, name string, o option) (dir string) {
	t.Helper()
	sub, err := fs.Sub(templates.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(sub)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := tmpl.Render(t.Context(), template.Vars{Name: "pay", Team: "squad", Environments: []string{"staging"},
		Database: strings.TrimSuffix(o.database, "none"), Cache: strings.TrimSuffix(o.cache, "none"), Queue: strings.TrimSuffix(o.queue, "none")})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, f := range tree.Files {
		file := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Data, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tool builds a program that is a Go module and returns its path.
func tool(t *testing.T, module string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "install", module)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go install %s: %v\n%s", module, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("installed %v, %v", found, err)
	}
	return found[0]
}

// GitHub would take the workflows of every template.
func TestActionlint(t *testing.T) {
	long(t)
	lint := tool(t, actionlint)
	for _, name := range names {
		for _, o := range options(name) {
			t.Run(name+"/"+o.name, func(t *testing.T) {
				t.Parallel()
				files, err := filepath.Glob(filepath.Join(render(t, name, o), ".github", "workflows", "*.yaml"))
				if err != nil || len(files) == 0 {
					t.Fatalf("no workflows: %v", err)
				}
				if out, err := exec.CommandContext(t.Context(), lint, append([]string{"-no-color"}, files...)...).CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// Kustomize makes of the overlays what a cluster would get: all of it in the
// environment's namespace, labelled, and selecting what it should.
func TestKustomize(t *testing.T) {
	long(t)
	program := tool(t, kustomize)
	for _, o := range options("node-express") {
		dir := render(t, "node-express", o)
		for _, env := range []string{"staging", "production"} {
			out, err := exec.CommandContext(t.Context(), program, "build", filepath.Join(dir, "k8s", "overlays", env)).Output()
			if err != nil {
				t.Fatalf("%s: %v", env, err)
			}
			kinds := map[string]object{}
			for text := range strings.SplitSeq(string(out), "\n---\n") {
				var obj object
				if err := yaml.Unmarshal([]byte(text), &obj); err != nil {
					t.Fatal(err)
				}
				kinds[obj.Kind] = obj
				if obj.Metadata.Namespace != "squad-"+env || obj.Metadata.Labels["team"] != "squad" || obj.Metadata.Labels["app.kubernetes.io/name"] != "pay" {
					t.Errorf("%s of %s has %+v", obj.Kind, env, obj.Metadata)
				}
			}
			for _, kind := range []string{"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount"} {
				if kinds[kind].Kind == "" {
					t.Errorf("%s has no %s", env, kind)
				}
			}
			pod := kinds["Deployment"].Spec.Template.Metadata.Labels
			if selector := kinds["Deployment"].Spec.Selector.MatchLabels; len(selector) != 1 || selector["app.kubernetes.io/name"] != pod["app.kubernetes.io/name"] {
				t.Errorf("the deployment selects %v of %v", selector, pod)
			}
			if pod["team"] != "squad" {
				t.Errorf("the pods have the labels %v", pod)
			}
			want := map[string]int{"staging": 2, "production": 10}[env]
			if got := kinds["HorizontalPodAutoscaler"].Spec.MaxReplicas; got != want {
				t.Errorf("%s has up to %d replicas, want %d", env, got, want)
			}
		}
	}
}

// An object of a cluster, as far as the test looks.
type object struct {
	Kind     string
	Metadata struct {
		Namespace string
		Labels    map[string]string
	}
	Spec struct {
		MaxReplicas int
		Selector    struct{ MatchLabels map[string]string }
		Template    struct {
			Metadata struct{ Labels map[string]string }
		}
	}
}

// What a developer runs before a push goes well in a new service: the lint of Node,
// the types of Python where mypy is there, and the race detector of Go.
func TestDeveloperChecks(t *testing.T) {
	long(t)
	checks := map[string][][]string{
		"go-http": {{"make", "check"}}, "worker": {{"make", "check"}}, "static-site": {{"make", "check"}},
		"node-express":   {{"npm", "ci", "--no-audit", "--no-fund"}, {"npm", "run", "check"}},
		"python-service": {{"/usr/bin/python3", "-m", "unittest"}, {"mypy"}},
	}
	for _, name := range names {
		for _, o := range options(name) {
			t.Run(name+"/"+o.name, func(t *testing.T) {
				dir := render(t, name, o)
				for _, args := range checks[name] {
					if _, err := exec.LookPath(args[0]); err != nil && args[0] == "mypy" {
						t.Skip("mypy is not on this machine; the workflow installs it")
					}
					cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
					cmd.Dir = dir
					cmd.Env = append(os.Environ(), systemFirst()...)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Fatalf("%v: %v\n%s", args, err, out)
					}
				}
			})
		}
	}
}

// The workflows call pave ci: it goes well in a new service, without a server.
func TestCI(t *testing.T) {
	long(t)
	pave := world.Build(t).Pave
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), pave, "ci")
			cmd.Dir = render(t, name, option{})
			cmd.Env = append(append(os.Environ(), systemFirst()...), "PAVE_HOME="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "[+] test ") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
