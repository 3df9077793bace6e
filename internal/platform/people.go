package platform

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/store"
)

// sees reports whether the caller may know of a service.
func (p *Platform) sees(ctx context.Context, svc pave.Service) (bool, error) {
	return p.Access.Sees(ctx, access.Service(svc))
}

// visible are the ids of all services the caller may know of, deleted ones too;
// nil is no limit: the platform itself asks.
func (p *Platform) visible(ctx context.Context) ([]string, error) {
	if all, err := p.Access.SeesAll(ctx); err != nil || all {
		return nil, err
	}
	rows, err := p.DB.Query(ctx, `SELECT `+serviceColumns+` FROM services`)
	all, err := store.Collect(rows, err, scanService)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, svc := range all {
		sees, err := p.sees(ctx, svc)
		if err != nil {
			return nil, err
		}
		if sees {
			ids = append(ids, svc.ID)
		}
	}
	return ids, nil
}

// seesRun reports whether the caller may know of a run: whoever sees its service
// does. A run of no service is the platform's own.
func (p *Platform) seesRun(ctx context.Context, run pave.Run) (bool, error) {
	if run.Service == "" {
		return p.Access.Sees(ctx, access.Platform)
	}
	svc, err := p.serviceByID(ctx, p.DB, run.Service)
	if err != nil {
		return false, err
	}
	return p.sees(ctx, svc)
}

// seesPlan reports whether the caller may know of a plan: who sees its service
// does; where that is new, who made the plan and who sees the team.
func (p *Platform) seesPlan(ctx context.Context, plan pave.Plan, actor string) (bool, error) {
	svc, err := p.serviceMeant(ctx, string(plan.Service))
	if pave.CodeOf(err) == pave.NotFound {
		svc, err = p.serviceDeleted(ctx, string(plan.Service))
	}
	if err == nil {
		return p.sees(ctx, svc)
	}
	if pave.CodeOf(err) != pave.NotFound {
		return false, err
	}
	who, ok := pave.PrincipalFrom(ctx)
	if !ok || !who.Anonymous() && who.User.ID == actor && who.Scope == pave.ScopeAll {
		return true, nil
	}
	if create, ok := plan.Request.Request.(pave.CreateService); ok {
		return p.Access.Sees(ctx, access.Team(pave.Name(create.Team)))
	}
	return false, nil
}

// mayRollOut asks again with the verb and each environment that a transition
// reaches: a policy may tell them apart.
func (p *Platform) mayRollOut(ctx context.Context, tr transition) error {
	object := access.Service(tr.service)
	if tr.service.ID == "" {
		object = access.Team(tr.service.Team)
	}
	for _, env := range tr.rollout {
		if err := p.Access.May(ctx, access.Write, object.For(tr.verb, env)); err != nil {
			return err
		}
	}
	return nil
}

// runOwner is the object that decides about a run.
func (p *Platform) runOwner(ctx context.Context, run pave.Run) (access.Object, error) {
	if run.Service == "" {
		return access.Platform, nil
	}
	svc, err := p.serviceByID(ctx, p.DB, run.Service)
	return access.Service(svc), err
}

// permissionOf is what a verb asks for; read where it is no verb of change.
var permissionOf = map[string]access.Permission{
	"read": access.Read, "get": access.Read, "list": access.Read, "describe": access.Read, "status": access.Read,
	"explain": access.Read, "logs": access.Read, "watch": access.Read, "clone": access.Read, "fetch": access.Read,
	"write": access.Write, "push": access.Write, "create": access.Write, "create service": access.Write, "delete": access.Write,
	"delete service": access.Write, "restore": access.Write, "restore service": access.Write, "deploy": access.Write,
	"promote": access.Write, "rollback": access.Write, "restart": access.Write, "scale": access.Write, "set": access.Write, "adopt": access.Write, "run": access.Write,
	"unset": access.Write, "add": access.Write, "undo": access.Write, "retry": access.Write, "cancel": access.Write, "apply": access.Write,
	"lead": access.Lead, "invite": access.Lead, "add member": access.Lead, "remove member": access.Lead, "rename team": access.Lead, "rename service": access.Write, "link": access.Write, "rotate": access.Write, "exec": access.Write, "connect": access.Write, "unlink": access.Write,
	"set team": access.Lead, "approve": access.Approve, "deny": access.Approve,
	"admin": access.Admin, "create user": access.Admin, "suspend": access.Admin, "audit": access.Admin, "bind": access.Admin, "unbind": access.Admin, "set environment": access.Admin,
}

