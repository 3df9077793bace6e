package gitea

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// A workflow is what the tests read of the file.
type workflow struct {
	Permissions map[string]string
	Concurrency map[string]any
	Jobs        map[string]struct {
		RunsOn         string `json:"runs-on"`
		TimeoutMinutes int    `json:"timeout-minutes"`
		Services       map[string]any
		Env            map[string]string
		Steps          []struct{ Uses, Run string }
	}
}

// tree is one of files by their paths.
func tree(paths string) []git.File {
	var out []git.File
	for path := range strings.FieldsSeq(paths) {
		out = append(out, git.File{Path: path, Mode: 0o644})
	}
	return out
}

var workflows = []struct {
	reason string
	files  string
	spec   resource.RepositorySpec
	path   string
	brings string // by actions, beside checkout and Go
	beside string // services
}{
	{"nothing known", "README.md", resource.RepositorySpec{}, ".gitea/workflows/ci.yaml", "", ""},
	{"Go, with all there is", "go.mod main.go", resource.RepositorySpec{Database: "postgresql", Cache: "redis"}, ".gitea/workflows/ci.yaml", "", "postgres redis"},
	{"Node, and a folder of Gitea's without workflows", "package.json .gitea/CODEOWNERS", resource.RepositorySpec{Database: "mysql"}, ".gitea/workflows/ci.yaml", "node", "mariadb"},
	{"Python, told twice", "requirements.txt pyproject.toml", resource.RepositorySpec{Cache: "redis"}, ".gitea/workflows/ci.yaml", "python", "redis"},
	{"Java with a page", "build.gradle.kts package.json", resource.RepositorySpec{Queue: "nats"}, ".gitea/workflows/ci.yaml", "node java", ""},
	{"a queue by RabbitMQ", "go.mod", resource.RepositorySpec{Queue: "rabbitmq"}, ".gitea/workflows/ci.yaml", "", "rabbitmq"},
	{"deep down is not the first folder", "web/package.json docs/.github/workflows/x.yaml", resource.RepositorySpec{}, ".gitea/workflows/ci.yaml", "", ""},
	{"workflows for GitHub are run here, until there are others", ".github/workflows/test.yml", resource.RepositorySpec{}, ".github/workflows/ci.yaml", "", ""},
	{"Gitea's own win", ".github/workflows/test.yml .gitea/workflows/more/x.yml", resource.RepositorySpec{}, ".gitea/workflows/ci.yaml", "", ""},
	{"Forgejo's own win there", ".gitea/workflows/x.yml .forgejo/workflows/x.yml", resource.RepositorySpec{}, ".forgejo/workflows/ci.yaml", "", ""},
}

// The workflow is where the server looks, may do little, runs pinned actions, has beside it
// what the tests of the service need, and calls pave ci.
func TestWorkflow(t *testing.T) {
	t.Parallel()
	action := regexp.MustCompile(`^actions/(?:setup-)?(\w+)@[0-9a-f]{40}$`)
	for _, c := range workflows {
		f := (&Host{}).Workflow(c.spec, tree(c.files))
		var w workflow
		if err := yaml.UnmarshalStrict(f.Data, &map[string]any{}); err != nil {
			t.Fatalf("%s: %v\n%s", c.reason, err, f.Data)
		}
		if err := yaml.Unmarshal(f.Data, &w); err != nil {
			t.Fatalf("%s: %v\n%s", c.reason, err, f.Data)
		}
		job := w.Jobs["check"]
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" || w.Concurrency["group"] == nil || len(w.Jobs) != 1 || job.TimeoutMinutes == 0 || job.RunsOn != "${{ vars.PAVE_RUNS_ON || 'ubuntu-latest' }}" {
			t.Errorf("%s: %+v", c.reason, w)
		}
		brings, runs := []string{}, ""
		for _, step := range job.Steps {
			runs += step.Run
			if strings.Contains(step.Run, "${{") {
				t.Errorf("%s: an expression inside of a script: %s", c.reason, step.Run)
			}
			if m := action.FindStringSubmatch(step.Uses); m != nil {
				brings = append(brings, m[1])
			} else if step.Uses != "" {
				t.Errorf("%s: %s is not pinned", c.reason, step.Uses)
			}
		}
		if want := append([]string{"checkout", "go"}, strings.Fields(c.brings)...); !slices.Equal(brings, want) {
			t.Errorf("%s: brings %v, want %v", c.reason, brings, want)
		}
		urls := strings.Join(slices.Collect(maps.Values(job.Env)), " ")
		for name := range job.Services {
			if !strings.Contains(urls, name+":") {
				t.Errorf("%s: no variable leads to %s: %s", c.reason, name, urls)
			}
		}
		if got := strings.Join(slices.Sorted(maps.Keys(job.Services)), " "); got != c.beside {
			t.Errorf("%s: beside it are %q, want %q", c.reason, got, c.beside)
		}
		vars := 1 + len(job.Services)
		if c.spec.Queue == "nats" {
			vars++
			if _, version, _ := strings.Cut(runs, "nats-server/v2@"); job.Env["QUEUE_URL"] != "nats://127.0.0.1:4222" || !strings.Contains(module(t), "nats-server/v2 "+strings.Fields(version + " none")[0]+"\n") {
				t.Errorf("%s: at %q is what starts by %s", c.reason, job.Env["QUEUE_URL"], runs)
			}
		}
		if len(job.Env) != vars {
			t.Errorf("%s: variables %v", c.reason, job.Env)
		}
		if f.Path != c.path || !strings.HasSuffix(runs, "pave\" ci\n") {
			t.Errorf("%s: %s, want %s; it runs %s", c.reason, f.Path, c.path, runs)
		}
	}
}

