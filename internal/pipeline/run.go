package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/workflow"
)

// StepTimeout is how long one step of a pipeline may take.
const StepTimeout = 15 * time.Minute

// Job is one program of a pipeline.
type Job struct {
	ID      string // the same id is the same job, after a crash too
	Dir     string
	Command []string
	Env     map[string]string
	Secrets map[string]pave.Secret
	Timeout time.Duration
}

// Outcome is how a job ended.
type Outcome struct {
	OK        bool
	Reason    string   // "exit status 1", "timed out after 15m0s"
	LastLines []string // of its output
}

// Jobs runs programs where they may do no harm.
type Jobs interface {
	// Run starts the job, or goes on with the one of the same id, and waits for
	// its end. An error says that it could not be run; a job that fails is an
	// Outcome.
	Run(ctx context.Context, j Job) (Outcome, error)
	// Prepare hands a tree to the user that jobs run as; the folder it lies in is
	// not theirs, so it cannot be put in another's place. Cold tells that nothing
	// was ever built here: caches are empty.
	Prepare(ctx context.Context, dir string) (cold bool, err error)
	// TakeBack makes a built tree one that no job can change, and that the user of
	// the service may read.
	TakeBack(ctx context.Context, dir string, service int) error
	// Look is Invalid, with how to install it, where a program is not on the machine.
	Look(program string) error
	// Env is what every job may see: caches and the allow-list of variables.
	Env() map[string]string
}

// Scratch makes throw-away databases and the like for tests.
type Scratch interface {
	// Make makes the one of an id, or finds it, and returns its address.
	Make(ctx context.Context, id string) (pave.Secret, error)
	Drop(ctx context.Context, id string) error
}

// Source is what the steps of one pipeline work on.
type Source struct {
	Repository string `json:"repository"` // folder of the bare repository
	Commit     string `json:"commit"`
	Backed
	Pipeline Pipeline `json:"pipeline"`
}

// Backed says what the service has: tests get throw-away ones.
type Backed struct {
	Backings map[string]string `json:"backings,omitempty"` // engines by kind
	// Database and Cache are what runs have in their place that began before there was
	// more than one engine.
	Database bool `json:"database,omitempty"`
	Cache    bool `json:"cache,omitempty"`
}

func (b Backed) all() map[string]string {
	out := map[string]string{}
	if b.Database {
		out[pave.KindDatabase] = "postgresql"
	}
	if b.Cache {
		out[pave.KindCache] = "redis"
	}
	maps.Copy(out, b.Backings)
	return out
}

// Runner has the handlers of pipeline steps.
type Runner struct {
	Jobs      Jobs
	Scratches map[string]Scratch // by engine
	Dir       string             // builds lie in Dir/RUN
}

// The handlers of steps.
const (
	handlerSource  = "pipeline.source"
	handlerJob     = "pipeline.job"
	handlerCleanup = "pipeline.cleanup"
)

// Register adds the handlers to an engine.
func (r *Runner) Register(e *workflow.Engine) {
	e.Handle(handlerSource, r.source)
	e.Handle(handlerJob, r.job)
	e.Handle(handlerCleanup, r.cleanup)
}

// Tree is where the exported tree of a run lies.
func (r *Runner) Tree(run string) string { return filepath.Join(r.Dir, run, "tree") }

// Steps is the step graph of a pipeline: the exported tree, then each step of the
// repository after the one before. The last returned key is what a release needs.
func (r *Runner) Steps(src Source) (steps []workflow.StepSpec, last string) {
	last = "source"
	steps = append(steps, workflow.StepSpec{Key: last, Title: "Source", Handler: handlerSource, Input: src, Timeout: StepTimeout, Retry: Patient})
	for _, s := range src.Pipeline.Steps {
		steps = append(steps, workflow.StepSpec{Key: s.Name, Title: title(s.Name), Handler: handlerJob, Needs: []string{last},
			Input: jobInput{s, src.Backed}, Timeout: StepTimeout + time.Minute, Retry: Patient})
		last = s.Name
	}
	return steps, last
}

// Cleanup is the last step: it drops what was made for tests, also when steps
// failed or the run was cancelled. It waits for the steps in needs.
func (r *Runner) Cleanup(src Source, needs ...string) workflow.StepSpec {
	return workflow.StepSpec{Key: "cleanup", Title: "Clean-up", Handler: handlerCleanup, Needs: needs, Input: src,
		Always: true, Quiet: true, Retry: Patient}
}

