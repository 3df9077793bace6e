package resource

import (
	"context"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// A service may be renamed: then the refs of its resources are others, and nothing
// outside is. What was written before, in the steps of a run, still means them.

// renamed is a ref as it is once its service has another name.
func renamed(ref pave.Ref, from, to pave.Name) pave.Ref {
	if ref.Name == string(from) {
		ref.Name = string(to)
	}
	ref.Service = to
	return ref
}

// Rename gives records the refs they have once their service is called otherwise.
func Rename(records []Record, from, to pave.Name) {
	for i := range records {
		if from != to {
			records[i].Ref = renamed(records[i].Ref, from, to)
		}
	}
}

// RenameTx writes the refs of a service anew, in the transaction that renames it.
func (j *Journal) RenameTx(ctx context.Context, tx *store.Tx, service string, from, to pave.Name) error {
	all, err := j.List(ctx, tx, service)
	if err != nil {
		return err
	}
	for _, r := range all {
		if _, err := tx.Exec(ctx, `UPDATE resources SET ref = $1 WHERE id = $2`, renamed(r.Ref, from, to).String(), r.ID); err != nil {
			return err
		}
	}
	return nil
}

// same reports whether two refs of one service mean one resource, although one of
// them was written before the service had its name.
func same(a, b pave.Ref) bool { return renamed(a, a.Service, b.Service) == b }

// free is the name outside that a new resource gets: the first that no other one of
// its kind has. Only after a service was renamed is that not the name of the ref.
func (j *Journal) free(ctx context.Context, q store.Querier, ref pave.Ref) (string, error) {
	for n := 1; ; n++ {
		name, taken := externalName(ref, n), 0
		err := q.QueryRow(ctx, `SELECT COUNT(*) FROM resources WHERE kind = $1 AND external_id = $2 AND ref <> $3
			AND state IN ('planned', 'present')`, ref.Kind, name, ref.String()).Scan(&taken)
		if err != nil || taken == 0 {
			return name, err
		}
	}
}