// module is go.mod, which says what pave is made of.
func module(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whoever knows workflows takes them all.
func TestActionlint(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("builds actionlint only in make test-real")
	}
	dir := t.TempDir()
	lint := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", "-no-color"}, args...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		return cmd.CombinedOutput()
	}
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	var files []string
	for _, c := range workflows {
		files = append(files, write(strings.ReplaceAll(c.reason, " ", "-")+".yaml", string((&Host{}).Workflow(c.spec, tree(c.files)).Data)))
	}
	if out, err := lint(files...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	wrong := strings.Replace(string((&Host{}).Workflow(resource.RepositorySpec{}, nil).Data), "github.ref", "github.reef", 1)
	if out, err := lint(write("wrong.yaml", wrong)); err == nil || !strings.Contains(string(out), "reef") {
		t.Errorf("actionlint finds nothing wrong with a wrong one: %v\n%s", err, out)
	}
}

// begun runs a test against the fake and, where there is one, a real server, with what
// finds the n workflows that a push to main of a repository begins there.
func begun(t *testing.T, test func(t *testing.T, w fake.World, runs func(name string, n int) []string)) {
	t.Helper()
	t.Parallel()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		s := fake.New(t)
		s.AddTeam("squad", "write")
		test(t, s.World(), func(name string, _ int) []string {
			files, err := s.Workflows(name)
			if err != nil {
				t.Fatal(err)
			}
			return files
		})
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		w := fake.Real(t)
		squad(t, w)
		h := openHost(t, w)
		test(t, w, func(name string, n int) []string {
			var files []string
			eventually(t, func() bool {
				runs, err := h.Runs(t.Context(), name, "")
				files = nil
				for _, r := range runs {
					file, _, _ := strings.Cut(r.Name, "@") // it does not say the folder
					for _, dir := range folders {
						if _, err := h.File(t.Context(), name, "main", dir+"/"+file); err == nil {
							file = dir + "/" + file
							break
						}
					}
					files = append(files, file)
				}
				return err == nil && len(files) >= n
			})
			slices.Sort(files)
			return files
		})
	})
}

func squad(t *testing.T, w fake.World) {
	t.Helper()
	w.Do(t, "POST", "orgs/acme/teams", map[string]any{"name": "squad", "permission": "write", "units_map": map[string]string{"repo.code": "write"}})
}

// A template's own workflows are its own, those for GitHub too, and nothing is run twice.
func TestFirstCommitIsDressed(t *testing.T) {
	begun(t, func(t *testing.T, w fake.World, runs func(name string, n int) []string) {
		d, fresh := driver(t, w)
		for files, want := range map[string]string{
			"": ".gitea/workflows/ci.yaml",
			".github/workflows/ci.yaml .github/dependabot.yml":         ".github/workflows/ci.yaml",
			".github/workflows/test.yml .github/workflows/deploy.yaml": ".github/workflows/deploy.yaml .github/workflows/test.yml",
			".github/workflows/ci.yaml .gitea/workflows/mine.yaml":     ".gitea/workflows/mine.yaml",
		} {
			r, want := fresh(), strings.Fields(want)
			d.Mirror.Trees = rendered{own(files)}
			st, err := d.Apply(t.Context(), r)
			if err != nil || !st.Ready || st.Outputs["pipelines"] != st.Outputs["page"]+"/actions" {
				t.Fatalf("%+v, %v", st, err)
			}
			if got := runs(r.ExternalID, len(want)); !slices.Equal(got, want) {
				t.Errorf("with %q the server runs %s, want %s", files, got, want)
			}
		}
	})
}

