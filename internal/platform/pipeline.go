package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/workflow"
)

// pipelineInput is the input of a pipeline run.
type pipelineInput struct {
	Commit string `json:"commit"`
}

// pipelineStep runs the pipeline of the head commit as a child run.
func (p *Platform) pipelineStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	if t.Child != nil {
		return p.pipelineResult(ctx, t.Child)
	}
	svc, rev, err := p.ofStep(ctx, t)
	if err != nil {
		return workflow.Result{}, err
	}
	start, err := p.pipelineStart(ctx, svc, rev.Wanted, t.Run.ID, t.Run.Actor, false)
	if err != nil {
		return workflow.Result{}, err
	}
	return workflow.Result{}, workflow.AwaitRun{Start: start}
}

func (p *Platform) pipelineResult(ctx context.Context, child *pave.Run) (workflow.Result, error) {
	if child.State != pave.RunDone {
		return workflow.Result{}, childError(child)
	}
	var names []string
	var out json.RawMessage
	cold := false
	for _, s := range child.Steps {
		switch s.Key {
		case "source":
			var built pipeline.Built
			cold = json.Unmarshal(s.Output, &built) == nil && built.Cold
		case "dependencies", "cleanup", "rollout":
		case "release":
			out = s.Output
		default:
			names = append(names, s.Key)
		}
	}
	if len(names) == 0 {
		names, cold = []string{"nothing to build"}, false
	}
	summary := strings.Join(names, ", ")
	if cold {
		summary += " (cold)"
	}
	return workflow.Result{Output: out, Summary: summary}, nil
}

// pipelineStart is the run that builds the head commit of a service; with
// rollout it goes to the lowest-ranked environment, where that may be reached by
// a push.
func (p *Platform) pipelineStart(ctx context.Context, svc pave.Service, w pave.Wanted, parent, actor string, rollout bool) (workflow.Start, error) {
	rec, err := p.Resources.Live(ctx, p.DB, svc.ID, repositoryRef(svc.Name))
	if err != nil {
		return workflow.Start{}, err
	}
	commit, err := p.Repositories.Head(ctx, rec.ExternalID)
	if err != nil {
		return workflow.Start{}, err
	}
	tree, err := p.Repositories.Tree(ctx, rec.ExternalID, commit)
	if err != nil {
		return workflow.Start{}, err
	}
	start := workflow.Start{ID: pave.NewID("run"), Kind: pave.RunPipeline, Service: svc.ID, Team: string(svc.Team), Parent: parent,
		Actor: actor, Title: fmt.Sprintf("pipeline of %s at %.7s", svc.Name, commit),
		Key: fmt.Sprintf("pipeline:%s:%s", svc.ID, commit), Input: pipelineInput{commit}}
	pipe, err := detect(tree, w)
	if pave.CodeOf(err) == pave.Invalid { // a run that says so, where people look for it
		start.Steps = []workflow.StepSpec{{Key: "detect", Title: "Pipeline", Handler: stepDetect, Input: detectInput{rec.ExternalID, commit, w.Run, w.Defaults}}}
		return start, nil
	}
	if err != nil {
		return start, err
	}
	src := pipeline.Source{Repository: p.Repositories.Dir(rec.ExternalID), Commit: commit, Pipeline: pipe}
	if slices.ContainsFunc(pipe.Steps, func(s pipeline.Step) bool { return s.Test }) {
		src.Backings = map[string]string{}
		for _, b := range w.Resources {
			src.Backings[b.Kind] = b.Engine
		}
	}
	steps, last := p.Pipeline.Steps(src)
	needs := []string{last}
	if p.waitsForChecks(rec) {
		steps = append(steps, workflow.StepSpec{Key: "checks", Title: "Checks", Handler: stepChecks, Input: checksInput{rec.ID, commit}, Retry: patientWithHost})
		needs = append(needs, "checks")
	}
	steps = append(steps, workflow.StepSpec{Key: "release", Title: "Release", Handler: stepRelease, Needs: needs,
		Input: releaseInput{svc.ID, commit, pipe.Command, pipe.Ready}}, p.Pipeline.Cleanup(src, "release"))
	if rollout && len(w.Environments) > 0 {
		steps = append(steps, workflow.StepSpec{Key: "rollout", Title: "Deployment", Handler: stepRollout,
			Needs: []string{"release"}, Input: rolloutInput{Service: svc.ID, Env: w.Environments[0]}})
	}
	start.Steps = steps
	return start, nil
}

type detectInput struct {
	Repository string         `json:"repository"`
	Commit     string         `json:"commit"`
	Run        *pave.Override `json:"run,omitempty"`
	Defaults   *pave.Override `json:"defaults,omitempty"`
}

// detectStep fails with what is wrong with the pipeline of a commit.
func (p *Platform) detectStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var in detectInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	tree, err := p.Repositories.Tree(ctx, in.Repository, in.Commit)
	if err != nil {
		return workflow.Result{}, err
	}
	_, err = detect(tree, pave.Wanted{Run: in.Run, Defaults: in.Defaults})
	return workflow.Result{}, err
}

