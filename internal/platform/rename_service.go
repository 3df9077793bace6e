package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// resolveRename: revision n -> n+1 under another name. What is outside keeps the name
// it was made with; addresses of the old name go on.
func (p *Platform) resolveRename(ctx context.Context, r pave.RenameService) (transition, error) {
	name, err := pave.ParseName("to", r.To)
	if err != nil {
		return transition{}, err
	}
	tr, err := p.ofService(ctx, r.Name, r.Verb())
	if err != nil {
		return tr, err
	}
	if name == tr.service.Name {
		tr.finished = tr.service.LastRun
		return tr, nil
	}
	return tr, p.renamed(ctx, &tr, name)
}

// renamed makes a transition one to another name. Conflict where a service has it.
func (p *Platform) renamed(ctx context.Context, tr *transition, to pave.Name) error {
	other, err := p.serviceCalled(ctx, string(to))
	if err == nil {
		return nameTaken(other.Name)
	}
	if pave.CodeOf(err) != pave.NotFound {
		return err
	}
	tr.rename, tr.follow = to, true
	tr.to.Resources = slices.Clone(tr.to.Resources)
	for i := range tr.to.Resources {
		if tr.to.Resources[i].Name == tr.service.Name {
			tr.to.Resources[i].Name = to
		}
	}
	tr.notes = append(tr.notes, fmt.Sprintf("%s goes on meaning %s, in addresses, clones and commands, until another service takes the name", tr.service.Name, to),
		"databases and the like keep the names they have outside")
	return nil
}

func nameTaken(name pave.Name) error {
	return pave.Errorf(pave.Conflict, "another service is called %q", name).WithHint("choose another name: pave list services")
}

// rename gives a service its name, and what belongs to it that is named after it, in
// one transaction.
func (p *Platform) rename(ctx context.Context, tx *store.Tx, svc *pave.Service, to pave.Name) error {
	if err := forgetName(ctx, tx, to); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE services SET name = $1 WHERE id = $2`, string(to), svc.ID)
	if errors.Is(err, store.ErrUnique) {
		return nameTaken(to)
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO service_names (name, service, created) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET service = excluded.service, created = excluded.created`,
		string(svc.Name), svc.ID, store.Micros(time.Now()))
	if err != nil {
		return err
	}
	if err := p.Resources.RenameTx(ctx, tx, svc.ID, svc.Name, to); err != nil {
		return err
	}
	if err := p.Catalog.RenameTx(ctx, tx, svc.ID, string(svc.Name), string(to)); err != nil {
		return err
	}
	svc.Name = to
	return nil
}

// forgetName ends what a name meant before: a service takes it.
func forgetName(ctx context.Context, tx *store.Tx, name pave.Name) error {
	_, err := tx.Exec(ctx, `DELETE FROM service_names WHERE name = $1`, string(name))
	return err
}

// formerNames are the names a service had that still mean it, but for the one it has
// now.
func (p *Platform) formerNames(ctx context.Context, q store.Querier, service string, now pave.Name) ([]pave.Name, error) {
	rows, err := q.Query(ctx, `SELECT name FROM service_names WHERE service = $1 AND name <> $2 ORDER BY name`, service, string(now))
	return store.Collect(rows, err, func(row store.Scanner) (name pave.Name, err error) { return name, row.Scan(&name) })
}

// nameBefore is the name that a run took from its service, "" where it took none.
func (p *Platform) nameBefore(ctx context.Context, run pave.Run) (pave.Name, error) {
	var in applyInput
	if json.Unmarshal(run.Input, &in) != nil || in.Was == "" {
		return "", nil
	}
	if other, err := p.serviceCalled(ctx, string(in.Was)); err == nil {
		return "", nameTaken(other.Name)
	}
	return in.Was, nil
}
