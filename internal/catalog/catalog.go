// Package catalog keeps what was discovered: entities, how they relate, and facts
// with their source, evidence and age. Nobody edits it. A source that breaks
// keeps its last good facts, with the error on the entity.
package catalog

import (
	"context"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Observation is what one source saw of one entity.
type Observation struct {
	Kind, Name string // component, api, database ...
	Service    string // service id
	Owner      string // team
	Source     string // repository, run, process, resource, file
	Facts      []Fact
	Relations  []Relation
	Err        string // why the source could not read it; facts stay as they were
	Fault      string // what of it the source could not read; the facts are taken in
}

// Fact is one thing seen, with its evidence (a file at a commit, a run, a pid).
type Fact struct{ Key, Value, Evidence string }

// Relation is a link to another entity, with its evidence.
type Relation struct{ Kind, Target, Evidence string }

// Ref is the reference of an entity, "component:payment-processor".
func Ref(kind, name string) string { return kind + ":" + name }

// Catalog answers from the tables entities, facts and relations.
type Catalog struct{ db *store.DB }

// New returns the catalog of a store.
func New(db *store.DB) *Catalog { return &Catalog{db} }

// Observe takes in what a source saw. Facts this source gave before and no longer
// gives are dropped; facts of other sources stay. With Err the facts stay. What is wrong
// shows on the entity until the same source says otherwise.
func (c *Catalog) Observe(ctx context.Context, o Observation) error {
	now, ref := store.Micros(time.Now()), Ref(o.Kind, o.Name)
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO entities (ref, kind, name, service, owner, seen, gone, error)
			VALUES ($1, $2, $3, $4, $5, $6, 0, '')
			ON CONFLICT (ref) DO UPDATE SET service = excluded.service, owner = excluded.owner,
				seen = excluded.seen, gone = 0`,
			ref, o.Kind, o.Name, o.Service, o.Owner, now)
		if err == nil {
			err = note(ctx, tx, ref, o.Source, o.Err+o.Fault)
		}
		if err != nil || o.Err != "" {
			return err
		}
		for _, f := range o.Facts {
			_, err := tx.Exec(ctx, `INSERT INTO facts (entity, name, value, source, evidence, seen)
				VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (entity, name, source) DO UPDATE SET value = excluded.value,
					evidence = excluded.evidence, seen = excluded.seen`, ref, f.Key, f.Value, o.Source, f.Evidence, now)
			if err != nil {
				return err
			}
		}
		for _, r := range o.Relations {
			_, err := tx.Exec(ctx, `INSERT INTO relations (entity, kind, target, source, evidence, seen)
				VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (entity, kind, target) DO UPDATE SET source = excluded.source,
					evidence = excluded.evidence, seen = excluded.seen`, ref, r.Kind, r.Target, o.Source, r.Evidence, now)
			if err != nil {
				return err
			}
		}
		return forget(ctx, tx, ref, o.Source, now)
	})
}

// note keeps what is wrong with what a source says, "" being nothing.
func note(ctx context.Context, tx *store.Tx, ref, source, text string) error {
	n, err := tx.Exec(ctx, `DELETE FROM entity_errors WHERE entity = $1 AND source = $2`, ref, source)
	if err != nil || n == 0 && text == "" {
		return err
	}
	if text != "" {
		if _, err := tx.Exec(ctx, `INSERT INTO entity_errors (entity, source, error) VALUES ($1, $2, $3)`, ref, source, text); err != nil {
			return err
		}
	}
	rows, err := tx.Query(ctx, `SELECT error FROM entity_errors WHERE entity = $1 ORDER BY source`, ref)
	all, err := store.Collect(rows, err, func(row store.Scanner) (one string, err error) { return one, row.Scan(&one) })
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE entities SET error = $1 WHERE ref = $2`, strings.Join(all, "; "), ref)
	}
	return err
}

