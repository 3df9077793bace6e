package platform

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// resolveUndo: one more plan, back to what was before a run. Only the newest can
// be taken back; later ones are named.
func (p *Platform) resolveUndo(ctx context.Context, r pave.Undo) (transition, error) {
	run, err := p.Run(ctx, r.Run)
	if err != nil {
		return transition{}, err
	}
	svc, err := p.serviceByID(ctx, p.DB, run.Service)
	if err != nil {
		return transition{}, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For(r.Verb(), "")); err != nil {
		return transition{}, err
	}
	if !run.State.Ended() {
		return transition{}, pave.Errorf(pave.Conflict, "run %.16s is still going on", run.ID).
			WithHint("pave watch %.16s, or pave cancel %.16s and undo then", run.ID, run.ID)
	}
	if run.Kind == pave.RunApply {
		return p.undoApply(ctx, svc, run)
	}
	return p.undoRollout(ctx, svc, run)
}

// undoneBy returns which of the later runs of a service took a run back, and was
// not taken back itself; "" for none.
func (p *Platform) undoneBy(ctx context.Context, id string, later []string) (string, error) {
	undone := map[string]string{}
	for _, run := range slices.Backward(later) {
		if _, gone := undone[run]; gone {
			continue
		}
		r, err := p.Run(ctx, run)
		if err != nil {
			return "", err
		}
		var in applyInput
		if json.Unmarshal(r.Input, &in) == nil && in.Undoes != "" {
			undone[in.Undoes] = run
		}
	}
	return undone[id], nil
}

// standing leaves out of runs, the oldest first, those that took one another back: a
// run and its undo changed nothing together.
func (p *Platform) standing(ctx context.Context, runs []string) ([]string, error) {
	var out []string
	gone := map[string]bool{}
	for _, id := range slices.Backward(runs) {
		if gone[id] {
			continue
		}
		r, err := p.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		var in applyInput
		if json.Unmarshal(r.Input, &in) == nil && slices.Contains(runs, in.Undoes) {
			gone[in.Undoes] = true
			continue
		}
		out = append(out, id)
	}
	slices.Reverse(out)
	return out, nil
}

func (p *Platform) undoApply(ctx context.Context, svc pave.Service, run pave.Run) (transition, error) {
	if rotated(run) {
		return transition{}, pave.Errorf(pave.Conflict, "run %.16s rotated credentials: the old ones do not come back", run.ID).
			WithHint("pave rotate %s database, or cache, makes new ones", svc.Name)
	}
	revs, err := p.revisionsOf(ctx, svc.ID)
	if err != nil {
		return transition{}, err
	}
	mine, later := p.sinceRun(ctx, revs, run.ID)
	if mine.Number == 0 {
		return transition{}, pave.Errorf(pave.Conflict, "run %.16s changed nothing that could be taken back", run.ID)
	}
	if by, err := p.undoneBy(ctx, run.ID, later); err != nil || by != "" {
		return transition{}, cmp.Or(err, error(pave.Errorf(pave.Conflict, "run %.16s is undone already, by run %.16s", run.ID, by).
			WithHint("pave undo %.16s takes that back", by)))
	}
	if later, err = p.standing(ctx, later); err != nil {
		return transition{}, err
	}
	if len(later) > 0 {
		return transition{}, pave.Errorf(pave.Conflict, "run %.16s is not the newest of %s: later ones are %s",
			run.ID, svc.Name, strings.Join(shortened(later), ", ")).WithHint("pave undo %.16s first", later[len(later)-1])
	}
	tr := transition{verb: "undo", service: svc, from: revs[len(revs)-1].Wanted, undoes: run.ID}
	before, err := p.revision(ctx, p.DB, svc.ID, mine.Number-1)
	if mine.Number > 1 && err != nil {
		return tr, err
	}
	if err := p.idle(ctx, svc); err != nil {
		return tr, err
	}
	if tr.rename, err = p.nameBefore(ctx, run); err != nil {
		return tr, err
	}
	if mine.Wanted.Nothing() {
		back, err := p.bringBack(ctx, svc, mine.Number-1, "undo")
		back.undoes = run.ID
		return back, err
	}
	tr.to, tr.follow, tr.restore = keepCredentials(before.Wanted, revs[len(revs)-1].Wanted), true, true
	tr.releases, err = p.Releases.Live(ctx, svc.ID)
	return tr, err
}

// sinceRun is the revision that a run wrote and the runs that wrote later ones. A
// rotation is left out: what it revoked does not come back, whatever is undone.
func (p *Platform) sinceRun(ctx context.Context, revs []pave.Revision, run string) (mine pave.Revision, later []string) {
	for _, rev := range revs {
		switch {
		case rev.Run == run:
			mine = rev
		case mine.Number > 0 && !p.rotatedBy(ctx, rev.Run):
			later = append(later, rev.Run)
		}
	}
	return mine, later
}

func shortened(runs []string) []string {
	var out []string
	for _, id := range runs {
		out = append(out, fmt.Sprintf("%.16s", id))
	}
	return out
}

func (p *Platform) undoRollout(ctx context.Context, svc pave.Service, run pave.Run) (transition, error) {
	roll, err := p.Releases.RolloutOf(ctx, run.ID)
	if err != nil {
		return transition{}, err
	}
	tr, err := p.sameRevision(ctx, string(svc.Name), "undo rollout")
	if err != nil {
		return tr, err
	}
	if live := tr.releases[roll.Env]; live.ID != roll.Release {
		return tr, pave.Errorf(pave.Conflict, "run %.16s is not the newest in %s: release %d serves there now",
			run.ID, roll.Env, live.Number).WithHint("pave get runs --service %s", svc.Name)
	}
	if roll.Before == "" {
		return tr, pave.Errorf(pave.Conflict, "no release was in %s before run %.16s", roll.Env, run.ID).
			WithHint("pave undo %.16s takes the service back", svc.LastRun)
	}
	if roll.Before == roll.Release {
		e := pave.Errorf(pave.Conflict, "run %.16s moved no release: it only started processes anew", run.ID).
			WithHint("nothing is to be undone")
		if run.Parent != "" {
			e = e.WithHint("pave undo %.16s takes back what it was part of", run.Parent)
		}
		return tr, e
	}
	before, err := p.Releases.Find(ctx, svc.ID, roll.Before)
	if err != nil {
		return tr, err
	}
	tr.undoes = run.ID
	return p.move(tr, roll.Env, before)
}