// Patient is how long a step waits for something of ours that comes back by
// itself: about two minutes.
var Patient = workflow.Retry{Attempts: 20, Base: 200 * time.Millisecond, Max: 10 * time.Second}

func title(name string) string { return string(name[0]-'a'+'A') + name[1:] }

type jobInput struct {
	Step Step `json:"step"`
	Backed
}

// Built is the output of the step source.
type Built struct {
	Cold bool `json:"cold"` // caches were empty
}

// source exports the commit's tree, without .git, anew each time it runs.
func (r *Runner) source(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var src Source
	if err := json.Unmarshal(t.Input, &src); err != nil {
		return workflow.Result{}, err
	}
	for _, tool := range src.Pipeline.Tools {
		if err := r.Jobs.Look(tool); err != nil {
			return workflow.Result{}, err
		}
	}
	tree := r.Tree(t.Run.ID)
	if err := os.RemoveAll(tree); err != nil {
		return workflow.Result{}, err
	}
	if err := os.MkdirAll(tree, 0o711); err != nil {
		return workflow.Result{}, pave.Errorf(pave.Unavailable, "make the build folder: %w", err).WithHint("pave doctor")
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		return workflow.Result{}, err
	}
	defer root.Close()
	if err := git.Export(ctx, src.Repository, src.Commit, root); err != nil {
		return workflow.Result{}, err
	}
	cold, err := r.Jobs.Prepare(ctx, tree)
	if err != nil {
		return workflow.Result{}, err
	}
	if cold && len(src.Pipeline.Steps) > 0 {
		err = t.Emit(ctx, "step.note", map[string]any{"text": "This build is a cold one: dependencies are downloaded and compiled; the next ones are faster."})
	}
	return workflow.Result{Summary: fmt.Sprintf("%.7s", src.Commit), Output: Built{Cold: cold}}, err
}

// JobID is the id of the job of a run's step.
func JobID(run pave.Run, step string) string {
	return fmt.Sprintf("%s.%s.%d", run.ID, step, run.Attempts)
}

// job runs one step of the repository. Its job's id holds the attempt of the
// run: after a crash the same job goes on, after a retry by a person it is new.
func (r *Runner) job(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var in jobInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	j := Job{ID: JobID(t.Run, t.Step), Dir: r.Tree(t.Run.ID),
		Command: in.Step.Run, Env: r.Jobs.Env(), Timeout: StepTimeout}
	if in.Step.Test {
		j.Secrets = map[string]pave.Secret{}
		for kind, engine := range in.all() {
			scratch := r.Scratches[engine]
			if scratch == nil {
				continue // made by the organisation alone
			}
			url, err := scratch.Make(ctx, t.Run.ID)
			if err != nil {
				return workflow.Result{}, err
			}
			outputs := pave.OutputsOf(url)
			for _, v := range (pave.WantedBacking{Kind: kind, Engine: engine}).Variables() {
				j.Secrets[v.Name] = outputs[v.Output]
			}
		}
	}
	out, err := r.Jobs.Run(ctx, j)
	if err != nil {
		return workflow.Result{}, err
	}
	if !out.OK {
		if err := t.Emit(ctx, "step.output", map[string]any{"lines": out.LastLines}); err != nil {
			return workflow.Result{}, err
		}
		return workflow.Result{}, pave.Errorf(pave.Invalid, "%s: %s", shown(strings.Join(in.Step.Run, " ")), out.Reason).
			WithHint("pave logs %.16s shows the whole output; fix it and push again", t.Run.ID)
	}
	return workflow.Result{Summary: "passed"}, nil
}

// cleanup drops what was made for tests. The tree of a pipeline that failed stays
// for a retry; Prune removes it later.
func (r *Runner) cleanup(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var src Source
	if err := json.Unmarshal(t.Input, &src); err != nil {
		return workflow.Result{}, err
	}
	for _, engine := range src.all() {
		if scratch := r.Scratches[engine]; scratch != nil {
			if err := scratch.Drop(ctx, t.Run.ID); err != nil {
				return workflow.Result{}, err
			}
		}
	}
	dir := filepath.Join(r.Dir, t.Run.ID)
	if _, err := os.Stat(r.Tree(t.Run.ID)); errors.Is(err, fs.ErrNotExist) {
		return workflow.Result{}, os.RemoveAll(dir)
	}
	return workflow.Result{}, nil
}

// Prune removes build folders that nobody touched since before.
func (r *Runner) Prune(before time.Time) error {
	entries, err := os.ReadDir(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.ModTime().After(before) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(r.Dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