// forget drops what a source no longer says.
func forget(ctx context.Context, tx *store.Tx, ref, source string, now int64) error {
	for _, table := range []string{"facts", "relations"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE entity = $1 AND source = $2 AND seen < $3`,
			ref, source, now); err != nil {
			return err
		}
	}
	return nil
}

// RenameTx gives the entities of a service that have its name another one, with their
// facts, in the transaction that renames the service.
func (c *Catalog) RenameTx(ctx context.Context, tx *store.Tx, service, from, to string) error {
	rows, err := tx.Query(ctx, `SELECT kind FROM entities WHERE service = $1 AND name = $2`, service, from)
	kinds, err := store.Collect(rows, err, func(row store.Scanner) (kind string, err error) { return kind, row.Scan(&kind) })
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		before, now := Ref(kind, from), Ref(kind, to)
		for _, statement := range []string{`DELETE FROM entities WHERE ref = $1`, `DELETE FROM facts WHERE entity = $1`,
			`DELETE FROM relations WHERE entity = $1`, `DELETE FROM entity_errors WHERE entity = $1`} {
			if _, err := tx.Exec(ctx, statement, now); err != nil { // of a service that is gone
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE entities SET ref = $1, name = $2 WHERE ref = $3`, now, to, before); err != nil {
			return err
		}
		for _, statement := range []string{`UPDATE facts SET entity = $1 WHERE entity = $2`, `UPDATE relations SET entity = $1 WHERE entity = $2`,
			`UPDATE relations SET target = $1 WHERE target = $2`, `UPDATE entity_errors SET entity = $1 WHERE entity = $2`} {
			if _, err := tx.Exec(ctx, statement, now, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// Gone marks every entity of a service as gone: it is no longer listed, its facts
// stay until the service is forgotten.
func (c *Catalog) Gone(ctx context.Context, service string) (int64, error) {
	return c.db.Exec(ctx, `UPDATE entities SET gone = $1 WHERE service = $2 AND gone = 0`, store.Micros(time.Now()), service)
}

// Lost marks one entity as gone.
func (c *Catalog) Lost(ctx context.Context, ref string) error {
	_, err := c.db.Exec(ctx, `UPDATE entities SET gone = $1 WHERE ref = $2 AND gone = 0`, store.Micros(time.Now()), ref)
	return err
}

// Unseen marks the entities of a kind as gone whose names begin with prefix and that
// nobody saw since then.
func (c *Catalog) Unseen(ctx context.Context, kind, prefix string, since time.Time) (int64, error) {
	return c.db.Exec(ctx, `UPDATE entities SET gone = $1 WHERE kind = $2 AND substr(name, 1, $3) = $4 AND seen < $5 AND gone = 0`,
		store.Micros(time.Now()), kind, len(prefix), prefix, store.Micros(since))
}

// List returns the entities of a service ("" for all) with facts and links.
func (c *Catalog) List(ctx context.Context, service string) ([]pave.Entity, error) {
	rows, err := c.db.Query(ctx, `SELECT ref, kind, name, service, owner, seen, error FROM entities
		WHERE gone = 0 AND (service = $1 OR $2 = '') ORDER BY kind, name`, service, service)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []pave.Entity{}
	for rows.Next() {
		var e pave.Entity
		var seen int64
		if err := rows.Scan(&e.Ref, &e.Kind, &e.Name, &e.Service, &e.Owner, &seen, &e.Error); err != nil {
			return nil, err
		}
		e.Seen = store.Time(seen)
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range out {
		if err := c.fill(ctx, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Catalog) fill(ctx context.Context, e *pave.Entity) error {
	rows, err := c.db.Query(ctx, `SELECT name, value, source, evidence, seen FROM facts WHERE entity = $1 ORDER BY name, source`, e.Ref)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var f pave.Fact
		var seen int64
		if err := rows.Scan(&f.Key, &f.Value, &f.Source, &f.Evidence, &seen); err != nil {
			return err
		}
		f.Seen = store.Time(seen)
		e.Facts = append(e.Facts, f)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	links, err := c.db.Query(ctx, `SELECT kind, target FROM relations WHERE entity = $1 ORDER BY kind, target`, e.Ref)
	if err != nil {
		return err
	}
	defer links.Close()
	for links.Next() {
		var l pave.Link
		if err := links.Scan(&l.Kind, &l.To); err != nil {
			return err
		}
		e.Links = append(e.Links, l)
	}
	return links.Err()
}