// own are files of somebody's that are workflows.
func own(paths string) []git.File {
	out := tree(paths)
	for i := range out {
		out[i].Data = []byte("on: push\njobs: {x: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}\n")
	}
	return out
}

// What is proposed stands beside what the server runs already, which goes on being run.
func TestProposeWorkflow(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		d, fresh := driver(t, w)
		for _, c := range []struct{ files, adds string }{
			{".github/workflows/test.yml", ".github/workflows/ci.yaml"},
			{".github/workflows/ci.yaml", ".github/workflows/pave.yaml"},
			{".github/workflows/ci.yaml .gitea/workflows/mine.yml", ".gitea/workflows/ci.yaml"},
			{"", ""}, // ours is there
		} {
			r := fresh()
			d.Mirror.Trees = rendered{own(c.files)}
			if _, err := d.Apply(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			p, err := d.ProposeWorkflow(t.Context(), r)
			if c.adds == "" {
				wantCode(t, "a second workflow", err, pave.Conflict)
				continue
			}
			if err != nil || p.Number != 1 || p.Branch != "pave/workflow" || p.URL == "" {
				t.Fatalf("%q: %+v, %v", c.files, p, err)
			}
			data, err := openHost(t, w).File(t.Context(), r.ExternalID, p.Branch, c.adds)
			if err != nil || !strings.Contains(string(data), `/pave" ci`) {
				t.Errorf("with %q, %s is %q, %v", c.files, c.adds, data, err)
			}
			added, err := git.Run(t.Context(), git.Options{Dir: filepath.Join(d.Mirror.Dir, r.ExternalID+".git")}, "log", "--all", "--diff-filter=MD", "--format=%H")
			if err != nil || len(added) > 0 {
				t.Errorf("with %q files that are there are changed: %s, %v", c.files, added, err)
			}
		}
	})
}

// Where Actions are off nothing breaks: the file is there, nobody runs it, and pave's own
// page of pipelines is the one that is shown.
func TestActionsOff(t *testing.T) {
	t.Parallel()
	off := func(t *testing.T, w fake.World) {
		d, fresh := driver(t, w)
		r := fresh()
		for range 2 {
			if st, err := d.Apply(t.Context(), r); err != nil || !st.Ready || st.Outputs["pipelines"] != "" {
				t.Fatalf("%+v, %v", st, err)
			}
		}
		commit := ""
		eventually(t, func() (is bool) {
			var err error
			commit, err = openHost(t, w).Head(t.Context(), r.ExternalID, "main")
			return err == nil
		})
		if checks, err := d.Checks(t.Context(), r, commit, true); err != nil || len(checks) != 0 {
			t.Errorf("checks are %v, %v", checks, err)
		}
	}
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		s := fake.New(t)
		s.Actions = false
		s.AddTeam("squad", "write")
		off(t, s.World())
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		w := fake.Real(t, "[actions]", "ENABLED = false")
		squad(t, w)
		off(t, w)
	})
}

// What waits for a runner has not begun, although servers give it a time.
func TestRunsThatWait(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.26.0", "15.0.1+gitea-1.22.0"} {
		s := fake.New(t)
		s.Version = version
		h := openHost(t, s.World())
		main, _ := pushed(t, h, "shop")
		s.AddRun("shop", main, "ci.yaml", "queued", "")
		s.AddRun("shop", main, "test.yaml", "completed", "failure")
		runs, err := h.Runs(t.Context(), "shop", main)
		if err != nil || len(runs) != 2 || !runs[0].Started.IsZero() || runs[0].State != pave.RunQueued || runs[1].Started.IsZero() || runs[1].State != pave.RunStopped {
			t.Errorf("%s: %+v, %v", version, runs, err)
		}
	}
}
