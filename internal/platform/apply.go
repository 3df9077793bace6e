package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// Apply carries out a plan. It plans again and compares: what was shown is what
// is done. Applying the same plan again returns the same run.
func (p *Platform) Apply(ctx context.Context, planID string) (pave.Run, error) {
	plan, err := p.PlanFor(ctx, planID)
	if err != nil {
		return pave.Run{}, err
	}
	if plan.Run != "" {
		return p.resume(ctx, plan)
	}
	w, err := p.work(ctx, plan.Request.Request)
	if err != nil {
		return pave.Run{}, err
	}
	return p.applyWork(ctx, plan, w)
}

// ApplyFile plans the request of a file again and applies it if the hash is the
// same.
func (p *Platform) ApplyFile(ctx context.Context, f pave.PlanFile) (pave.Run, error) {
	if f.Version != 1 || f.Request.Request == nil {
		return pave.Run{}, pave.Errorf(pave.Invalid, "plan file: version %d is not known, only 1 is", f.Version).
			WithHint("make it again with pave plan --out FILE")
	}
	before, err := p.planWhere(ctx, p.DB, "hash = $1", f.Hash)
	if err == nil && before.Run != "" && p.isNewest(ctx, before.Run) {
		if _, err := p.Run(ctx, before.Run); err != nil {
			return pave.Run{}, err
		}
		return p.resume(ctx, before)
	}
	before.Base, before.Hash = f.Base, f.Hash
	w, err := p.work(ctx, f.Request.Request)
	if err != nil {
		return pave.Run{}, err
	}
	if w.tr.finished == "" && w.plan.Base != f.Base {
		return pave.Run{}, pave.Errorf(pave.Conflict, "the plan no longer fits: it was made for revision %d, now it is %d", f.Base, w.plan.Base).
			WithHint("plan again and look at it")
	}
	w.plan.ID = pave.NewID("plan")
	if w.plan.Hash == f.Hash {
		if err := p.keepPlan(ctx, w.plan); err != nil {
			return pave.Run{}, err
		}
	}
	return p.applyWork(ctx, pave.Plan{ID: w.plan.ID, Hash: f.Hash, Base: f.Base, Changes: before.Changes,
		Rows: before.Rows, Runs: before.Runs, Request: f.Request}, w)
}

// isNewest reports whether a run is still the last word on its service: applying
// the same file twice is one run, unless something happened in between.
func (p *Platform) isNewest(ctx context.Context, run string) bool {
	r, err := p.Engine.Get(ctx, run)
	if err != nil {
		return false
	}
	svc, err := p.serviceByID(ctx, p.DB, r.Service)
	return err == nil && svc.Deleted.IsZero() && svc.LastRun == r.ID
}

// resume returns the run that carries a plan out; one that stopped or was
// cancelled goes on.
func (p *Platform) resume(ctx context.Context, plan pave.Plan) (pave.Run, error) {
	run, err := p.Engine.Get(ctx, plan.Run)
	if err != nil || run.State != pave.RunStopped && run.State != pave.RunCanceled {
		return run, err
	}
	return p.RetryRun(ctx, run.ID)
}

// applyWork starts the run of a plan, if the world is still as the plan saw it.
func (p *Platform) applyWork(ctx context.Context, plan pave.Plan, w work) (pave.Run, error) {
	if w.tr.finished != "" { // another caller was faster with the very same
		w.plan.Run = w.tr.finished
		return p.resume(ctx, w.plan)
	}
	if w.plan.Hash != plan.Hash {
		return pave.Run{}, pave.Errorf(pave.Conflict, "the plan no longer fits: %s", planDiff(plan, w.plan)).
			WithHint("plan again and look at it")
	}
	if refused := w.plan.Refused(); len(refused) > 0 {
		v := refused[0]
		return pave.Run{}, pave.Errorf(pave.Policy, "guard %s refuses %s: %s", v.Guard, v.Subject, v.Reason).
			WithHint("pave plan shows all verdicts; a platform engineer can change the binding")
	}
	run, err := p.start(ctx, plan.ID, w)
	if errors.Is(err, store.ErrUnique) || pave.CodeOf(err) == pave.Conflict {
		// Somebody was faster. If they asked for the same, their run is the answer.
		again, werr := p.work(ctx, plan.Request.Request)
		if werr != nil {
			return pave.Run{}, werr
		}
		if again.tr.finished != "" {
			again.plan.Run = again.tr.finished
			return p.resume(ctx, again.plan)
		}
	}
	return run, err
}

