package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

const (
	// approvalKey is the step of a rollout that waits for somebody to approve it.
	approvalKey = "approval"
	// approvalWithin is how long it waits where the environment does not say.
	approvalWithin = 24 * time.Hour
	maxApproval    = 30 * 24 * time.Hour
)

// approvers are the roles that an environment may ask.
var approvers = []string{pave.RoleLead, pave.RoleAdmin}

type approvalInput struct {
	Env     pave.Name     `json:"env"`
	Role    string        `json:"role"`
	Within  time.Duration `json:"within"`
	Release int           `json:"release"`
}

// A ruling is what somebody said to a rollout that waited.
type ruling struct {
	Approved bool   `json:"approved"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
}

// approvalFor is the step that a rollout begins with where its environment asks for
// approval; ok is false where it does not, and where the release serves there
// already: a restart or another number of processes is no new thing.
func (p *Platform) approvalFor(ctx context.Context, svc pave.Service, env pave.Name, rel pave.Release) (step workflow.StepSpec, ok bool, err error) {
	e, err := p.environment(ctx, env)
	if err != nil || e.Approval == "" {
		return step, false, err
	}
	live, err := p.Releases.Live(ctx, svc.ID)
	if err != nil || live[env].ID == rel.ID {
		return step, false, err
	}
	return workflow.StepSpec{Key: approvalKey, Title: "Approval", Handler: stepApproval,
		Input: approvalInput{env, e.Approval, withinOf(e), rel.Number}}, true, nil
}

func withinOf(e pave.Environment) time.Duration {
	if e.ApprovalSeconds == 0 {
		return approvalWithin
	}
	return time.Duration(e.ApprovalSeconds) * time.Second
}

func (p *Platform) environment(ctx context.Context, name pave.Name) (pave.Environment, error) {
	all, err := p.Environments(ctx)
	for _, e := range all {
		if e.Name == name {
			return e, err
		}
	}
	return pave.Environment{}, err
}

// approvalSignal names what the step of one attempt waits for, so that a word that
// came too late is not taken for the next attempt's.
func approvalSignal(runAttempts, stepAttempt int) string {
	return fmt.Sprintf("approval %d.%d", runAttempts, stepAttempt)
}

// approvalStep waits for a ruling.
func (p *Platform) approvalStep(_ context.Context, t *workflow.Task) (workflow.Result, error) {
	var in approvalInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return workflow.Result{}, err
	}
	if t.Signal == "" {
		return workflow.Result{}, workflow.AwaitSignal{Name: approvalSignal(t.Run.Attempts, t.Attempt), Timeout: in.Within,
			Reason: fmt.Sprintf("approval of release %d in %s by %s: pave approve %.16s", in.Release, in.Env, article(in.Role), t.Run.ID)}
	}
	var said ruling
	if err := json.Unmarshal(t.Payload, &said); err != nil {
		return workflow.Result{}, err
	}
	if !said.Approved {
		return workflow.Result{}, pave.Errorf(pave.Policy, "denied by %s: %s", said.By, said.Reason).
			WithHint("talk to %s; pave retry %.16s asks again", said.By, t.Run.ID)
	}
	summary := "by " + said.By
	if said.Reason != "" {
		summary += ": " + said.Reason
	}
	return workflow.Result{Summary: summary, Data: said}, nil
}

func article(role string) string {
	if role == pave.RoleAdmin {
		return "an admin"
	}
	return "a " + role
}

// ApproveRun lets a rollout go on that waits for approval, or ends it. The run may
// be the one that started the rollout.
func (p *Platform) ApproveRun(ctx context.Context, id string, approved bool, reason string) (pave.Run, error) {
	asked, err := p.Run(ctx, id)
	if err != nil {
		return asked, err
	}
	owner, err := p.runOwner(ctx, asked)
	if err != nil {
		return asked, err
	}
	if err := p.Access.May(ctx, access.Approve, owner); err != nil {
		return asked, err
	}
	run, step, err := p.waitsForApproval(ctx, asked)
	if err != nil {
		return run, err
	}
	var in rolloutInput
	if err := json.Unmarshal(run.Input, &in); err != nil {
		return run, err
	}
	owner.Env, owner.Requester = in.Env, run.Actor
	if err := p.mayApprove(ctx, owner); err != nil {
		return run, err
	}
	if !approved && strings.TrimSpace(reason) == "" {
		return run, pave.BadField("reason", "", "is needed: the one who asked wants to know", `--reason "not before the sale"`)
	}
	who, _ := pave.PrincipalFrom(ctx)
	action := "deny run"
	if approved {
		action = "approve run"
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error { return p.Access.AuditTx(ctx, tx, action, "run:"+run.ID, clip(reason, 200)) })
	if err != nil {
		return run, err
	}
	err = p.Engine.Signal(ctx, run.ID, approvalSignal(run.Attempts, step.Attempt), ruling{approved, who.User.Name, clip(reason, 200)})
	if err != nil {
		return run, err
	}
	return p.Engine.Get(ctx, run.ID)
}

// mayApprove asks the policies, and for an environment that asks for an admin
// whether the caller is one.
func (p *Platform) mayApprove(ctx context.Context, o access.Object) error {
	if err := p.Access.May(ctx, access.Approve, o); err != nil {
		return err
	}
	e, err := p.environment(ctx, o.Env)
	if err == nil && e.Approval == pave.RoleAdmin {
		err = p.Access.May(ctx, access.Admin, access.Platform)
	}
	return err
}

// waitsForApproval finds the run that waits: this one, or one that it waits for.
func (p *Platform) waitsForApproval(ctx context.Context, run pave.Run) (pave.Run, pave.Step, error) {
	for _, s := range run.Steps {
		if s.State != pave.StepWaiting {
			continue
		}
		if s.Key == approvalKey {
			return run, s, nil
		}
		if s.Child == "" {
			continue
		}
		child, err := p.Engine.Get(ctx, s.Child)
		if err != nil {
			return run, s, err
		}
		if found, step, err := p.waitsForApproval(ctx, child); err == nil {
			return found, step, nil
		}
	}
	return run, pave.Step{}, pave.Errorf(pave.Conflict, "run %.16s waits for no approval", run.ID).WithHint("pave describe run %.16s", run.ID)
}

// noteApprovals says in a plan who has to approve it.
func (p *Platform) noteApprovals(ctx context.Context, w *work) error {
	for _, env := range w.tr.rollout {
		e, err := p.environment(ctx, env)
		if err != nil {
			return err
		}
		if e.Approval == "" {
			continue
		}
		live, err := p.Releases.Live(ctx, w.tr.service.ID)
		if err != nil {
			return err
		}
		if rel, ok := w.tr.releases[env]; !ok || live[env].ID != rel.ID {
			w.plan.Runs = append(w.plan.Runs, fmt.Sprintf("approval by %s for %s, within %s", article(e.Approval), env, withinOf(e)))
		}
	}
	return nil
}

// SetEnvironment changes what an environment asks for.
func (p *Platform) SetEnvironment(ctx context.Context, name string, r pave.EnvironmentChange) (pave.Environment, error) {
	if err := p.Access.May(ctx, access.Admin, access.Platform); err != nil {
		return pave.Environment{}, err
	}
	envs, err := p.environmentsNamed(ctx, []string{name})
	if err != nil {
		return pave.Environment{}, err
	}
	if err := p.fillChange(ctx, envs[0], &r); err != nil {
		return pave.Environment{}, err
	}
	if r.Approval != "" && !slices.Contains(approvers, r.Approval) {
		hint := "one of lead, admin, none"
		if near := pave.DidYouMean(r.Approval, approvers); near != "" {
			hint = "did you mean " + near + "?"
		}
		return pave.Environment{}, pave.BadField("approval", r.Approval, "is not a role that approves", hint)
	}
	if r.Seconds < 0 || time.Duration(r.Seconds)*time.Second > maxApproval {
		return pave.Environment{}, pave.BadField("seconds", fmt.Sprint(r.Seconds), "must be 1 second to 30 days", "--expires 24h")
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.AuditTx(ctx, tx, "set environment", "environment:"+string(envs[0]),
			fmt.Sprintf("approval %s, calls %s", cmp.Or(r.Approval, "none"), r.Calls)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE environments SET approval = $1, approval_seconds = $2, calls = $3 WHERE name = $4`,
			r.Approval, r.Seconds, r.Calls, string(envs[0]))
		return err
	})
	if err != nil {
		return pave.Environment{}, err
	}
	p.attempt(ctx, "tell the node of environments", p.tellCalls) // it is told again, should this fail
	return p.environment(ctx, envs[0])
}

// fillChange puts what an environment has in the place of what a change leaves.
func (p *Platform) fillChange(ctx context.Context, name pave.Name, r *pave.EnvironmentChange) error {
	e, err := p.environment(ctx, name)
	if err != nil {
		return err
	}
	if r.Approval == "" && r.Calls != "" {
		r.Approval, r.Seconds = e.Approval, e.ApprovalSeconds
	}
	if r.Approval == "none" {
		r.Approval = ""
	}
	r.Calls = cmp.Or(r.Calls, e.Calls)
	words := []string{pave.CallsOpen, pave.CallsDeclared}
	if !slices.Contains(words, r.Calls) {
		return pave.BadField("calls", r.Calls, "is neither open nor declared", didYouMean(r.Calls, words))
	}
	return nil
}
