package platform

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// transition is what a request means: from what is wanted now to what is wanted
// next, and which releases serve where.
type transition struct {
	verb     string
	service  pave.Service // without ID where it is new
	from, to pave.Wanted
	releases map[pave.Name]pave.Release // wanted, by environment
	newTeam  bool
	rename   pave.Name           // what the service is to be called; "" leaves its name
	moves    bool                // no revision: releases alone
	restart  bool                // the processes of what serves are started anew
	follow   bool                // environments whose processes change get a rollout
	heal     func(pave.Ref) bool // no revision: what is wanted is made again, of these
	restore  bool                // bring back what was set aside
	build    bool                // nothing was built yet: a pipeline comes first
	rollout  []pave.Name         // environments that get a release by this transition
	undoes   string              // run it takes back
	notes    []string            // for the plan
	findings []pave.Finding      // likewise
	finished string              // run that has done, or is doing, just this
}

// revises reports whether the transition changes what is wanted, and so writes a
// revision. One that moves a release, or heals, does not.
func (t transition) revises() bool { return !t.moves && t.heal == nil }

// name is what the service is called once the transition is under way.
func (t transition) name() pave.Name { return cmp.Or(t.rename, t.service.Name) }

// resolve says what a request means. Each request type has its own file.
func (p *Platform) resolve(ctx context.Context, r pave.Request) (transition, error) {
	switch r := r.(type) {
	case pave.CreateService:
		return p.resolveCreate(ctx, r)
	case pave.Adopt:
		return p.resolveAdopt(ctx, r)
	case pave.DeleteService:
		return p.resolveDelete(ctx, r)
	case pave.RestoreService:
		return p.resolveRestore(ctx, r)
	case pave.Undo:
		return p.resolveUndo(ctx, r)
	case pave.Deploy:
		return p.resolveDeploy(ctx, r)
	case pave.Promote:
		return p.resolvePromote(ctx, r)
	case pave.Rollback:
		return p.resolveRollback(ctx, r)
	case pave.Restart:
		return p.resolveRestart(ctx, r)
	case pave.Heal:
		return p.resolveHeal(ctx, r)
	case pave.RenameService:
		return p.resolveRename(ctx, r)
	}
	return p.resolveSettings(ctx, r)
}

// resolveSettings says what a request about a service's settings and backings means.
func (p *Platform) resolveSettings(ctx context.Context, r pave.Request) (transition, error) {
	switch r := r.(type) {
	case pave.SetVariable:
		return p.resolveSetVariable(ctx, r)
	case pave.UnsetVariable:
		return p.resolveUnsetVariable(ctx, r)
	case pave.SetSecret:
		return p.resolveSetSecret(ctx, r)
	case pave.UnsetSecret:
		return p.resolveUnsetSecret(ctx, r)
	case pave.Scale:
		return p.resolveScale(ctx, r)
	case pave.SetResources:
		return p.resolveSetResources(ctx, r)
	case pave.AddDatabase:
		return p.addBacking(ctx, r.Verb(), r.Service, pave.KindDatabase, r.Engine)
	case pave.AddCache:
		return p.addBacking(ctx, r.Verb(), r.Service, pave.KindCache, r.Engine)
	case pave.RemoveDatabase:
		return p.removeBacking(ctx, r.Verb(), r.Service, pave.KindDatabase)
	case pave.RemoveCache:
		return p.removeBacking(ctx, r.Verb(), r.Service, pave.KindCache)
	case pave.AddQueue:
		return p.addBacking(ctx, r.Verb(), r.Service, pave.KindQueue, r.Engine)
	case pave.AddBucket:
		return p.addBacking(ctx, r.Verb(), r.Service, pave.KindBucket, r.Engine)
	case pave.RemoveQueue:
		return p.removeBacking(ctx, r.Verb(), r.Service, pave.KindQueue)
	case pave.RemoveBucket:
		return p.removeBacking(ctx, r.Verb(), r.Service, pave.KindBucket)
	case pave.AddEnvironment:
		return p.resolveAddEnvironment(ctx, r)
	case pave.Rotate:
		return p.resolveRotate(ctx, r)
	case pave.LinkService:
		return p.resolveLink(ctx, r)
	case pave.UnlinkService:
		return p.resolveUnlink(ctx, r)
	}
	return transition{}, pave.Errorf(pave.Invalid, "request %q is not known", r.Verb())
}

// problems collects wrong inputs, so that all are told at once.
type problems []*pave.Error

func (ps *problems) add(err error) bool {
	if e, ok := err.(*pave.Error); ok && e.Code == pave.Invalid {
		*ps = append(*ps, e)
		return true
	}
	return false
}

// err is nil, the one problem, or all of them in one Invalid error.
func (ps problems) err() error {
	switch len(ps) {
	case 0:
		return nil
	case 1:
		return ps[0]
	}
	all := &pave.Error{Code: pave.Invalid}
	var texts, hints []string
	for _, e := range ps {
		texts = append(texts, e.Message)
		all.Fields = append(all.Fields, e.Fields...)
		if e.Hint != "" {
			hints = append(hints, e.Hint)
		}
	}
	all.Message, all.Hint = strings.Join(texts, "; "), strings.Join(hints, "; ")
	return all
}

// environments returns all environments, lowest rank first.
func (p *Platform) environmentsNamed(ctx context.Context, names []string) ([]pave.Name, error) {
	all, err := p.Environments(ctx)
	if err != nil {
		return nil, err
	}
	known := []string{}
	for _, e := range all {
		known = append(known, string(e.Name))
	}
	if len(names) == 0 && len(known) > 0 {
		names = known[:1]
	}
	for _, n := range names {
		if slices.Contains(known, n) {
			continue
		}
		hint := "there are " + strings.Join(known, ", ")
		if near := pave.DidYouMean(n, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, pave.BadField("env", n, "is not an environment", hint)
	}
	out := []pave.Name{}
	for _, n := range known { // in order of rank, each once
		if slices.Contains(names, n) {
			out = append(out, pave.Name(n))
		}
	}
	return out, nil
}