type releaseInput struct {
	Service string   `json:"service"`
	Commit  string   `json:"commit"`
	Command []string `json:"command"`
	Ready   string   `json:"ready"`
}

// releaseStep keeps what the pipeline built.
func (p *Platform) releaseStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var in releaseInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	tree := p.Pipeline.Tree(t.Run.ID)
	if _, err := os.Stat(tree); err == nil {
		uid, err := p.uidOf(ctx, p.DB, in.Service)
		if err == nil {
			err = p.Pipeline.Jobs.TakeBack(ctx, tree, uid)
		}
		if err != nil {
			return workflow.Result{}, err
		}
	}
	r, err := p.Releases.Add(ctx, pave.Release{Service: in.Service, Commit: in.Commit, Command: in.Command,
		Ready: in.Ready, Run: t.Run.ID}, tree)
	if errors.Is(err, fs.ErrNotExist) {
		err = pave.Errorf(pave.Conflict, "what was built of %.7s is not here any more", in.Commit).WithHint("pave retry %s builds it again", t.Run.ID)
	}
	return workflow.Result{Output: map[string]any{"release": r.ID, "number": r.Number},
		Summary: fmt.Sprintf("release %d of %.7s", r.Number, r.Commit)}, err
}

// Unbuilt reports whether the folder of a pipeline is gone before there was a release of
// it: by a restore, or since it is not kept for ever. The pipeline then begins anew.
func Unbuilt(r pave.Run, builds string) bool {
	if r.Kind != pave.RunPipeline {
		return false
	}
	for _, s := range r.Steps {
		if s.Key == "release" && s.State == pave.StepDone {
			return false
		}
	}
	_, err := os.Stat(filepath.Join(builds, r.ID))
	return errors.Is(err, fs.ErrNotExist)
}

// Received starts the pipeline of a repository whose head is not the last commit
// that was built, and returns its run; ok is false where nothing is to do. It
// looks at the state, not at the event, so a lost or doubled call does no harm.
func (p *Platform) Received(ctx context.Context, service string) (run pave.Run, ok bool, err error) {
	svc, err := p.serviceMeant(ctx, service)
	if err != nil {
		return run, false, err
	}
	rec, err := p.Resources.Live(ctx, p.DB, svc.ID, repositoryRef(svc.Name))
	if err != nil || rec.State != pave.ResourcePresent {
		return run, false, err
	}
	if err := p.follow(ctx, rec); err != nil {
		return run, false, err
	}
	head, err := p.Repositories.Head(ctx, rec.ExternalID)
	if err != nil {
		return run, false, err
	}
	last, err := p.lastPipeline(ctx, svc.ID)
	if err != nil || last.commit == head {
		return last.run, last.commit == head && !last.run.State.Ended(), err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil || rev.Wanted.Nothing() {
		return run, false, err
	}
	who, _ := pave.PrincipalFrom(ctx)
	if who.User.ID == "" {
		who.User.ID = rev.Actor
	}
	start, err := p.pipelineStart(ctx, svc, rev.Wanted, "", who.User.ID, true)
	if err != nil {
		return run, false, err
	}
	run, err = p.Engine.Start(ctx, start)
	return run, err == nil, err
}

// lookAtHead builds what was pushed to a repository of a system while nobody looked: the
// hook was lost, or the server was dead.
func (p *Platform) lookAtHead(ctx context.Context, s *system, svc pave.Service) error {
	rec, err := p.repositoryOf(ctx, svc)
	if err != nil || systemOf(rec) != s.name || rec.State != pave.ResourcePresent {
		return ignoreMissing(err)
	}
	last, err := p.lastPipeline(ctx, svc.ID)
	if err != nil || last.commit == "" { // its create has not come to the first commit yet
		return err
	}
	if !p.due(rec) {
		return nil
	}
	_, _, err = p.Received(ctx, string(svc.Name))
	if s.saw(err); pave.CodeOf(err) == pave.Unavailable {
		return err
	}
	return errors.Join(ignoreMissing(err), p.observeChecks(ctx, svc, rec))
}

// ignoreMissing leaves out that something is not there, or not any more.
func ignoreMissing(err error) error {
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	return err
}

type lastBuilt struct {
	run    pave.Run
	commit string
}

// lastPipeline is the newest pipeline run of a service, with its commit.
func (p *Platform) lastPipeline(ctx context.Context, service string) (lastBuilt, error) {
	runs, err := p.Engine.List(ctx, workflow.Filter{Service: service, Kind: pave.RunPipeline, Limit: 1})
	if err != nil || len(runs) == 0 {
		return lastBuilt{}, err
	}
	var in pipelineInput
	err = json.Unmarshal(runs[0].Input, &in)
	return lastBuilt{runs[0], in.Commit}, err
}
