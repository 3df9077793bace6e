package platform

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/pipeline"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// keepDev is how long a developer's own database is kept that nobody uses.
	keepDev = 90 * 24 * time.Hour
	// devStart is how long the first of them may take: a server has to start.
	devStart = 30 * time.Second
)

// DevEnvironment returns the variables of a service in an environment, with a database
// and cache of the caller's own in the place of the environment's. A secret is never
// given: what the caller has in their own environment has to do.
func (p *Platform) DevEnvironment(ctx context.Context, service string, r pave.DevRequest) (pave.DevEnvironment, error) {
	var out pave.DevEnvironment
	svc, err := p.serviceNamed(ctx, service)
	if err != nil {
		return out, err
	}
	rev, err := p.revision(ctx, p.DB, svc.ID, svc.Revision)
	if err != nil {
		return out, err
	}
	env, err := p.devEnvironmentOf(ctx, svc, rev.Wanted, r.Environment)
	if err != nil {
		return out, err
	}
	if err := p.Access.May(ctx, access.Write, access.Service(svc).For("run", env)); err != nil {
		return out, err
	}
	who, _ := pave.PrincipalFrom(ctx)
	err = p.DB.Tx(ctx, func(tx *store.Tx) error {
		return p.Access.AuditTx(ctx, tx, "run", "service:"+string(svc.Name), string(env))
	})
	if err != nil {
		return out, err
	}
	set := rev.Wanted.SettingsIn(env)
	out = pave.DevEnvironment{Service: svc.Name, Environment: env, Secrets: slices.Sorted(maps.Keys(set.Secrets)),
		Variables: map[string]string{"SERVICE_NAME": string(svc.Name), "SERVICE_VERSION": "dev", "PAVE_ENVIRONMENT": string(env), "PAVE_TEAM": string(svc.Team)}}
	if out.Ports, err = p.portsOf(ctx, svc); err != nil {
		return out, err
	}
	outputs := map[string]map[string]pave.Secret{} // by kind
	for _, w := range rev.Wanted.Resources {
		if p.Pipeline.Scratches[w.Engine] == nil {
			continue // made by the organisation alone
		}
		address, fresh, err := p.devBacking(ctx, svc.ID, who.User.ID, w, r.Fresh)
		if err != nil {
			return out, err
		}
		outputs[w.Kind] = pave.OutputsOf(address)
		for _, v := range w.Variables() {
			out.Variables[v.Name] = outputs[w.Kind][v.Output].Reveal()
		}
		word := "kept"
		if fresh {
			word = "new"
		}
		out.Own = append(out.Own, fmt.Sprintf("%s %s at %s:%s, %s", w.Kind, w.Engine, outputs[w.Kind]["host"].Reveal(), outputs[w.Kind]["port"].Reveal(), word))
	}
	resolveOwn(out.Variables, set.Variables, outputs)
	return out, nil
}

// resolveOwn adds variables, with what refers to a backing resolved to the caller's own.
func resolveOwn(into, variables map[string]string, outputs map[string]map[string]pave.Secret) {
	for name, value := range variables {
		ref, isReference := pave.ParseReference(value)
		if isReference {
			value = outputs[ref.Kind][ref.Output].Reveal()
		}
		if !isReference || outputs[ref.Kind] != nil {
			into[name] = value
		}
	}
}

// devEnvironmentOf is the environment whose variables are meant: the first that is not
// protected, where none is named.
func (p *Platform) devEnvironmentOf(ctx context.Context, svc pave.Service, w pave.Wanted, named string) (pave.Name, error) {
	if named != "" {
		return p.environmentOf(ctx, transition{service: svc, from: w, to: w}, named)
	}
	if w.Nothing() {
		return "", pave.Errorf(pave.Conflict, "service %q is being deleted", svc.Name).WithHint("pave watch %.16s", svc.LastRun)
	}
	for _, env := range w.Environments {
		protected, err := p.protected(ctx, env)
		if err != nil || !protected {
			return env, err
		}
	}
	return w.Environments[0], nil
}

// portsOf are the variables by which the program of the newest release learns its
// port.
func (p *Platform) portsOf(ctx context.Context, svc pave.Service) (map[string]string, error) {
	out := map[string]string{"PORT": "${PORT}", "HOST": "${HOST}"}
	r, err := p.Releases.Find(ctx, svc.ID, "")
	if pave.CodeOf(err) == pave.NotFound {
		return out, nil
	}
	maps.Copy(out, pipeline.PortVariables(r.Command))
	return out, err
}

