package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// The handlers of steps that are not a resource's.
const (
	stepTeam          = "platform.team"
	stepTemplate      = "platform.template"
	stepPipeline      = "platform.pipeline"
	stepDetect        = "platform.detect"
	stepRelease       = "platform.release"
	stepRollout       = "platform.rollout"
	stepRolloutBegin  = "platform.rollout.begin"
	stepRolloutSettle = "platform.rollout.settle"
	stepApproval      = "platform.approval"
	stepCatalog       = "platform.catalog"
	stepCredentials   = "platform.credentials"
	stepQuiesce       = "platform.quiesce"
	stepForget        = "platform.forget"
)

// steps is the graph of an apply: first what is made, in the order of needs, with
// pipeline and rollouts as child runs; then what is taken away, in reverse.
func (p *Platform) steps(svc pave.Service, w work, uid int) []workflow.StepSpec {
	b := &builder{svc: svc, w: w, uid: uid}
	b.rows()
	b.resources()
	b.pipeline()
	b.rollouts()
	b.retired()
	if b.w.tr.to.Nothing() {
		b.add("forget", "Service", stepForget, forgetInput{svc.ID, w.tr.undoes}, b.keys()...)
	} else {
		b.add("catalog", "Catalog", stepCatalog, serviceInput{svc.ID}, b.keys()...)
	}
	return b.out
}

type builder struct {
	svc pave.Service
	w   work
	uid int
	out []workflow.StepSpec
}

type serviceInput struct {
	Service string `json:"service"`
}

func (b *builder) add(key, title, handler string, input any, needs ...string) {
	b.out = append(b.out, workflow.StepSpec{Key: key, Title: title, Handler: handler, Input: input,
		Needs: b.known(needs), Timeout: time.Hour})
}

// known keeps those needs that are steps of this run.
func (b *builder) known(needs []string) []string {
	return slices.DeleteFunc(slices.Clone(needs), func(k string) bool { return !b.has(k) })
}

func (b *builder) has(key string) bool { return slices.Contains(b.keys(), key) }

func (b *builder) keys() []string {
	var out []string
	for _, s := range b.out {
		out = append(out, s.Key)
	}
	return out
}

func (b *builder) rows() {
	if b.w.tr.newTeam {
		b.add("team", "Team", stepTeam, teamInput{b.w.tr.to.Team})
	}
}

// resources adds a step for every resource that is made or changed, but those a
// rollout brings.
func (b *builder) resources() {
	for _, ch := range b.w.changes {
		switch ch.Action {
		case pave.ActionCreate, pave.ActionUpdate, pave.ActionReplace, pave.ActionRestore:
		default:
			continue
		}
		if rolledOut(ch.Ref) {
			continue
		}
		ch.Node.Spec = withUID(ch.Node.Spec, b.uid)
		needs := []string{"team"}
		for _, n := range ch.Node.Needs {
			needs = append(needs, resource.StepKey(n))
		}
		b.out = append(b.out, resource.Step(b.svc.ID, ch, b.known(needs)))
		if ch.Ref.Kind == pave.KindRepository && ch.Action == pave.ActionCreate {
			title := "Template"
			if b.w.tr.to.Adopted != nil {
				title = "History"
			}
			b.add("template", title, stepTemplate, serviceInput{b.svc.ID}, "repository")
		}
	}
}

func (b *builder) pipeline() {
	if b.w.tr.build {
		b.add("pipeline", "Pipeline", stepPipeline, serviceInput{b.svc.ID}, "repository", "template")
	}
}

func (b *builder) rollouts() {
	for _, env := range b.w.tr.rollout {
		needs := []string{"pipeline"}
		for _, ch := range b.w.changes {
			if ch.Ref.Env == env && !rolledOut(ch.Ref) {
				needs = append(needs, resource.StepKey(ch.Ref))
			}
		}
		b.add("deployment:"+string(env), "Deployment", stepRollout,
			rolloutInput{Service: b.svc.ID, Env: env, Release: b.w.tr.releases[env].ID, Serving: b.w.tr.follow}, needs...)
	}
}

// retired adds the steps that take resources away, one after the other.
func (b *builder) retired() {
	last := ""
	for _, ch := range b.w.changes {
		if ch.Action != pave.ActionDelete && ch.Action != pave.ActionAside {
			continue
		}
		needs := []string{last}
		if last == "" && b.leaves() {
			needs = []string{"quiesce"}
			b.add("quiesce", "Runs", stepQuiesce, serviceInput{b.svc.ID}, b.keys()...)
			b.out[len(b.out)-1].Quiet = true
		} else if last == "" {
			needs = b.keys()
		}
		step := resource.Step(b.svc.ID, ch, needs)
		step.Quiet = false
		b.out = append(b.out, step)
		last = step.Key
	}
}