// start writes audit, revision and run in one transaction.
func (p *Platform) start(ctx context.Context, planID string, w work) (pave.Run, error) {
	who, _ := pave.PrincipalFrom(ctx)
	var run pave.Run
	err := p.DB.Tx(ctx, func(tx *store.Tx) error {
		id := pave.NewID("run")
		svc, err := p.claim(ctx, tx, w.tr, id)
		if err != nil {
			return err
		}
		object := "service:" + string(cmp.Or(w.tr.service.Name, svc.Name)) // by the name it has before
		if err := p.Access.AuditTx(ctx, tx, w.tr.verb, object, w.plan.Hash); err != nil {
			return err
		}
		if w.tr.revises() {
			if err := p.addRevision(ctx, tx, svc, w.tr.to, id, who.User.ID); err != nil {
				return err
			}
		}
		start, err := p.runOf(ctx, tx, svc, w, id, who.User.ID)
		if err != nil {
			return err
		}
		run, err = p.Engine.StartTx(ctx, tx, start)
		if err != nil {
			return err
		}
		if run.ID != id {
			return pave.Errorf(pave.Conflict, "another change of %s is going on: run %.16s", svc.Name, run.ID).
				WithHint("pave watch %.16s", run.ID)
		}
		if w.tr.service.ID == "" {
			if err := p.noteCreation(ctx, tx, svc, w.tr.to, id, who.User.ID); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE plans SET run = $1 WHERE id = $2`, id, planID)
		return err
	})
	return run, err
}

// claim makes the service's row, or checks that nobody changed it meanwhile.
func (p *Platform) claim(ctx context.Context, tx *store.Tx, tr transition, run string) (pave.Service, error) {
	svc := tr.service
	if svc.ID == "" {
		return p.insertService(ctx, tx, svc.Name, tr.to.Team, run)
	}
	now, err := p.serviceByID(ctx, tx, svc.ID)
	if err != nil {
		return svc, err
	}
	if now.Revision != svc.Revision || now.Deleted != svc.Deleted {
		return svc, pave.Errorf(pave.Conflict, "service %q was changed meanwhile", svc.Name).WithHint("plan again")
	}
	if tr.restore && !svc.Deleted.IsZero() {
		_, err = tx.Exec(ctx, `UPDATE services SET deleted = 0, kept_until = 0 WHERE id = $1`, svc.ID)
		if errors.Is(err, store.ErrUnique) {
			return svc, pave.Errorf(pave.Conflict, "another service is called %q now", svc.Name)
		}
		if err == nil {
			err = forgetName(ctx, tx, svc.Name)
		}
	}
	if err == nil && tr.rename != "" {
		return now, p.rename(ctx, tx, &now, tr.rename)
	}
	return now, err
}

// Inputs of runs, for people and for later steps.
type applyInput struct {
	Verb   string      `json:"verb"`
	Undoes string      `json:"undoes,omitempty"`
	To     pave.Wanted `json:"to"`
	Was    pave.Name   `json:"was,omitempty"` // what the service was called before
}

// serviceKey keeps changes of one service apart: only one may go on at a time.
func serviceKey(id string) string { return "service:" + id }

// runOf is the run that carries out a transition: an apply, or for a release
// that moves a rollout.
func (p *Platform) runOf(ctx context.Context, tx *store.Tx, svc pave.Service, w work, id, actor string) (workflow.Start, error) {
	if w.tr.moves {
		in := rolloutInput{Service: svc.ID, Env: w.tr.rollout[0], Release: w.tr.releases[w.tr.rollout[0]].ID}
		if w.tr.restart {
			in.Start = id
		}
		return p.rolloutStart(ctx, tx, svc, w.tr.to, in, w.tr.releases[in.Env], id, "", actor)
	}
	uid, err := p.uidOf(ctx, tx, svc.ID)
	if err != nil {
		return workflow.Start{}, err
	}
	in := applyInput{Verb: w.tr.verb, Undoes: w.tr.undoes, To: w.tr.to}
	if w.tr.rename != "" {
		in.Was = w.tr.service.Name
	}
	steps := p.steps(svc, w, uid)
	for _, ch := range w.changes {
		if wantsRecord(ch) {
			if _, err := p.Resources.Ensure(ctx, tx, svc.ID, ch.Node, id, actor); err != nil {
				return workflow.Start{}, err
			}
		}
	}
	return workflow.Start{ID: id, Kind: pave.RunApply, Title: w.tr.verb + " " + string(svc.Name), Service: svc.ID,
		Team: string(svc.Team), Actor: actor, Key: serviceKey(svc.ID), Steps: steps,
		Input: in}, nil
}

// wantsRecord reports whether a change needs a journal row before its run
// starts; deployment and route get theirs from the rollout.
func wantsRecord(ch resource.Change) bool {
	return ch.Action == pave.ActionCreate && !rolledOut(ch.Ref)
}

func rolledOut(ref pave.Ref) bool {
	return ref.Kind == pave.KindDeployment || ref.Kind == pave.KindRoute
}

// withUID puts the user id of a new service into specs that were expanded before
// it was known.
func withUID(spec json.RawMessage, uid int) json.RawMessage {
	var m map[string]any
	if json.Unmarshal(spec, &m) != nil || m["uid"] == nil {
		return spec
	}
	m["uid"] = uid
	out, err := json.Marshal(m)
	if err != nil {
		return spec
	}
	return out
}

func (p *Platform) noteCreation(ctx context.Context, tx *store.Tx, svc pave.Service, w pave.Wanted, run, actor string) error {
	_, err := tx.Exec(ctx, `INSERT INTO creations (run, service, team, template, actor, requested, live)
		VALUES ($1, $2, $3, $4, $5, $6, 0)`, run, svc.ID, string(w.Team), templateOf(w),
		actor, store.Micros(time.Now()))
	return err
}
