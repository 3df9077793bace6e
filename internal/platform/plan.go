package platform

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

// work is a plan with what is needed to carry it out.
type work struct {
	plan    pave.Plan
	tr      transition
	changes []resource.Change
}

// Plan says what a request would do. It makes nothing but the plan's own row. The
// same idempotency key of the same caller is the same plan.
func (p *Platform) Plan(ctx context.Context, r pave.Request) (pave.Plan, error) {
	who, _ := pave.PrincipalFrom(ctx)
	if who.Idempotency != "" {
		before, err := p.planWhere(ctx, p.DB, "actor = $1 AND idem_key = $2", who.User.ID, who.Idempotency)
		if err == nil {
			if before, err = p.PlanFor(ctx, before.ID); err != nil { // what they may see may be less now
				return before, err
			}
			return before, sameRequest(before, r, who.Idempotency)
		}
		if pave.CodeOf(err) != pave.NotFound {
			return pave.Plan{}, err
		}
	}
	w, err := p.work(ctx, r)
	if err != nil {
		return pave.Plan{}, err
	}
	w.plan.ID = pave.NewID("plan")
	return w.plan, p.keepPlan(ctx, w.plan)
}

// sameRequest is a Conflict where a key was used for something else.
func sameRequest(before pave.Plan, r pave.Request, key string) error {
	a, err := json.Marshal(before.Request)
	if err != nil {
		return err
	}
	b, err := json.Marshal(pave.Envelope{Request: r})
	if err != nil || bytes.Equal(a, b) {
		return err
	}
	return pave.Errorf(pave.Conflict, "idempotency key %q was used for another request", key).WithHint("send a new key")
}

// work resolves a request and compares what it wants with journal and world.
func (p *Platform) work(ctx context.Context, r pave.Request) (work, error) {
	tr, err := p.resolve(ctx, r)
	if err != nil {
		return work{}, err
	}
	w := work{tr: tr, plan: pave.Plan{Request: pave.Envelope{Request: r}, Service: tr.service.Name,
		Base: tr.service.Revision, Target: tr.service.Revision, Created: time.Now().UTC()}}
	if tr.finished != "" {
		w.plan.Run = tr.finished
		w.plan.Changes, w.plan.Verdicts = []pave.Change{}, []pave.Verdict{}
		w.plan.Hash, err = planHash(w)
		return w, err
	}
	if tr.revises() {
		w.plan.Target++
	}
	if err := p.compare(ctx, &w); err != nil {
		return w, err
	}
	w.followChanges()
	w.describe()
	if err := p.mayRollOut(ctx, tr); err != nil {
		return w, err
	}
	if err := p.noteApprovals(ctx, &w); err != nil {
		return w, err
	}
	w.plan.Verdicts = guard(w.changes)
	if err := p.Resources.Preflight(ctx, w.changes); err != nil {
		return w, err
	}
	w.plan.Hash, err = planHash(w)
	return w, err
}

// compare expands what is wanted and takes the difference.
func (p *Platform) compare(ctx context.Context, w *work) error {
	subject, err := p.subject(ctx, w.tr)
	if err != nil {
		return err
	}
	graph, err := resource.Expand(subject, w.tr.to)
	if err != nil {
		return err
	}
	var records []resource.Record
	if w.tr.service.ID != "" {
		if records, err = p.Resources.List(ctx, p.DB, w.tr.service.ID); err != nil {
			return err
		}
		resource.Rename(records, w.tr.service.Name, w.tr.name())
	}
	if w.tr.moves {
		graph = ofMove(graph, records)
	}
	w.changes, err = p.Resources.Diff(ctx, records, graph,
		resource.DiffOptions{Restore: w.tr.restore, Drift: w.tr.heal != nil})
	if w.tr.moves {
		w.changes = w.tr.moved(w.changes)
	}
	w.plan.Changes = []pave.Change{}
	for i := range w.changes {
		if ch := &w.changes[i]; w.tr.heal != nil && !w.tr.heal(ch.Ref) {
			ch.Action, ch.Detail = pave.ActionKeep, nil
		}
		w.plan.Changes = append(w.plan.Changes, w.changes[i].Change)
	}
	return err
}