// leaves reports whether processes of the service end for good: what else goes on
// with it has to end before. A database may go while a pipeline runs.
func (b *builder) leaves() bool {
	return slices.ContainsFunc(b.w.changes, func(ch resource.Change) bool {
		return ch.Ref.Kind == pave.KindDeployment && ch.Action == pave.ActionDelete
	})
}

type teamInput struct {
	Team pave.Name `json:"team"`
}

// teamStep makes the team of a first service.
func (p *Platform) teamStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var in teamInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	_, err := p.Access.EnsureTeam(ctx, in.Team, t.Run.Actor, t.Run.ID)
	return workflow.Result{Summary: fmt.Sprintf("%s (new)", in.Team)}, err
}

// templateStep says what the first commit holds, as found in the repository.
func (p *Platform) templateStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	svc, rev, err := p.ofStep(ctx, t)
	if err != nil {
		return workflow.Result{}, err
	}
	rec, err := p.Resources.Live(ctx, p.DB, svc.ID, repositoryRef(svc.Name))
	if err != nil {
		return workflow.Result{}, err
	}
	commit, err := p.Repositories.Head(ctx, rec.ExternalID)
	if err != nil {
		return workflow.Result{}, err
	}
	files, err := p.countFiles(ctx, rec.ExternalID, commit)
	if a := rev.Wanted.Adopted; a != nil {
		return workflow.Result{Output: map[string]any{"commit": commit},
			Summary: fmt.Sprintf("%s at %.7s (%d files)", a.Address, commit, files)}, err
	}
	return workflow.Result{Output: map[string]any{"commit": commit},
		Summary: fmt.Sprintf("%s %s (%d files, first commit %.7s)", rev.Wanted.Template, rev.Wanted.Version, files, commit)}, err
}

// ofStep loads the service a step works on, with its newest revision.
func (p *Platform) ofStep(ctx context.Context, t *workflow.Task) (pave.Service, pave.Revision, error) {
	var in serviceInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return pave.Service{}, pave.Revision{}, err
	}
	svc, err := p.serviceByID(ctx, p.DB, in.Service)
	if err != nil {
		return svc, pave.Revision{}, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	return svc, rev, err
}

func repositoryRef(name pave.Name) pave.Ref {
	return pave.Ref{Kind: pave.KindRepository, Service: name, Name: string(name)}
}

// quiesceStep ends the pipelines and rollouts of a service that is taken away,
// and waits until they are over.
func (p *Platform) quiesceStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	svc, _, err := p.ofStep(ctx, t)
	if err != nil {
		return workflow.Result{}, err
	}
	active, err := p.activeRuns(ctx, svc.ID)
	if err != nil {
		return workflow.Result{}, err
	}
	going := 0
	for _, run := range active {
		if run.ID == t.Run.ID {
			continue
		}
		going++
		if err := p.Engine.Cancel(ctx, run.ID, t.Run.Actor, "the service is being taken away"); err != nil &&
			pave.CodeOf(err) != pave.Conflict {
			return workflow.Result{}, err
		}
	}
	if going > 0 {
		return workflow.Result{}, workflow.Again{After: 100 * time.Millisecond, Reason: "runs of the service are ending"}
	}
	return workflow.Result{}, nil
}

type forgetInput struct {
	Service string `json:"service"`
	Undoes  string `json:"undoes,omitempty"`
}

// forgetStep marks a service as deleted, its catalog entries as gone, and removes
// a team that the undone run made and that owns nothing else.
func (p *Platform) forgetStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var in forgetInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	svc, err := p.serviceByID(ctx, p.DB, in.Service)
	if err != nil {
		return workflow.Result{}, err
	}
	if _, err := p.Catalog.Gone(ctx, svc.ID); err != nil {
		return workflow.Result{}, err
	}
	now := time.Now()
	_, err = p.DB.Exec(ctx, `UPDATE services SET deleted = $1, kept_until = $2 WHERE id = $3 AND deleted = 0`,
		store.Micros(now), store.Micros(now.Add(resource.KeepFor)), svc.ID)
	if err != nil {
		return workflow.Result{}, err
	}
	p.seen.forget(svc.ID)
	if err := p.dropDev(ctx, `service = $2`, svc.ID); err != nil {
		return workflow.Result{}, err
	}
	summary := fmt.Sprintf("%s deleted, restorable until %s", svc.Name, now.Add(resource.KeepFor).Format(time.DateOnly))
	if in.Undoes == "" {
		return workflow.Result{Summary: summary}, nil
	}
	owned, err := p.ownedBy(ctx, svc.Team)
	if err != nil || owned > 0 {
		return workflow.Result{Summary: summary}, err
	}
	removed, err := p.Access.RemoveTeamMadeBy(ctx, svc.Team, in.Undoes)
	if removed {
		summary += fmt.Sprintf("; team %s removed", svc.Team)
	}
	return workflow.Result{Summary: summary}, err
}
