package platform

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

// Connect gives the caller credentials of their own to a database or cache, for a while:
// with the service's rights, in a protected environment to read, unless a lead asks for
// more.
func (p *Platform) Connect(ctx context.Context, service string, r pave.ConnectRequest) (pave.Connection, error) {
	svc, env, err := p.environmentFor(ctx, service, "connect", r.Environment)
	if err != nil {
		return pave.Connection{}, err
	}
	protected, err := p.protected(ctx, env)
	if err != nil {
		return pave.Connection{}, err
	}
	if protected && r.Write {
		if err := p.Access.May(ctx, access.Lead, access.Service(svc).For("connect", env)); err != nil {
			return pave.Connection{}, err
		}
	}
	out, rec, err := p.connectionTo(ctx, svc, env, r)
	if err != nil {
		return out, err
	}
	out.ReadOnly = protected && !r.Write
	who, _ := pave.PrincipalFrom(ctx)
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		detail := fmt.Sprintf("%s %s, %s, %s until %s", env, r.Kind, out.ID, rights(out.ReadOnly), out.Expires.Format(time.RFC3339))
		if err := p.Access.AuditTx(ctx, tx, "connect", "service:"+string(svc.Name), detail); err != nil {
			return err
		}
		open := 0
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM connections WHERE resource = $1 AND actor = $2 AND ended = 0`, rec.ID, who.User.ID).Scan(&open)
		if err == nil && open >= maxConnections {
			err = pave.Errorf(pave.Conflict, "%d connections of yours to the %s of %s in %s are open, the most there may be", open, r.Kind, svc.Name, env).
				WithHint("leave one of them, or wait for its end: pave audit --action connect")
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO connections (id, service, resource, actor, read_only, created, expires, ended)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`, out.ID, svc.ID, rec.ID, who.User.ID, out.ReadOnly, store.Micros(time.Now()), store.Micros(out.Expires))
		return err
	})
	if err != nil {
		return out, err
	}
	address, err := p.Resources.Connect(ctx, rec.ID, resource.Visit{ID: out.ID, ReadOnly: out.ReadOnly, Until: out.Expires})
	out.URL = address.Reveal() // for the one who asked
	return out, err
}

// maxConnections is how many one person may have open to one database or cache: each is
// a user of its server.
const maxConnections = 8

func rights(readOnly bool) string {
	if readOnly {
		return "read-only"
	}
	return "read and write"
}

// connectionTo checks a request and finds what it is about.
func (p *Platform) connectionTo(ctx context.Context, svc pave.Service, env pave.Name, r pave.ConnectRequest) (pave.Connection, resource.Record, error) {
	var out pave.Connection
	var rec resource.Record
	within := time.Duration(r.Seconds) * time.Second
	switch {
	case r.Seconds == 0:
		within = pave.DefaultConnect
	case within < time.Second || within > pave.MaxConnect:
		return out, rec, pave.BadField("seconds", fmt.Sprint(r.Seconds), "must be 1 second to "+pave.MaxConnect.String(), "--for 1h")
	}
	if kinds := slices.Sorted(slices.Values(pave.BackingKinds)); !slices.Contains(kinds, r.Kind) {
		return out, rec, pave.BadField("kind", r.Kind, "is nothing to connect to", didYouMean(r.Kind, kinds))
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return out, rec, err
	}
	for _, b := range rev.Wanted.Resources {
		if b.Kind != r.Kind {
			continue
		}
		out = pave.Connection{ID: pave.NewID("con"), Service: svc.Name, Environment: env, Kind: r.Kind, Engine: b.Engine,
			Expires: time.Now().Add(within).UTC().Truncate(time.Second)}
		rec, err = p.Resources.Live(ctx, p.DB, svc.ID, pave.Ref{Kind: b.Kind, Env: env, Service: svc.Name, Name: string(b.Name)})
		return out, rec, err
	}
	return out, rec, pave.Errorf(pave.NotFound, "%s has no %s", svc.Name, r.Kind).WithHint("pave add %s --service %s", r.Kind, svc.Name)
}

// Disconnect takes the credentials of a connection away, and ends what they have open.
// Its maker may, and who may write for the service.
func (p *Platform) Disconnect(ctx context.Context, service, id string) error {
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For("connect", "")); err != nil {
		return err
	}
	var rec string
	var ended int64
	err = p.DB.QueryRow(ctx, `SELECT resource, ended FROM connections WHERE id = $1 AND service = $2`, id, svc.ID).Scan(&rec, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return pave.Errorf(pave.NotFound, "no connection %q of %s", id, svc.Name).WithHint("pave audit --action connect")
	}
	if err != nil || ended != 0 {
		return err
	}
	return p.endConnection(ctx, svc, rec, id)
}

// endConnection writes that a connection ends, and ends it.
func (p *Platform) endConnection(ctx context.Context, svc pave.Service, resource, id string) error {
	if err := p.audit(ctx, "end connect", "service:"+string(svc.Name), id); err != nil {
		return err
	}
	if err := p.Resources.Disconnect(ctx, resource, id); err != nil {
		return err
	}
	_, err := p.DB.Exec(ctx, `UPDATE connections SET ended = $1 WHERE id = $2`, store.Micros(time.Now()), id)
	return err
}

// connectionRound is how often connections are looked at: whose time or whose right is
// over has to go within 5 s.
const connectionRound = 2 * time.Second

// An openConnection is one that has not ended.
type openConnection struct {
	id, service, resource, actor string
	readOnly                     bool
	expires                      time.Time
}

// endConnections ends those whose time is over, and those of who may no longer.
func (p *Platform) endConnections(ctx context.Context) error {
	rows, err := p.DB.Query(ctx, `SELECT id, service, resource, actor, read_only, expires FROM connections WHERE ended = 0 ORDER BY id`)
	open, err := store.Collect(rows, err, func(row store.Scanner) (c openConnection, err error) {
		return c, row.Scan(&c.id, &c.service, &c.resource, &c.actor, store.Flag(&c.readOnly), store.Stamp(&c.expires))
	})
	for _, c := range open {
		svc, serr := p.serviceByID(ctx, p.DB, c.service)
		if serr != nil {
			err = errors.Join(err, serr)
			continue
		}
		may, serr := p.mayStay(ctx, svc, c)
		if serr == nil && !may {
			serr = p.endConnection(ctx, svc, c.resource, c.id)
		}
		err = errors.Join(err, serr)
	}
	return err
}

// mayStay reports whether a connection is good: its time is not over, and its maker may
// still make one like it.
func (p *Platform) mayStay(ctx context.Context, svc pave.Service, c openConnection) (bool, error) {
	if !time.Now().Before(c.expires) {
		return false, nil
	}
	rec, err := p.Resources.Get(ctx, p.DB, c.resource)
	if err != nil {
		return false, err
	}
	who, err := p.Access.PrincipalOf(ctx, c.actor)
	if err == nil {
		as := pave.WithPrincipal(ctx, who)
		err = p.Access.May(as, access.Write, access.Service(svc).For("connect", rec.Ref.Env))
		protected, perr := p.protected(ctx, rec.Ref.Env)
		if perr != nil {
			return false, perr
		}
		if err == nil && protected && !c.readOnly {
			err = p.Access.May(as, access.Lead, access.Service(svc).For("connect", rec.Ref.Env))
		}
	}
	if pave.CodeOf(err) == pave.Denied {
		return false, nil
	}
	return err == nil, err
}