// followChanges gives a rollout to each environment whose processes, or the way to
// them, change: of the release that serves there.
func (w *work) followChanges() {
	for _, ch := range w.changes {
		_, serves := w.tr.releases[ch.Ref.Env]
		if !w.tr.follow || !rolledOut(ch.Ref) || !serves || slices.Contains(w.tr.rollout, ch.Ref.Env) {
			continue
		}
		switch ch.Action {
		case pave.ActionCreate, pave.ActionUpdate, pave.ActionReplace, pave.ActionRestore:
			w.tr.rollout = append(w.tr.rollout, ch.Ref.Env)
		}
	}
}

// subject is what expansion needs to know of the service of a transition.
func (p *Platform) subject(ctx context.Context, tr transition) (resource.Subject, error) {
	bindings, err := p.bindings(ctx)
	if err != nil {
		return resource.Subject{}, err
	}
	bind, err := p.asMade(ctx, p.DB, tr.service.ID, bindings)
	if err != nil {
		return resource.Subject{}, err
	}
	starts, err := p.Releases.Starts(ctx, tr.service.ID)
	if err != nil {
		return resource.Subject{}, err
	}
	former, err := p.formerNames(ctx, p.DB, tr.service.ID, tr.name())
	if err != nil {
		return resource.Subject{}, err
	}
	if tr.rename != "" {
		former = append(former, tr.service.Name)
	}
	peers, err := p.peers(ctx, tr.to)
	if err != nil {
		return resource.Subject{}, err
	}
	uid, err := p.uidOf(ctx, p.DB, tr.service.ID)
	return resource.Subject{Name: tr.name(), Former: former, Peers: peers, UID: uid, Releases: tr.releases, Starts: starts, Bind: bind}, err
}

// describe adds the rows a plan makes and the runs it starts.
func (w *work) describe() {
	w.plan.Notes, w.plan.Findings = append(slices.Clone(w.tr.notes), w.anew()...), w.tr.findings
	if w.tr.rename != "" {
		w.plan.Rows = append(w.plan.Rows, fmt.Sprintf("service %s is called %s", w.tr.service.Name, w.tr.rename))
	}
	if w.tr.newTeam {
		team := w.tr.to.Team
		w.plan.Rows = append(w.plan.Rows, fmt.Sprintf("team %s (new)", team))
	}
	if w.tr.build {
		what := "pipeline of the first commit"
		if a := w.tr.to.Adopted; a != nil {
			what = fmt.Sprintf("pipeline of commit %.7s", a.Commit)
		}
		w.plan.Runs = append(w.plan.Runs, what)
	}
	for _, env := range w.tr.rollout {
		text := fmt.Sprintf("rollout to %s", env)
		r, ok := w.tr.releases[env]
		switch {
		case ok && w.tr.restart:
			text = fmt.Sprintf("restart of release %d in %s: new processes beside the old, then in their place", r.Number, env)
		case ok:
			text = fmt.Sprintf("rollout of release %d to %s", r.Number, env)
		}
		w.plan.Runs = append(w.plan.Runs, text)
	}
}

// anew notes what is brought back without what it held: a provider such as terraform keeps
// nothing of what it destroys.
func (w *work) anew() (notes []string) {
	for _, ch := range w.changes {
		module := resource.ModuleOf(ch.Node.Spec)
		if w.tr.restore && ch.Action == pave.ActionCreate && ch.Record.ID == "" && slices.Contains(pave.BackingKinds, ch.Ref.Kind) &&
			(module == nil || len(module.Import) == 0) { // else it may take over what is there
			notes = append(notes, fmt.Sprintf("%s %s is made anew by %s, without what the one before held: nothing of that was kept",
				ch.Ref.Kind, ch.External, ch.Provider))
		}
	}
	return notes
}

