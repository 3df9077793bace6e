// Package terraform_test lets a Terraform module make the database of a service, from
// pave bind to its end, and kills whatever works on it on the way. It needs terraform or
// tofu, and builds a provider of its own; make test-real runs it.
package terraform_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/test/tofu"
	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

// A lab is a home where a module makes the databases of staging.
type lab struct {
	*world.Home
	t      *testing.T
	pg     *storetest.Server
	faults string

	module, mirror, program string
}

// canary is in what the provider is given.
const canary = "pvcnry_admin_7c1e90"

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-real) runs this")
	}
	program := tofu.Find(t)
	dir, err := os.MkdirTemp("/tmp", "pvf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	mirror := filepath.Join(dir, "mirror", "registry.terraform.io/pave-platform/pavetest/0.1.0", runtime.GOOS+"_"+runtime.GOARCH)
	build := exec.Command("go", "build", "-o", filepath.Join(mirror, "terraform-provider-pavetest_v0.1.0"), ".")
	build.Dir = "../../tools/terraform-provider-pavetest"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(dir, "mirror", "registry.opentofu.org"), os.DirFS(filepath.Join(dir, "mirror", "registry.terraform.io"))); err != nil {
		t.Fatal(err) // where OpenTofu looks
	}
	l := &lab{Home: world.New(t, "PAVE_TERRAFORM="+program), t: t, pg: storetest.NewServer(t), faults: filepath.Join(dir, "faults"), program: program}
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	url := l.pg.URL("postgres")
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	l.module, err = filepath.Abs("modules/postgres")
	if err != nil {
		t.Fatal(err)
	}
	l.mirror = filepath.Join(dir, "mirror")
	l.pave("bind", "staging", "database", "terraform", "--module", l.module, "--set", "connections=15", "--mirror", l.mirror,
		"--secret-file", "PAVETEST_URL="+write("url", url+separator+"application_name="+canary), "--secret-file", "PAVETEST_FAULTS="+write("where", l.faults))
	return l
}

// rebind binds the module again; what the provider is given stays.
func (l *lab) rebind(args ...string) {
	l.t.Helper()
	l.pave(append([]string{"bind", "staging", "database", "terraform", "--module", l.module, "--set", "connections=15", "--mirror", l.mirror}, args...)...)
}

// pave runs a command that has to succeed.
func (l *lab) pave(args ...string) string {
	l.t.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.t.Fatalf("pave %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (l *lab) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return l.Command(ctx, args...)
}

func (l *lab) create(name string) []string {
	return []string{"create", "service", "--name", name, "--template", "fixture", "--team", "web", "--env", "staging",
		"--database", "postgresql", "--input", "binary=" + l.Fixture("x", "x", "").Inputs["binary"].(string)}
}

// fault lets the provider fail at a place; "" ends that.
func (l *lab) fault(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.faults, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) query(query string) string {
	l.t.Helper()
	out, err := exec.Command("psql", "-Atc", query, l.pg.URL("postgres")).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %v\n%s", query, err, out)
	}
	return strings.TrimSpace(string(out))
}

// there counts roles and databases of a service.
func (l *lab) there(name string) string {
	return l.query(fmt.Sprintf(`SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE '%s%%') || ' ' ||
		(SELECT count(*) FROM pg_database WHERE datname LIKE '%[1]s%%')`, name))
}

// has fails unless out has all parts.
func (l *lab) has(out string, parts ...string) {
	l.t.Helper()
	for _, p := range parts {
		if !strings.Contains(out, p) {
			l.t.Errorf("%q is not in\n%s", p, out)
		}
	}
}

// live fails unless a service answers with a row of its database.
func (l *lab) live(name string) {
	l.t.Helper()
	status, body, err := l.Get(name, "staging", "/")
	if err != nil || status != 200 || body["rows"] == nil || body["rows"] == float64(0) {
		l.t.Errorf("%s answers %d %v, %v", name, status, body, err)
	}
}
