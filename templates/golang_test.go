package templates_test

import (
	"bytes"
	"go/format"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Go code is formatted, whatever was chosen.
func TestGoFormat(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r rendered) {
		for file, text := range r.files {
			if path.Ext(file) != ".go" {
				continue
			}
			if nice, err := format.Source([]byte(text)); err != nil || !bytes.Equal(nice, []byte(text)) {
				t.Errorf("%s is not formatted: %v", file, err)
			}
		}
	})
}

// write puts a rendered service into a new folder.
func (r rendered) write(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for file, text := range r.files {
		file = filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A new service can be compiled without a network: what it needs for a database,
// pave needs too. Those with a cache, and the tests of all but the first, are for
// test/templates.
func TestGoBuilds(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		for _, option := range chosen(t, name) {
			if options[option][1] != "" {
				continue // pave needs no such client
			}
			r := render(t, name, option)
			if r.files["go.mod"] == "" {
				continue
			}
			t.Run(name+"/"+option, func(t *testing.T) {
				t.Parallel()
				dir := r.write(t)
				r.run(t, dir, "vet", "./...")
				if name == "go-http" {
					r.run(t, dir, "test", "./...")
				}
			})
		}
	}
}

func (r rendered) run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off", "DATABASE_URL=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
