package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// rolloutInput says which release goes where; "" is the newest release.
type rolloutInput struct {
	Service string    `json:"service"`
	Env     pave.Name `json:"env"`
	Release string    `json:"release,omitempty"`
	Serving bool      `json:"serving,omitempty"` // the release that serves when the rollout begins
	Start   string    `json:"start,omitempty"`   // run that starts the processes anew
}

func rolloutKey(service string, env pave.Name) string {
	return "rollout:" + service + ":" + string(env)
}

// rolloutStep starts a rollout as a child run and waits for it. One rollout goes
// to an environment at a time.
func (p *Platform) rolloutStep(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	var in rolloutInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	if t.Child != nil {
		return rolloutResult(t.Child, in.Env)
	}
	svc, err := p.serviceByID(ctx, p.DB, in.Service)
	if err != nil {
		return workflow.Result{}, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return workflow.Result{}, err
	}
	rel, err := p.releaseOf(ctx, t, in)
	if err != nil {
		return workflow.Result{}, err
	}
	if other, err := p.activeWithKey(ctx, svc.ID, pave.RunRollout, in.Env); err != nil || other != "" {
		return workflow.Result{}, orAgain(err, fmt.Sprintf("another rollout to %s goes on: %.16s", in.Env, other))
	}
	start, err := p.rolloutStart(ctx, p.DB, svc, rev.Wanted, in, rel, pave.NewID("run"), t.Run.ID, t.Run.Actor)
	if err != nil {
		return workflow.Result{}, err
	}
	return workflow.Result{}, workflow.AwaitRun{Start: start}
}

func orAgain(err error, reason string) error {
	if err != nil {
		return err
	}
	return workflow.Again{After: 100 * time.Millisecond, Reason: reason}
}

// releaseOf is the release a step rolls out: the one that serves, the one named, the
// one this run built, or the newest.
func (p *Platform) releaseOf(ctx context.Context, t *workflow.Task, in rolloutInput) (pave.Release, error) {
	if in.Serving {
		live, err := p.Releases.Live(ctx, in.Service)
		if r, ok := live[in.Env]; ok || err != nil {
			return r, err
		}
	}
	for _, key := range []string{"release", "pipeline"} {
		var built struct {
			Release string `json:"release"`
		}
		if out, ok := t.Outputs[key]; ok && in.Release == "" && json.Unmarshal(out, &built) == nil {
			in.Release = built.Release
		}
	}
	return p.Releases.Find(ctx, in.Service, in.Release)
}

func rolloutResult(child *pave.Run, env pave.Name) (workflow.Result, error) {
	if child.State != pave.RunDone {
		return workflow.Result{}, childError(child)
	}
	summary := ""
	for _, s := range child.Steps {
		if s.Key == "deployment:"+string(env) {
			summary = s.Summary
		}
	}
	return workflow.Result{Output: map[string]any{"run": child.ID}, Summary: fmt.Sprintf("%s, %s", env, summary)}, nil
}

// childError is why a step fails whose child run did not end well.
func childError(child *pave.Run) error {
	reason := child.Reason
	if reason == "" {
		reason = string(child.State)
	}
	return pave.Errorf(pave.Invalid, "%s", reason).WithHint("pave watch %.16s shows it; then pave retry or pave undo", child.ID)
}

// rolloutStart is the run that brings a release to an environment: deployment,
// then route, then what is left to settle either way.
func (p *Platform) rolloutStart(ctx context.Context, q store.Querier, svc pave.Service, w pave.Wanted, in rolloutInput, rel pave.Release, id, parent, actor string) (workflow.Start, error) {
	env, what := in.Env, "rollout of release %d of %s to %s"
	if in.Start == id {
		what = "restart of release %d of %s in %s"
	}
	in = rolloutInput{Service: svc.ID, Env: env, Release: rel.ID, Start: in.Start}
	starts, err := p.Releases.Starts(ctx, svc.ID)
	if err != nil {
		return workflow.Start{}, err
	}
	in.Start = cmp.Or(in.Start, starts[env])
	nodes, err := p.rolloutNodes(ctx, q, svc, w, env, rel, in.Start)
	if err != nil {
		return workflow.Start{}, err
	}
	steps := []workflow.StepSpec{{Key: "begin", Title: "Release", Handler: stepRolloutBegin, Input: in, Quiet: true}}
	last := "begin"
	if approval, asked, err := p.approvalFor(ctx, svc, env, rel); err != nil {
		return workflow.Start{}, err
	} else if asked {
		steps[0].Needs = []string{approval.Key}
		steps = []workflow.StepSpec{approval, steps[0]}
	}
	for _, n := range nodes {
		ch := resource.Change{Node: n, Change: pave.Change{Action: pave.ActionUpdate, Ref: n.Ref}}
		step := resource.Step(svc.ID, ch, []string{last})
		step.Timeout = 5 * time.Minute
		steps, last = append(steps, step), step.Key
	}
	steps = append(steps,
		workflow.StepSpec{Key: "settle", Title: "Settle", Handler: stepRolloutSettle, Input: in, Needs: []string{last}, Always: true, Quiet: true},
		workflow.StepSpec{Key: "observe", Title: "Catalog", Handler: stepCatalog, Input: serviceInput{svc.ID}, Needs: []string{"settle"}, Quiet: true})
	if hasRotated(w, env) {
		steps = append(steps, workflow.StepSpec{Key: "credentials", Title: "Credentials", Handler: stepCredentials, Input: in,
			Needs: []string{last, "settle"}, Timeout: 5 * time.Minute})
	}
	return workflow.Start{ID: id, Kind: pave.RunRollout, Title: fmt.Sprintf(what, rel.Number, svc.Name, env),
		Service: svc.ID, Team: string(svc.Team), Parent: parent, Actor: actor, Key: rolloutKey(svc.ID, env), Input: in, Steps: steps}, nil
}

