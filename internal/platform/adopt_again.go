package platform

import (
	"context"
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

// adoptAgain: revision n -> n+1 of a service whose adoption stopped before anything was
// live, with what is said otherwise now: a test left out, a variable given. Else it is
// no more than createMore makes of it.
func (p *Platform) adoptAgain(ctx context.Context, verb string, svc pave.Service, ad adoption) (tr transition, again bool, err error) {
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return tr, false, err
	}
	have, want := rev.Wanted, ad.want
	want.Team = svc.Team
	if commitOf(have) != commitOf(want) || have.Nothing() || sameWanted(have, want) {
		return tr, false, nil
	}
	live, err := p.Releases.Live(ctx, svc.ID)
	if err != nil || len(live) > 0 {
		return tr, false, err
	}
	last, err := p.Engine.Get(ctx, svc.LastRun)
	if err != nil || last.State != pave.RunStopped && last.State != pave.RunCanceled {
		return tr, false, err
	}
	if sees, err := p.sees(ctx, svc); err != nil || !sees {
		return tr, false, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For(verb, "")); err != nil {
		return tr, false, err
	}
	return transition{verb: verb, service: svc, from: have, to: want, build: true, rollout: want.Environments,
		findings: findings(ad.pipe, ad.kept), notes: ad.notes}, true, p.idle(ctx, svc)
}

// newerCommit says how a commit comes to a service that was adopted at another one.
func (p *Platform) newerCommit(ctx context.Context, svc pave.Service, want pave.Wanted) string {
	push := fmt.Sprintf("pave clone %s, pull from there, git push", svc.Name)
	if rec, err := p.repositoryOf(ctx, svc); err == nil && sameAddress(rec.Outputs["page"], want.Adopted.Address) {
		return fmt.Sprintf("%s is that repository: what is on its main is built by itself; pave status %s", svc.Name, svc.Name)
	}
	live, err := p.Releases.Live(ctx, svc.ID)
	last, lerr := p.Engine.Get(ctx, svc.LastRun)
	if err == nil && lerr == nil && len(live) == 0 && last.State.Ended() && last.State != pave.RunDone {
		return fmt.Sprintf("pave undo %.16s takes the adoption back that stopped, then adopt again; or bring the commit by a push: %s", last.ID, push)
	}
	return "bring what is new by a push: " + push
}

// sameAddress compares addresses of repositories but for how they are written.
func sameAddress(a, b string) bool {
	plain := func(s string) string { return strings.TrimSuffix(strings.TrimRight(strings.ToLower(s), "/"), ".git") }
	return a != "" && plain(a) == plain(b)
}

// alsoAdopted notes the services that the caller sees and that were adopted from the same
// place: a second one gets a repository of its own.
func (p *Platform) alsoAdopted(ctx context.Context, want pave.Wanted) (notes []string, err error) {
	all, err := p.Services(ctx, false)
	if err != nil {
		return nil, err
	}
	folder := func(w pave.Wanted) string {
		if w.Run == nil {
			return ""
		}
		return w.Run.Folder
	}
	for _, svc := range all {
		if svc.Template != pave.AdoptedTemplate {
			continue
		}
		rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
		if err != nil {
			return nil, err
		}
		if a := rev.Wanted.Adopted; a != nil && sameAddress(a.Address, want.Adopted.Address) && folder(rev.Wanted) == folder(want) {
			notes = append(notes, fmt.Sprintf("service %s was adopted from the same place: this one gets a repository of its own", svc.Name))
		}
	}
	return notes, nil
}
