// Package pipeline knows what the pipeline of a repository is, detected from its
// files, and runs its steps as jobs. It knows no service, no store and no node:
// who runs a job is an interface.
package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	pave "github.com/pave-platform/pave"
	"sigs.k8s.io/yaml"
)

// File is the optional file that overrides what is detected.
const File = ".pave/pipeline.yaml"

// maxFile is how large the file may be, in bytes.
const maxFile = 64 << 10

// Pipeline is what happens to a commit and how its result is run.
type Pipeline struct {
	Language string   `json:"language"`
	Steps    []Step   `json:"steps"`
	Command  []string `json:"command"`  // argv of the service, in the built tree
	Ready    string   `json:"ready"`    // path that answers 200 when it may serve
	Evidence string   `json:"evidence"` // the file it was read from
}

// Step is one program of a pipeline, run in the exported tree.
type Step struct {
	Name string   `json:"name"`
	Run  []string `json:"run"`
	Test bool     `json:"test,omitempty"` // gets the throw-away database
}

// Names lists the steps that people care about: all but the dependencies.
func (p Pipeline) Names() []string {
	out := []string{}
	for _, s := range p.Steps {
		if s.Name != "dependencies" {
			out = append(out, s.Name)
		}
	}
	return out
}

// file is the strict form of .pave/pipeline.yaml.
type file struct {
	Version int      `json:"version"`
	Steps   *[]Step  `json:"steps"`
	Run     []string `json:"run"`
	Ready   string   `json:"ready"`
}

// Detect reads the pipeline of a tree. Invalid where the file is wrong or where
// nothing says how the service is built and run.
func Detect(tree fs.FS) (Pipeline, error) {
	p, found, err := detectGo(tree)
	if err != nil {
		return p, err
	}
	over, ok, err := readFile(tree)
	if err != nil {
		return p, err
	}
	if ok {
		found, p.Evidence = true, File
		if over.Steps != nil {
			p.Steps = *over.Steps
		}
		if len(over.Run) > 0 {
			p.Command = over.Run
		}
		if over.Ready != "" {
			p.Ready = over.Ready
		}
	}
	if !found || len(p.Command) == 0 {
		return p, pave.Errorf(pave.Invalid, "nothing in the repository says how the service is built and run: no go.mod with a main package, no %s", File).
			WithHint("add %s with version: 1, steps and run", File)
	}
	if p.Ready == "" {
		p.Ready = "/health/ready"
	}
	return p, nil
}

var stepName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

func readFile(tree fs.FS) (file, bool, error) {
	var f file
	data, err := fs.ReadFile(tree, File)
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	if len(data) > maxFile {
		return f, false, pave.Errorf(pave.Invalid, "%s is larger than %d bytes", File, maxFile)
	}
	if err := yaml.UnmarshalStrict(data, &f); err != nil {
		return f, false, pave.Errorf(pave.Invalid, "%s: %s", File, strings.TrimPrefix(err.Error(), "error unmarshaling JSON: ")).
			WithHint("known keys are version, steps (name, run, test), run and ready")
	}
	return f, true, f.check()
}

func (f file) check() error {
	if f.Version != 1 {
		return pave.Errorf(pave.Invalid, "%s: version %d is not known, only 1 is", File, f.Version)
	}
	if f.Ready != "" && !strings.HasPrefix(f.Ready, "/") {
		return pave.Errorf(pave.Invalid, "%s: ready %q must begin with /", File, f.Ready)
	}
	if f.Steps == nil {
		return nil
	}
	seen := map[string]bool{}
	if len(*f.Steps) > 20 {
		return pave.Errorf(pave.Invalid, "%s: %d steps, at most 20 are allowed", File, len(*f.Steps))
	}
	for _, s := range *f.Steps {
		switch {
		case !stepName.MatchString(s.Name), seen[s.Name], slices.Contains(ownSteps, s.Name):
			return pave.Errorf(pave.Invalid, "%s: step name %q must be unique, lower case, and none of %v", File, s.Name, ownSteps)
		case len(s.Run) == 0 || s.Run[0] == "":
			return pave.Errorf(pave.Invalid, "%s: step %q has nothing to run", File, s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

// ownSteps are the steps every pipeline has around those of the repository.
var ownSteps = []string{"source", "release", "rollout", "cleanup"}

var packageMain = regexp.MustCompile(`(?m)^package main\b`)

// detectGo finds a Go module with one main package: the root, or under cmd/.
func detectGo(tree fs.FS) (Pipeline, bool, error) {
	if _, err := fs.Stat(tree, "go.mod"); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Pipeline{}, false, nil
		}
		return Pipeline{}, false, err
	}
	p := Pipeline{Language: "go", Evidence: "go.mod"}
	p.Steps = []Step{
		{Name: "dependencies", Run: []string{"go", "mod", "download"}},
		{Name: "vet", Run: []string{"go", "vet", "./..."}},
		{Name: "test", Run: []string{"go", "test", "./..."}, Test: true},
	}
	main, err := goMain(tree)
	if err != nil || main == "" {
		return p, true, err
	}
	p.Steps = append(p.Steps, Step{Name: "build", Run: []string{"go", "build", "-trimpath", "-o", "bin/app", main}})
	p.Command = []string{"bin/app"}
	return p, true, nil
}

// goMain is the main package of the service, "./cmd/server"; "" if there is none.
// Of several under cmd the one named server, then the first by name, is taken.
func goMain(tree fs.FS) (string, error) {
	if ok, err := hasMain(tree, "."); ok || err != nil {
		return ".", err
	}
	entries, err := fs.ReadDir(tree, "cmd")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var mains []string
	for _, e := range entries {
		ok, err := hasMain(tree, path.Join("cmd", e.Name()))
		if err != nil {
			return "", err
		}
		if ok && e.IsDir() {
			mains = append(mains, e.Name())
		}
	}
	sort.Strings(mains)
	if slices.Contains(mains, "server") {
		return "./cmd/server", nil
	}
	if len(mains) == 0 {
		return "", nil
	}
	return "./cmd/" + mains[0], nil
}

func hasMain(tree fs.FS, dir string) (bool, error) {
	entries, err := fs.ReadDir(tree, dir)
	if err != nil {
		return false, nil // a file where a folder could be
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := fs.ReadFile(tree, path.Join(dir, name))
		if err != nil {
			return false, err
		}
		if packageMain.Match(data[:min(len(data), 64<<10)]) && !bytes.Contains(data[:min(len(data), 512)], []byte("//go:build ignore")) {
			return true, nil
		}
	}
	return false, nil
}
