package templates_test

import (
	"bytes"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/template"
	"github.com/pave-platform/pave/templates"
)

// render writes a service of the template to a new folder.
func render(t *testing.T, name string, vars template.Vars) (dir string, files int) {
	t.Helper()
	sub, err := fs.Sub(templates.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(sub)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := tmpl.Render(t.Context(), vars)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, f := range tree.Files {
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, f.Mode); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Path, ".go") {
			if nice, err := format.Source(f.Data); err != nil || !bytes.Equal(nice, f.Data) {
				t.Errorf("%s is not formatted: %v", f.Path, err)
			}
		}
	}
	return dir, len(tree.Files)
}

// A new service builds and its tests pass, without a network.
func TestGoHTTP(t *testing.T) {
	t.Parallel()
	for name, vars := range map[string]template.Vars{
		"bare":     {Name: "pay", Team: "squad"},
		"database": {Name: "payment-processor", Team: "payment-squad", Description: "Takes 'money'.", Database: "postgresql", Environments: []string{"staging", "production"}, Inputs: map[string]any{"module_prefix": "github.com/acme", "log_level": "warn"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, files := render(t, "go-http", vars)
			if files < 20 || files > 31 {
				t.Errorf("got %d files, want 20 to 31: a newcomer should see all of them", files)
			}
			for _, args := range [][]string{{"build", "-o", "bin/app", "."}, {"vet", "./..."}, {"test", "./..."}} {
				cmd := exec.CommandContext(t.Context(), "go", args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
				}
			}
		})
	}
}

// The set finds every template by its names.
func TestAll(t *testing.T) {
	t.Parallel()
	set := template.NewSet(nil, template.Source{Name: "built in", FS: templates.FS})
	if broken := set.Errors(); len(broken) > 0 {
		t.Fatalf("broken: %v", broken)
	}
	for alias, name := range map[string]string{"go-http": "go-http", "go-service": "go-http", "golang-microservice": "go-http"} {
		tmpl, err := set.Get(alias)
		if err != nil || tmpl.Name != name {
			t.Errorf("%s: got %v, %v, want %s", alias, tmpl, err, name)
		}
	}
}