// Can says whether the caller may do a verb, and by which policies. One who may
// not see the object learns no more than that it is not found.
func (p *Platform) Can(ctx context.Context, verb, name string) (pave.Decision, error) {
	perm, ok := permissionOf[verb]
	if !ok {
		var verbs []string
		for v := range permissionOf {
			verbs = append(verbs, v)
		}
		slices.Sort(verbs)
		hint := "one of " + strings.Join(verbs, ", ")
		if near := pave.DidYouMean(verb, verbs); near != "" {
			hint = "did you mean " + near + "?"
		}
		return pave.Decision{}, pave.BadField("verb", verb, "is not a verb", hint)
	}
	object := access.Platform
	if name != "" {
		svc, err := p.serviceEver(ctx, name)
		object = access.Service(svc)
		if pave.CodeOf(err) == pave.NotFound {
			team, terr := p.Access.TeamFor(ctx, access.Read, name)
			if terr != nil {
				return pave.Decision{}, err
			}
			object, err = access.Team(team.Name), nil
		}
		if err != nil {
			return pave.Decision{}, err
		}
	}
	if verb != string(perm) {
		object.Verb = verb
	}
	return p.Access.Why(ctx, perm, object)
}

// RenameTeam gives a team another name. Nothing of its services changes: no
// address has a team in it, and the old name goes on meaning the team.
func (p *Platform) RenameTeam(ctx context.Context, team, to string) (pave.Team, error) {
	t, err := p.Access.TeamFor(ctx, access.Lead, team)
	if err != nil {
		return t, err
	}
	name, err := pave.ParseName("team", to)
	if err != nil || name == t.Name {
		return t, err
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.RenameTeamTx(ctx, tx, t, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE services SET team = $1 WHERE team = $2`, string(name), string(t.Name))
		return err
	})
	if err == nil {
		t.Name = name
		p.observeOwned(ctx, name)
	}
	return t, err
}

// SetTeam hands a service over to another team: who may decide for the one gives
// it away, who may write in the other takes it.
func (p *Platform) SetTeam(ctx context.Context, service, team string) (pave.Service, error) {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return svc, err
	}
	if err := p.Access.May(ctx, access.Lead, access.Service(svc).For("set team", "")); err != nil {
		return svc, err
	}
	t, err := p.Access.TeamFor(ctx, access.Write, team)
	if err != nil || t.Name == svc.Team {
		return svc, err
	}
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := p.Access.AuditTx(ctx, tx, "set team", "service:"+string(svc.Name), string(svc.Team)+" to "+string(t.Name)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE services SET team = $1 WHERE id = $2`, string(t.Name), svc.ID)
		return err
	})
	if err != nil {
		return svc, err
	}
	p.observeOwned(ctx, t.Name)
	return p.Service(ctx, service)
}

// observeOwned lets the catalog see the new owner at once; it would a little
// later by itself.
func (p *Platform) observeOwned(ctx context.Context, team pave.Name) {
	all, err := p.Services(ctx, false)
	if err != nil {
		p.Log.Warn("look at the services of a team", "team", team, "err", err)
	}
	for _, svc := range all {
		if svc.Team == team {
			p.attempt(ctx, "observe "+string(svc.Name), func(ctx context.Context) error { return p.observeNow(ctx, svc) })
		}
	}
}

func (p *Platform) observeNow(ctx context.Context, svc pave.Service) error {
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return err
	}
	seen, err := p.observeService(ctx, svc, rev)
	for _, o := range seen {
		err = errors.Join(err, p.Catalog.Observe(ctx, o))
	}
	return err
}

// CreateToken makes a token of the caller; a scope service:NAME is that service
// for good, whatever it is called later.
func (p *Platform) CreateToken(ctx context.Context, r pave.TokenRequest) (pave.NewToken, error) {
	id := ""
	if name, ok := strings.CutPrefix(r.Scope, "service:"); ok {
		svc, err := p.serviceNamed(ctx, name)
		if err != nil {
			return pave.NewToken{}, err
		}
		id = svc.ID
	}
	return p.Access.CreateToken(ctx, r, id)
}
