package platform

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/catalog"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/store"
)

// callKey names what one service asks of another in an environment, by ids.
type callKey struct {
	caller, target string
	env            pave.Name
}

// harvestCalls adds what the router has counted since it was asked last. Its counters
// begin anew with the node.
func (p *Platform) harvestCalls(ctx context.Context) error {
	all, err := p.Node.Calls(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	return p.DB.Tx(ctx, func(tx *store.Tx) error {
		for _, c := range all {
			if err := addCalls(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func addCalls(ctx context.Context, tx *store.Tx, c node.Call) error {
	_, err := tx.Exec(ctx, `INSERT INTO calls (caller, target, env, requests, refused, first, last, since, counted, counted_refused)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (caller, target, env) DO UPDATE SET
			requests = calls.requests + excluded.counted - CASE WHEN calls.since = excluded.since THEN calls.counted ELSE 0 END,
			refused = calls.refused + excluded.counted_refused - CASE WHEN calls.since = excluded.since THEN calls.counted_refused ELSE 0 END,
			last = excluded.last, since = excluded.since, counted = excluded.counted, counted_refused = excluded.counted_refused`,
		c.Caller, c.Target, c.Env, int64(c.Requests), int64(c.Refused), store.Micros(c.Last), store.Micros(c.Last),
		store.Micros(c.Since), int64(c.Requests), int64(c.Refused))
	return err
}

// allCalls are the calls that are declared or were seen, by services' ids.
func (p *Platform) allCalls(ctx context.Context) (map[callKey]pave.Call, error) {
	rows, err := p.DB.Query(ctx, `SELECT caller, target, env, requests, refused, first, last FROM calls`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[callKey]pave.Call{}
	for rows.Next() {
		var k callKey
		c := pave.Call{Evidence: "router"}
		if err := rows.Scan(&k.caller, &k.target, &k.env, &c.Requests, &c.Refused, store.Stamp(&c.First), store.Stamp(&c.Last)); err != nil {
			return nil, err
		}
		out[k] = c
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return out, p.addLinks(ctx, out)
}

// addLinks adds what the services in use declare.
func (p *Platform) addLinks(ctx context.Context, out map[callKey]pave.Call) error {
	rows, err := p.DB.Query(ctx, `SELECT r.service, r.number, r.wanted, r.run, r.actor, r.created FROM revisions r
		JOIN services s ON s.id = r.service AND s.revision = r.number WHERE s.deleted = 0 AND r.wanted LIKE '%"links"%'`)
	all, err := store.Collect(rows, err, scanRevision)
	for _, rev := range all {
		for _, env := range rev.Wanted.Environments {
			for variable, target := range rev.Wanted.SettingsIn(env).Links {
				k := callKey{rev.Service, target, env}
				c := out[k]
				c.Declared, c.Variable = true, variable
				c.Evidence = "link"
				if c.Requests > 0 {
					c.Evidence = "link and router"
				}
				out[k] = c
			}
		}
	}
	return err
}

// Calls are those of and to a service, "" for all: who sees one end of a call sees
// the other's name.
func (p *Platform) Calls(ctx context.Context, service string) ([]pave.Call, error) {
	id := ""
	if service != "" {
		svc, err := p.serviceNamed(ctx, service)
		if err != nil {
			return nil, err
		}
		id = svc.ID
	}
	if err := p.harvestCalls(ctx); err != nil {
		p.Log.Warn("calls were not counted up to now", "err", err)
	}
	visible, err := p.visible(ctx)
	if err != nil {
		return nil, err
	}
	return p.callsWhere(ctx, func(k callKey) bool {
		sees := visible == nil || slices.Contains(visible, k.caller) || slices.Contains(visible, k.target)
		return sees && (id == "" || k.caller == id || k.target == id)
	})
}

// callsWhere are calls between services in use, by name.
func (p *Platform) callsWhere(ctx context.Context, wanted func(callKey) bool) ([]pave.Call, error) {
	all, err := p.allCalls(ctx)
	if err != nil {
		return nil, err
	}
	out := []pave.Call{}
	for k, c := range all {
		if !wanted(k) {
			continue
		}
		caller, err1 := p.serviceByID(ctx, p.DB, k.caller)
		target, err2 := p.serviceByID(ctx, p.DB, k.target)
		if err1 != nil || err2 != nil || !caller.Deleted.IsZero() || !target.Deleted.IsZero() {
			continue
		}
		c.Caller, c.Target, c.Environment = caller.Name, target.Name, k.env
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b pave.Call) int {
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Environment, b.Environment))
	})
	return out, nil
}

// undeclared are the calls of and to a service that no link declares.
func (p *Platform) undeclared(ctx context.Context, service string) ([]pave.Call, error) {
	all, err := p.callsWhere(ctx, func(k callKey) bool { return k.caller == service || k.target == service })
	return slices.DeleteFunc(all, func(c pave.Call) bool { return c.Declared }), err
}

// callersOf notes who calls a service that is to be taken away.
func (p *Platform) callersOf(ctx context.Context, service string) ([]string, error) {
	all, err := p.callsWhere(ctx, func(k callKey) bool { return k.target == service })
	var out []string
	for _, c := range all {
		text := fmt.Sprintf("%s is linked to it in %s", c.Caller, c.Environment)
		if !c.Declared {
			text = fmt.Sprintf("%s calls it in %s, without a link", c.Caller, c.Environment)
		}
		if c.Requests > 0 {
			text += fmt.Sprintf(": %d requests, the last at %s", c.Requests, c.Last.Format(time.DateTime))
		}
		out = append(out, text)
	}
	return out, err
}

// callFacts are the relations of a component to those it calls.
func (p *Platform) callFacts(ctx context.Context, service string) ([]catalog.Relation, error) {
	all, err := p.callsWhere(ctx, func(k callKey) bool { return k.caller == service })
	var out []catalog.Relation
	for _, c := range all {
		evidence := "declared by link " + c.Variable
		if c.Requests > 0 {
			evidence = fmt.Sprintf("router: %d requests in %s, the last at %s", c.Requests, c.Environment, c.Last.Format(time.RFC3339))
		}
		out = append(out, catalog.Relation{Kind: "calls", Target: catalog.Ref("component", string(c.Target)), Evidence: evidence})
	}
	return out, err
}

// tellCalls tells the node what holds for calls in each environment.
func (p *Platform) tellCalls(ctx context.Context) error {
	envs, err := p.Environments(ctx)
	if err != nil {
		return err
	}
	told, err := p.Node.Environments(ctx)
	if err != nil {
		return err
	}
	for _, e := range envs {
		want := node.Environment{ID: string(e.Name), Calls: e.Calls}
		if slices.Contains(told, want) {
			continue
		}
		if _, err := p.Node.PutEnvironment(ctx, want); err != nil {
			return err
		}
	}
	return nil
}

// pruneCalls forgets calls that were not seen for long, and connections that ended long
// ago.
func (p *Platform) pruneCalls(ctx context.Context, before time.Time) error {
	_, err := p.DB.Exec(ctx, `DELETE FROM calls WHERE last < $1`, store.Micros(before))
	if err == nil {
		_, err = p.DB.Exec(ctx, `DELETE FROM connections WHERE ended > 0 AND ended < $1`, store.Micros(before))
	}
	return err
}

// linkedTo notes which services are linked to one that comes back: it has another
// address, which their processes get with their next start.
func (p *Platform) linkedTo(ctx context.Context, service string) ([]string, error) {
	all, err := p.allCalls(ctx)
	var out []string
	for k, c := range all {
		if k.target != service || !c.Declared {
			continue
		}
		if caller, err := p.serviceByID(ctx, p.DB, k.caller); err == nil {
			out = append(out, fmt.Sprintf("%s is linked to it: its processes get the new address by pave restart %s --env %s", caller.Name, caller.Name, k.env))
		}
	}
	slices.Sort(out)
	return out, err
}