// rolloutNodes are deployment and route of an environment with a release, as the run
// start started it, and with the values that are there.
func (p *Platform) rolloutNodes(ctx context.Context, q store.Querier, svc pave.Service, w pave.Wanted, env pave.Name, rel pave.Release, start string) (resource.Graph, error) {
	bindings, err := p.bindings(ctx)
	if err != nil {
		return nil, err
	}
	bind, err := p.asMade(ctx, q, svc.ID, bindings)
	if err != nil {
		return nil, err
	}
	records, err := p.Resources.List(ctx, q, svc.ID)
	if err != nil {
		return nil, err
	}
	uid, err := p.uidOf(ctx, q, svc.ID)
	if err != nil {
		return nil, err
	}
	former, err := p.formerNames(ctx, q, svc.ID, svc.Name)
	if err != nil {
		return nil, err
	}
	peers, err := p.peers(ctx, w)
	if err != nil {
		return nil, err
	}
	graph, err := resource.Expand(resource.Subject{Name: svc.Name, Former: former, Peers: peers, UID: uid, Bind: bind,
		Releases: map[pave.Name]pave.Release{env: rel}, Starts: map[pave.Name]string{env: start}}, w)
	var out resource.Graph
	for _, n := range graph.Given(records) {
		if n.Ref.Env == env && rolledOut(n.Ref) {
			out = append(out, n)
		}
	}
	return out, err
}

// rolloutBegin gives deployment and route their journal rows and notes which
// release served before.
func (p *Platform) rolloutBegin(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	in, svc, w, err := p.ofRollout(ctx, t)
	if err != nil {
		return workflow.Result{}, err
	}
	rel, err := p.Releases.Get(ctx, in.Release)
	if err != nil {
		return workflow.Result{}, err
	}
	nodes, err := p.rolloutNodes(ctx, p.DB, svc, w, in.Env, rel, in.Start)
	if err != nil {
		return workflow.Result{}, err
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		for _, n := range nodes {
			if _, err := p.Resources.Ensure(ctx, tx, svc.ID, n, t.Run.ID, t.Run.Actor); err != nil {
				return err
			}
		}
		return p.Releases.Begin(ctx, tx, t.Run.ID, t.Run.Parent, svc.ID, in.Env, in.Release, in.Start)
	})
	return workflow.Result{Summary: fmt.Sprintf("release %d", rel.Number)}, err
}

// rolloutSettle notes the release as serving, or puts the one before back.
func (p *Platform) rolloutSettle(ctx context.Context, t *workflow.Task) (workflow.Result, error) {
	in, svc, w, err := p.ofRollout(ctx, t)
	if err != nil {
		return workflow.Result{}, err
	}
	if _, ok := t.Outputs["route:"+string(in.Env)]; ok {
		if err := p.Releases.End(ctx, t.Run.ID); err != nil {
			return workflow.Result{}, err
		}
		return workflow.Result{}, p.Releases.Prune(ctx, svc.ID)
	}
	live, err := p.Releases.Live(ctx, svc.ID)
	if err != nil {
		return workflow.Result{}, err
	}
	before, ok := live[in.Env]
	if !ok {
		return workflow.Result{Summary: "no release served before"}, nil
	}
	starts, err := p.Releases.Starts(ctx, svc.ID)
	if err != nil {
		return workflow.Result{}, err
	}
	nodes, err := p.rolloutNodes(ctx, p.DB, svc, w, in.Env, before, starts[in.Env])
	if err != nil {
		return workflow.Result{}, err
	}
	for _, n := range nodes {
		if err := p.Resources.PutBack(ctx, svc.ID, n); err != nil && pave.CodeOf(err) != pave.NotFound {
			return workflow.Result{}, err
		}
	}
	return workflow.Result{Summary: fmt.Sprintf("release %d goes on serving", before.Number)}, nil
}

func (p *Platform) ofRollout(ctx context.Context, t *workflow.Task) (in rolloutInput, svc pave.Service, w pave.Wanted, err error) {
	if err = json.Unmarshal(t.Input, &in); err != nil {
		return in, svc, w, err
	}
	if svc, err = p.serviceByID(ctx, p.DB, in.Service); err != nil {
		return in, svc, w, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	return in, svc, rev.Wanted, err
}
