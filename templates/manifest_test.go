package templates_test

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// YAML and JSON can be read, strictly.
func TestYAMLAndJSON(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r rendered) {
		for file, text := range r.files {
			var v any
			var err error
			switch path.Ext(file) {
			case ".yaml", ".yml":
				err = yaml.UnmarshalStrict([]byte(text), &v)
			case ".json":
				err = json.Unmarshal([]byte(text), &v)
			}
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	})
}

// Workflows may do little, run pinned actions, and call pave ci.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
	each(t, func(t *testing.T, r rendered) {
		for file, text := range r.files {
			if !strings.HasPrefix(file, ".github/workflows/") {
				continue
			}
			var w struct {
				Permissions any
				Jobs        map[string]struct {
					TimeoutMinutes int `json:"timeout-minutes"`
					Permissions    map[string]string
					Steps          []struct{ Uses, Run string }
				}
			}
			if err := yaml.Unmarshal([]byte(text), &w); err != nil {
				t.Fatal(err)
			}
			if p, _ := w.Permissions.(map[string]any); w.Permissions == nil || len(p) > 1 || len(p) == 1 && p["contents"] != "read" {
				t.Errorf("%s: permissions are %v", file, w.Permissions)
			}
			for name, job := range w.Jobs {
				if job.TimeoutMinutes == 0 {
					t.Errorf("%s: job %s has no timeout", file, name)
				}
				for _, step := range job.Steps {
					if step.Uses != "" && !pinned.MatchString(step.Uses) {
						t.Errorf("%s: %q is not pinned by a digest", file, step.Uses)
					}
					if strings.Contains(step.Run, "${{") {
						t.Errorf("%s: an expression inside of a script is an injection: %s", file, step.Run)
					}
				}
			}
		}
		if !strings.Contains(r.files[".github/workflows/ci.yaml"], "pave ci\n") {
			t.Error("ci.yaml does not call pave ci")
		}
	})
}

// An image can be built of what is there, and runs as nobody.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r rendered) {
		lines := strings.Split(strings.ReplaceAll(r.files["Dockerfile"], "\\\n", " "), "\n")
		stages, user := map[string]bool{"scratch": true}, ""
		for _, line := range lines {
			f := strings.Fields(line)
			if len(f) == 0 || strings.HasPrefix(line, "#") {
				continue
			}
			switch f[0] {
			case "FROM":
				user = ""
				if image := f[1]; !stages[image] && (!strings.Contains(image, ":") || strings.HasSuffix(image, ":latest")) {
					t.Errorf("%q names no version", line)
				}
				if len(f) == 4 {
					stages[f[3]] = true
				}
			case "USER":
				user = f[1]
			case "COPY":
				r.checkCopy(t, f[1:len(f)-1], stages)
			case "RUN", "WORKDIR", "ENV", "EXPOSE", "ENTRYPOINT":
			default:
				t.Errorf("the instruction %q is not known", line)
			}
		}
		if user != "65532:65532" {
			t.Errorf("the image runs as %q", user)
		}
	})
}

// checkCopy looks whether what is copied is there, and not ignored.
func (r rendered) checkCopy(t *testing.T, sources []string, stages map[string]bool) {
	t.Helper()
	if stage, ok := strings.CutPrefix(sources[0], "--from="); ok {
		if !stages[stage] {
			t.Errorf("there is no stage %q", stage)
		}
		return
	}
	for _, source := range sources {
		found := source == "."
		for file := range r.files {
			match, _ := path.Match(source, file)
			found = found || match || strings.HasPrefix(file, source+"/")
		}
		if !found {
			t.Errorf("COPY %s: it is not there", source)
		}
		for _, ignored := range strings.Fields(r.files[".dockerignore"]) {
			if match, _ := path.Match(ignored, source); match {
				t.Errorf("COPY %s: .dockerignore has %s", source, ignored)
			}
		}
	}
}

// The pods that node-express makes pass the guardrails: those that look at the pod,
// and those that look at the container.
func TestGuardrails(t *testing.T) {
	t.Parallel()
	for option := range options {
		r := render(t, "node-express", option)
		var d struct {
			Spec struct {
				Template struct {
					Metadata struct{ Labels map[string]string }
					Spec     struct {
						SecurityContext map[string]any
						Containers      []struct {
							Name            string
							SecurityContext map[string]any
							Resources       map[string]map[string]string
							Env             []struct{ Name string }
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal([]byte(r.files["k8s/base/deployment.yaml"]), &d); err != nil {
			t.Fatal(err)
		}
		pod := d.Spec.Template.Spec
		if len(pod.Containers) != 1 {
			t.Fatalf("got %d containers", len(pod.Containers))
		}
		c := pod.Containers[0]
		for key, want := range map[string]any{"runAsNonRoot": true, "privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true} {
			if got, ok := c.SecurityContext[key]; !ok || got != want {
				t.Errorf("the container has %s %v, want %v", key, got, want)
			}
		}
		if caps, _ := c.SecurityContext["capabilities"].(map[string]any); len(caps) != 1 || !slices.Equal(caps["drop"].([]any), []any{"ALL"}) {
			t.Errorf("the container has the capabilities %v", caps)
		}
		if pod.SecurityContext["runAsNonRoot"] != true {
			t.Errorf("the pod has %v", pod.SecurityContext)
		}
		for _, kind := range []string{"requests", "limits"} {
			if c.Resources[kind]["cpu"] == "" || c.Resources[kind]["memory"] == "" {
				t.Errorf("the container has the %s %v", kind, c.Resources[kind])
			}
		}
		var base struct {
			Labels []struct {
				Pairs            map[string]string
				IncludeTemplates bool
			}
			Resources []string
		}
		if err := yaml.Unmarshal([]byte(r.files["k8s/base/kustomization.yaml"]), &base); err != nil {
			t.Fatal(err)
		}
		if l := base.Labels[0]; !l.IncludeTemplates || l.Pairs["team"] != "payment-squad" || l.Pairs["app.kubernetes.io/name"] != "payment-processor" {
			t.Errorf("labels are %+v", l)
		}
		for _, file := range base.Resources {
			if r.files["k8s/base/"+file] == "" {
				t.Errorf("k8s/base has no %s", file)
			}
		}
	}
}
