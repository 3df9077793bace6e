package platform

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

const serviceColumns = `id, name, team, revision, last_run, created, deleted, kept_until`

func scanService(row store.Scanner) (pave.Service, error) {
	var s pave.Service
	err := row.Scan(&s.ID, &s.Name, &s.Team, &s.Revision, &s.LastRun, store.Stamp(&s.Created),
		store.Stamp(&s.Deleted), store.Stamp(&s.KeptUntil))
	return s, err
}

// serviceCalled returns the service that has a name now, whoever asks.
func (p *Platform) serviceCalled(ctx context.Context, name string) (pave.Service, error) {
	if _, err := pave.ParseName("name", name); err != nil {
		return pave.Service{}, err
	}
	svc, err := scanService(p.DB.QueryRow(ctx, `SELECT `+serviceColumns+` FROM services WHERE name = $1 AND deleted = 0`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return svc, pave.Errorf(pave.NotFound, "no service %q", name).WithHint("pave list services")
	}
	return svc, err
}

// serviceMeant returns the service that has a name now, or had it before and nobody
// took it, whoever asks.
func (p *Platform) serviceMeant(ctx context.Context, name string) (pave.Service, error) {
	svc, err := p.serviceCalled(ctx, name)
	if pave.CodeOf(err) != pave.NotFound {
		return svc, err
	}
	var id string
	if p.DB.QueryRow(ctx, `SELECT service FROM service_names WHERE name = $1`, name).Scan(&id) != nil {
		return svc, err
	}
	if renamed, rerr := p.serviceByID(ctx, p.DB, id); rerr == nil && renamed.Deleted.IsZero() {
		return renamed, nil
	}
	return svc, err
}

// serviceNamed returns the service that a name means. Invalid where it is no
// name, NotFound with "did you mean" where nothing has it that the caller may see.
func (p *Platform) serviceNamed(ctx context.Context, name string) (pave.Service, error) {
	svc, err := p.serviceMeant(ctx, name)
	if err == nil {
		sees, err := p.sees(ctx, svc)
		if sees || err != nil {
			return svc, err
		}
		svc = pave.Service{}
	} else if pave.CodeOf(err) != pave.NotFound {
		return svc, err
	}
	missing := pave.Errorf(pave.NotFound, "no service %q", name).WithHint("pave list services")
	if _, err := p.serviceDeleted(ctx, name); err == nil {
		return svc, pave.Errorf(pave.NotFound, "no service %q: it was deleted and is kept", name).WithHint("pave restore %s", name)
	}
	all, err := p.Services(ctx, false)
	if err != nil {
		return svc, err
	}
	var names []string
	for _, s := range all {
		names = append(names, string(s.Name))
	}
	if near := pave.DidYouMean(name, names); near != "" {
		missing = missing.WithHint("did you mean %s?", near)
	}
	return svc, missing
}

// serviceDeleted returns the newest deleted service of a name whose data is kept.
func (p *Platform) serviceDeleted(ctx context.Context, name string) (pave.Service, error) {
	if _, err := pave.ParseName("name", name); err != nil {
		return pave.Service{}, err
	}
	svc, err := scanService(p.DB.QueryRow(ctx, `SELECT `+serviceColumns+` FROM services
		WHERE name = $1 AND deleted > 0 ORDER BY deleted DESC LIMIT 1`, name))
	sees := false
	if err == nil {
		if sees, err = p.sees(ctx, svc); err != nil {
			return svc, err
		}
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && (!sees || svc.KeptUntil.Before(time.Now())) {
		return pave.Service{}, pave.Errorf(pave.NotFound, "no deleted service %q is kept", name).
			WithHint("pave list services --deleted")
	}
	return svc, err
}

func (p *Platform) serviceByID(ctx context.Context, q store.Querier, id string) (pave.Service, error) {
	svc, err := scanService(q.QueryRow(ctx, `SELECT `+serviceColumns+` FROM services WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return svc, pave.Errorf(pave.NotFound, "no service %q", id)
	}
	return svc, err
}

// Services returns all services by name: those in use, or those deleted and kept.
func (p *Platform) Services(ctx context.Context, deleted bool) ([]pave.Service, error) {
	cond := `deleted = 0`
	if deleted {
		cond = `deleted > 0`
	}
	rows, err := p.DB.Query(ctx, `SELECT `+serviceColumns+` FROM services WHERE `+cond+` ORDER BY name, deleted`)
	list, err := store.Collect(rows, err, scanService)
	if err != nil {
		return nil, err
	}
	out := []pave.Service{}
	for _, s := range list {
		if sees, err := p.sees(ctx, s); err != nil {
			return nil, err
		} else if !sees {
			continue
		}
		if err := p.fill(ctx, &s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Service returns one service.
func (p *Platform) Service(ctx context.Context, name string) (pave.Service, error) {
	s, err := p.serviceNamed(ctx, name)
	if err != nil {
		return s, err
	}
	return s, p.fill(ctx, &s)
}

func (p *Platform) fill(ctx context.Context, s *pave.Service) error {
	rev, err := p.revision(ctx, p.DB, s.ID, s.Revision)
	if err != nil {
		return err
	}
	s.Environments = rev.Wanted.Environments
	if rev.Wanted.Nothing() {
		return nil
	}
	s.Template = templateOf(rev.Wanted)
	rec, err := p.Resources.Live(ctx, p.DB, s.ID, repositoryRef(s.Name))
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	s.Repository, s.Pipelines = rec.Outputs["address"], rec.Outputs["pipelines"]
	return err
}

// insertService makes the row of a new service with the next user id.
func (p *Platform) insertService(ctx context.Context, tx *store.Tx, name, team pave.Name, run string) (pave.Service, error) {
	svc := pave.Service{ID: pave.NewID("svc"), Name: name, Team: team, Created: time.Now().UTC(), LastRun: run}
	uid, err := p.uidOf(ctx, tx, "")
	if err != nil {
		return svc, err
	}
	if err := forgetName(ctx, tx, name); err != nil {
		return svc, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO services (id, name, team, uid, revision, last_run, created, deleted, kept_until)
		VALUES ($1, $2, $3, $4, 0, $5, $6, 0, 0)`, svc.ID, string(name), string(team), uid, run, store.Micros(svc.Created))
	return svc, err
}

// uidOf is the user id of a service, or for "" the one the next service gets.
func (p *Platform) uidOf(ctx context.Context, q store.Querier, service string) (int, error) {
	var uid sql.NullInt64
	if service != "" {
		err := q.QueryRow(ctx, `SELECT uid FROM services WHERE id = $1`, service).Scan(&uid)
		return int(uid.Int64), err
	}
	if err := q.QueryRow(ctx, `SELECT MAX(uid) FROM services`).Scan(&uid); err != nil {
		return 0, err
	}
	return max(FirstUID, int(uid.Int64)+1), nil
}

// addRevision writes the next revision and makes it the newest.
func (p *Platform) addRevision(ctx context.Context, tx *store.Tx, svc pave.Service, w pave.Wanted, run, actor string) error {
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO revisions (service, number, wanted, run, actor, created)
		VALUES ($1, $2, $3, $4, $5, $6)`, svc.ID, svc.Revision+1, string(body), run, actor, store.Micros(time.Now()))
	if err != nil {
		return err
	}
	for _, id := range sealedIn(w) {
		// One that was sealed for a repository is the service's from now on.
		if _, err := tx.Exec(ctx, `UPDATE sealed_values SET used = 1, service = $1 WHERE id = $2`, svc.ID, id); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE services SET revision = $1, last_run = $2 WHERE id = $3`, svc.Revision+1, run, svc.ID)
	return err
}

const revisionColumns = `service, number, wanted, run, actor, created`

func scanRevision(row store.Scanner) (pave.Revision, error) {
	var r pave.Revision
	var wanted string
	if err := row.Scan(&r.Service, &r.Number, &wanted, &r.Run, &r.Actor, store.Stamp(&r.Created)); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(wanted), &r.Wanted)
}

func (p *Platform) revision(ctx context.Context, q store.Querier, service string, number int) (pave.Revision, error) {
	r, err := scanRevision(q.QueryRow(ctx, `SELECT `+revisionColumns+` FROM revisions
		WHERE service = $1 AND number = $2`, service, number))
	if errors.Is(err, sql.ErrNoRows) {
		return r, pave.Errorf(pave.NotFound, "no revision %d", number)
	}
	return r, err
}

func (p *Platform) revisionsOf(ctx context.Context, service string) ([]pave.Revision, error) {
	rows, err := p.DB.Query(ctx, `SELECT `+revisionColumns+` FROM revisions WHERE service = $1 ORDER BY number`, service)
	return store.Collect(rows, err, scanRevision)
}

// Revisions returns what was wanted of a service, oldest first.
func (p *Platform) Revisions(ctx context.Context, name string) ([]pave.Revision, error) {
	svc, err := p.serviceNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	return p.revisionsOf(ctx, svc.ID)
}

// ownedBy counts the services of a team that are in use.
func (p *Platform) ownedBy(ctx context.Context, team pave.Name) (int, error) {
	var n int
	err := p.DB.QueryRow(ctx, `SELECT COUNT(*) FROM services WHERE team = $1 AND deleted = 0`, string(team)).Scan(&n)
	return n, err
}

// Environments returns all environments with what is bound there, lowest rank
// first.
func (p *Platform) Environments(ctx context.Context) ([]pave.Environment, error) {
	bound, err := p.bindings(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := p.DB.Query(ctx, `SELECT id, name, rank, protected, approval, approval_seconds, calls FROM environments ORDER BY rank, name`)
	return store.Collect(rows, err, func(row store.Scanner) (pave.Environment, error) {
		var e pave.Environment
		err := row.Scan(&e.ID, &e.Name, &e.Rank, store.Flag(&e.Protected), &e.Approval, &e.ApprovalSeconds, &e.Calls)
		for _, kind := range slices.Concat([]string{pave.KindRepository, pave.KindIdentity}, pave.BackingKinds,
			[]string{pave.KindRole, pave.KindSecret, pave.KindPipeline, pave.KindDeployment, pave.KindRoute}) {
			if b, berr := bound.find(kind, e.Name); berr == nil {
				e.Bindings = append(e.Bindings, b)
			}
		}
		return e, err
	})
}

// Teams returns all teams with the number of services each owns.
func (p *Platform) Teams(ctx context.Context) ([]pave.Team, error) {
	teams, err := p.Access.Teams(ctx)
	if err != nil {
		return nil, err
	}
	for i := range teams {
		if teams[i].Services, err = p.ownedBy(ctx, teams[i].Name); err != nil {
			return nil, err
		}
	}
	return teams, nil
}

// repositoryOf is the external name of a service's repository.
func (p *Platform) repositoryOf(ctx context.Context, svc pave.Service) (resource.Record, error) {
	return p.Resources.Live(ctx, p.DB, svc.ID, repositoryRef(svc.Name))
}

// RepositoryName is the name of a service's repository outside. It asks nobody's
// permission: the git door has asked for that of the verb.
func (p *Platform) RepositoryName(ctx context.Context, service string) (string, error) {
	svc, err := p.serviceMeant(ctx, service)
	if err != nil {
		return "", err
	}
	rec, err := p.repositoryOf(ctx, svc)
	return rec.ExternalID, err
}
