package templates_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pave-platform/pave/templates"
	"sigs.k8s.io/yaml"
)

// The workflows of all templates begin alike: what starts them, what they may, how long
// they take.
func TestWorkflowsBeginAlike(t *testing.T) {
	t.Parallel()
	head := func(name, end string) string {
		text, err := fs.ReadFile(templates.FS, name+"/skeleton/.github/workflows/ci.yaml.jinja")
		if err != nil {
			t.Fatal(err)
		}
		begin, _, ok := strings.Cut(string(text), end)
		if !ok {
			t.Fatalf("ci.yaml of %s has no %q", name, end)
		}
		return begin
	}
	for _, name := range names {
		if got, want := head(name, "    timeout-minutes: 15\n"), head("go-http", "    timeout-minutes: 15\n"); got != want {
			t.Errorf("ci.yaml of %s begins\n%s\nnot\n%s", name, got, want)
		}
	}
}

// A ci is what the tests read of ci.yaml.
type ci struct {
	Jobs struct {
		Check struct {
			Services map[string]struct{ Ports []string }
			Steps    []struct{ Name, Uses, Run string }
		}
	}
}

// Beside the tests is what the service has, and they find it where the runner is: mapped
// to a machine of GitHub's, by name from a job of Gitea's, which is a container.
func TestWorkflowsFindServices(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r rendered) {
		var w ci
		text := r.files[".github/workflows/ci.yaml"]
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Fatal(err)
		}
		o, variables := options[r.option], map[string]string{}
		for engine, v := range map[string][2]string{"postgresql": {"postgres", "DATABASE_URL"}, "mysql": {"mariadb", "DATABASE_URL"}, "redis": {"redis", "REDIS_URL"}, "rabbitmq": {"rabbitmq", "QUEUE_URL"}} {
			if slices.Contains(o[:], engine) && (engine != "rabbitmq" || r.template == "worker") {
				variables[v[0]] = v[1]
			}
		}
		if len(w.Jobs.Check.Services) != len(variables) {
			t.Fatalf("beside the tests are %v, want %v", w.Jobs.Check.Services, variables)
		}
		if len(variables) == 0 {
			return
		}
		find := r.script(t, ".github/workflows/ci.yaml", "check", "find the services")
		for _, there := range []bool{true, false} {
			script, want := find, []string{}
			for name, s := range w.Jobs.Check.Services {
				standard, _, _ := strings.Cut(s.Ports[0], ":")
				host, port := name, "1" // where nobody listens
				if there {
					l, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					defer l.Close()
					host, port = "127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
				}
				script = strings.ReplaceAll(script, standard, port)
				want = append(want, fmt.Sprintf("%s=%s:%s", variables[name], host, port))
			}
			got := environment(t, script)
			for _, entry := range want {
				name, address, _ := strings.Cut(entry, "=")
				if url := got[name]; !strings.Contains(url, "//"+address) && !strings.Contains(url, "@"+address) || len(got) != len(want) {
					t.Errorf("mapped is %v: got %v, want %v", there, got, want)
				}
			}
		}
	})
}

// environment is what a script gives the steps after it.
func environment(t *testing.T, script string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "env")
	cmd := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), "GITHUB_ENV="+file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, script)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

// Images of runners need not have Go: the workflow brings it before it builds anything. A
// worker on NATS starts one, of the version that pave runs.
func TestWorkflowsBringGo(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, r rendered) {
		var w ci
		if err := yaml.Unmarshal([]byte(r.files[".github/workflows/ci.yaml"]), &w); err != nil {
			t.Fatal(err)
		}
		brought, nats := false, ""
		for _, s := range w.Jobs.Check.Steps {
			brought = brought || strings.HasPrefix(s.Uses, "actions/setup-go@")
			if !brought && strings.Contains(s.Run, "go ") {
				t.Errorf("%s runs Go, which nothing brought", s.Name)
			}
			if _, after, ok := strings.Cut(s.Run, "go install github.com/nats-io/nats-server/v2@"); ok {
				nats, _, _ = strings.Cut(after, "\n")
			}
		}
		if !brought {
			t.Error("nothing brings Go")
		}
		if (nats != "") != (r.template == "worker" && r.option == "queue") || !strings.Contains(string(mod), "github.com/nats-io/nats-server/v2 "+nats) {
			t.Errorf("it starts NATS %q", nats)
		}
	})
}