// devBacking returns the address of the caller's own database or cache of a service; it
// is made where there is none. Its row comes first: what a crash leaves is found again.
func (p *Platform) devBacking(ctx context.Context, service, user string, b pave.WantedBacking, fresh bool) (address pave.Secret, made bool, err error) {
	cond, args := `service = $2 AND user_id = $3 AND kind = $4`, []any{service, user, b.Kind}
	if !fresh { // the service may have another engine by now
		cond, args = cond+` AND engine <> $5`, append(args, b.Engine)
	}
	if err := p.dropDev(ctx, cond, args...); err != nil {
		return address, false, err
	}
	var id string
	now := store.Micros(time.Now())
	for range 2 { // another call of the same user may be first
		err = p.DB.QueryRow(ctx, `SELECT id FROM dev_backings WHERE service = $1 AND user_id = $2 AND kind = $3 AND dropped = 0`,
			service, user, b.Kind).Scan(&id)
		if !errors.Is(err, sql.ErrNoRows) {
			break
		}
		_, err = p.DB.Exec(ctx, `INSERT INTO dev_backings (id, service, user_id, kind, engine, created, used, dropped) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)`,
			pave.NewID("dev"), service, user, b.Kind, b.Engine, now, now)
		made = err == nil
		if err != nil && !errors.Is(err, store.ErrUnique) {
			return address, made, err
		}
	}
	if err != nil {
		return address, made, err
	}
	if _, err := p.DB.Exec(ctx, `UPDATE dev_backings SET used = $1 WHERE id = $2`, now, id); err != nil {
		return address, made, err
	}
	address, err = p.makeDev(ctx, b.Engine, id)
	return address, made, err
}

// makeDev waits for a server that has to start first.
func (p *Platform) makeDev(ctx context.Context, engine, id string) (pave.Secret, error) {
	for deadline := time.Now().Add(devStart); ; {
		address, err := p.Pipeline.Scratches[engine].Make(ctx, id)
		if pave.CodeOf(err) != pave.Unavailable || time.Now().After(deadline) {
			return address, err
		}
		select {
		case <-ctx.Done():
			return address, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// dropDev gives up databases of developers that a condition is about; what cannot be
// dropped now is dropped by the next prune. The condition's arguments begin at $2.
func (p *Platform) dropDev(ctx context.Context, cond string, args ...any) error {
	_, err := p.DB.Exec(ctx, `UPDATE dev_backings SET dropped = $1 WHERE dropped = 0 AND `+cond,
		append([]any{store.Micros(time.Now())}, args...)...)
	if err != nil {
		return err
	}
	if err := p.sweepDev(ctx); err != nil && ctx.Err() == nil {
		p.Log.Warn("drop a developer's database", "err", err)
	}
	return nil
}

// sweepDev drops outside what was given up.
func (p *Platform) sweepDev(ctx context.Context) error {
	rows, err := p.DB.Query(ctx, `SELECT id, engine FROM dev_backings WHERE dropped > 0 ORDER BY id LIMIT 100`)
	type row struct{ id, engine string }
	all, err := store.Collect(rows, err, func(s store.Scanner) (r row, err error) { return r, s.Scan(&r.id, &r.engine) })
	if err != nil {
		return err
	}
	var failed []string
	for _, r := range all {
		if scratch := p.Pipeline.Scratches[r.engine]; scratch == nil {
			continue
		} else if err := scratch.Drop(ctx, r.id); err != nil {
			failed = append(failed, err.Error())
			continue
		}
		if _, err := p.DB.Exec(ctx, `DELETE FROM dev_backings WHERE id = $1`, r.id); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return pave.Errorf(pave.Unavailable, "%s", strings.Join(failed, "; "))
	}
	return nil
}

// pruneDev gives up what nobody used for long, and what is left of services that are
// gone.
func (p *Platform) pruneDev(ctx context.Context) error {
	if err := p.dropDev(ctx, `(used < $2 OR service IN (SELECT id FROM services WHERE deleted > 0))`,
		store.Micros(time.Now().Add(-keepDev))); err != nil {
		return err
	}
	return p.sweepDev(ctx)
}
