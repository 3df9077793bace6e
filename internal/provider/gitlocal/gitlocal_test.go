package gitlocal

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// rendered stands for the templates: some files, as many as a small one has.
type rendered struct{}

func (rendered) Render(ctx context.Context, s resource.RepositorySpec) ([]git.File, error) {
	files := []git.File{{Path: "README.md", Mode: 0o644, Data: []byte("# " + string(s.Service) + "\n")}}
	for i := range 30 {
		files = append(files, git.File{Path: fmt.Sprintf("pkg/file%d.go", i), Mode: 0o644, Data: fmt.Appendf(nil, "package p%d\n", i)})
	}
	return files, ctx.Err()
}

func newDriver(t *testing.T) Driver {
	t.Helper()
	return Driver{Dir: filepath.Join(t.TempDir(), "git"), Hooks: t.TempDir(), Trees: rendered{}}
}

var names atomic.Int64

func fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	spec, err := json.Marshal(resource.RepositorySpec{Service: pave.Name(name), Team: "squad", Template: "go-http", Version: "1.0"})
	if err != nil {
		panic(err) // plain data
	}
	return resource.Resource{ID: pave.NewID("res"), ExternalID: name, Spec: spec,
		Ref: pave.Ref{Kind: pave.KindRepository, Service: pave.Name(name), Name: name}}
}

// run runs the real git, with a person as author.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@localhost", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@localhost"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// push adds a commit to a branch of a repository, as a developer does.
func push(t *testing.T, repository, branch, text string) {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	run(t, "/", "clone", "-q", repository, clone)
	if err := os.WriteFile(filepath.Join(clone, "main.go"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, clone, "add", ".")
	run(t, clone, "commit", "-q", "-m", "work")
	run(t, clone, "push", "-q", "origin", "HEAD:refs/heads/"+branch)
}

// content is every file below a path, with its mode and bytes.
func content(t *testing.T, path string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			fmt.Fprintln(&out, p)
			return err
		}
		data, err := os.ReadFile(p)
		fmt.Fprintf(&out, "%s %s %q\n", p, info.Mode(), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestContract(t *testing.T) {
	t.Parallel()
	foreign := map[string]func(t *testing.T, path string){
		"a repository": func(t *testing.T, path string) { run(t, "/", "init", "-q", "--bare", path) },
		"an empty folder": func(t *testing.T, path string) {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"a file": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, mk := range foreign {
		t.Run("beside "+name, func(t *testing.T) {
			t.Parallel()
			d := newDriver(t)
			if err := os.MkdirAll(d.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			resourcetest.Run(t, resourcetest.Config{
				New: func(*testing.T) (resource.Driver, func() resource.Resource) { return d, fresh },
				Foreign: func(t *testing.T, r resource.Resource) func() string {
					mk(t, d.path(r.ExternalID))
					return func() string { return content(t, d.path(r.ExternalID)) }
				},
				Fill: func(t *testing.T, r resource.Resource, _ resource.State) {
					push(t, d.path(r.ExternalID), "main", "package main\n")
					push(t, d.path(r.ExternalID), "idea", "package idea\n")
				},
				Seen: func(t *testing.T, r resource.Resource, _ resource.State) string {
					return run(t, d.path(r.ExternalID), "log", "--all", "--format=%H %an %s") + run(t, d.path(r.ExternalID), "fsck", "--strict")
				},
			})
			t.Cleanup(func() { // what the suite deleted has left nothing, hidden or not
				entries, err := os.ReadDir(d.Dir)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".deleted") {
						t.Errorf("%s was left behind", e.Name())
					}
				}
			})
		})
	}
}

// A crash in the midst of a deletion leaves the repository under another name,
// which the same Delete must find again.
func TestDeleteGoesOn(t *testing.T) {
	t.Parallel()
	d, r := newDriver(t), fresh()
	if _, err := d.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.path(r.ExternalID), d.doomed(r)); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(d.Dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDiffCountsWhatWouldBeLost(t *testing.T) {
	t.Parallel()
	d, r := newDriver(t), fresh()
	lost := func(want string) {
		t.Helper()
		if diff, err := d.Diff(t.Context(), r); err != nil || diff.Lost != want {
			t.Errorf("lost %q, %v; want %q", diff.Lost, err, want)
		}
	}
	lost("") // nothing is there
	if _, err := d.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	lost("") // the first commit comes from the template
	push(t, d.path(r.ExternalID), "main", "one")
	lost("1 commit by 1 person")
	push(t, d.path(r.ExternalID), "idea", "two")
	lost("2 commits by 1 person")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	d := newDriver(t) // its folder is not there yet
	if got := d.Check(t.Context()); len(got) != 1 || !got[0].OK || !strings.Contains(got[0].Detail, "git version") {
		t.Errorf("%+v", got)
	}
}