// planHash is over what the plan touches: request, base, wanted state, releases
// and each change with its exact name and the binding it is made by. Not in it are times, what is lost (a live
// service writes rows all the time), and whether the team is new: another first
// service of the team may be made at the same moment.
func planHash(w work) (string, error) {
	type touched struct {
		Action   pave.Action
		Ref      pave.Ref
		Provider string
		External string
		Detail   []string
		By       json.RawMessage `json:",omitempty"`
	}
	var all []touched
	for i, c := range w.plan.Changes {
		t := touched{Action: c.Action, Ref: c.Ref, Provider: c.Provider, External: c.External, By: boundBy(w.changes[i])}
		if c.Action == pave.ActionUpdate {
			t.Detail = c.Detail
		}
		all = append(all, t)
	}
	releases := map[pave.Name]string{}
	for env, r := range w.tr.releases {
		releases[env] = r.ID
	}
	text, err := json.Marshal(map[string]any{"request": w.plan.Request, "base": w.plan.Base, "to": w.tr.to,
		"runs": w.plan.Runs, "changes": all, "releases": releases, "finished": w.tr.finished})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// boundBy is the binding that a change carries out: its module, or what its provider is told.
// It is nothing where that changes nothing, or where the provider is of this machine.
func boundBy(ch resource.Change) json.RawMessage {
	var by struct {
		Module  json.RawMessage `json:"module,omitempty"`
		Binding json.RawMessage `json:"binding,omitempty"`
	}
	switch ch.Action {
	case pave.ActionCreate, pave.ActionUpdate, pave.ActionReplace, pave.ActionRestore:
	default:
		return nil
	}
	if json.Unmarshal(ch.Node.Spec, &by) != nil || by.Module == nil && by.Binding == nil {
		return nil
	}
	out, _ := json.Marshal(by) // it was JSON before
	return out
}

// planDiff says how a plan made now differs from one made before.
func planDiff(before, now pave.Plan) string {
	lines := func(p pave.Plan) map[string]bool {
		out := map[string]bool{}
		for _, c := range p.Changes {
			out[fmt.Sprintf("%s %s", c.Action, c.Ref)] = true
		}
		for _, r := range append(p.Rows, p.Runs...) {
			out[r] = true
		}
		return out
	}
	a, b := lines(before), lines(now)
	var out []string
	if before.Base != now.Base {
		out = append(out, fmt.Sprintf("revision %d, not %d", now.Base, before.Base))
	}
	for l := range b {
		if !a[l] {
			out = append(out, "now: "+l)
		}
	}
	for l := range a {
		if !b[l] {
			out = append(out, "no longer: "+l)
		}
	}
	if len(out) == 0 {
		out = append(out, "details of its changes")
	}
	return strings.Join(out, "; ")
}

// keepPlan stores a plan so that it can be applied by id, and compared with by
// hash.
func (p *Platform) keepPlan(ctx context.Context, plan pave.Plan) error {
	body, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	who, _ := pave.PrincipalFrom(ctx)
	_, err = p.DB.Exec(ctx, `INSERT INTO plans (id, actor, idem_key, hash, body, run, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		plan.ID, who.User.ID, who.Idempotency, plan.Hash, string(body), plan.Run, store.Micros(plan.Created))
	return err
}

// PlanFor reads a plan made before.
func (p *Platform) PlanFor(ctx context.Context, id string) (pave.Plan, error) {
	plan, err := p.planWhere(ctx, p.DB, "id = $1", id)
	if err != nil {
		return plan, err
	}
	var actor string
	if err := p.DB.QueryRow(ctx, `SELECT actor FROM plans WHERE id = $1`, id).Scan(&actor); err != nil {
		return plan, err
	}
	if sees, err := p.seesPlan(ctx, plan, actor); err != nil || !sees {
		return pave.Plan{}, cmp.Or(err, error(errNoPlan))
	}
	return plan, nil
}

var errNoPlan = pave.Errorf(pave.NotFound, "no such plan").WithHint("pave plan makes one")

func (p *Platform) planWhere(ctx context.Context, q store.Querier, cond string, args ...any) (pave.Plan, error) {
	var body, run string
	var plan pave.Plan
	err := q.QueryRow(ctx, `SELECT body, run FROM plans WHERE `+cond+` ORDER BY id DESC LIMIT 1`, args...).Scan(&body, &run)
	if errors.Is(err, sql.ErrNoRows) {
		return plan, errNoPlan
	}
	if err != nil {
		return plan, err
	}
	err = json.Unmarshal([]byte(body), &plan)
	plan.Run = run
	return plan, err
}
