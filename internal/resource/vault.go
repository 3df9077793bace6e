package resource

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Vault keeps sealed values by resource id. It owns the table secrets. Nothing in
// it can be read without the key, which lies outside the state.
type Vault struct {
	db   *store.DB
	seal Sealer
}

// NewVault returns the vault in db.
func NewVault(db *store.DB, s Sealer) *Vault { return &Vault{db, s} }

// Put keeps a value; the same id again replaces it.
func (v *Vault) Put(ctx context.Context, id string, value pave.Secret) error {
	box, err := v.seal.Seal(value)
	if err != nil {
		return err
	}
	_, err = v.db.Exec(ctx, `INSERT INTO secrets (id, sealed, changed) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, changed = excluded.changed`,
		id, base64.StdEncoding.EncodeToString(box), store.Micros(time.Now()))
	return err
}

// Get returns a value; NotFound if there is none.
func (v *Vault) Get(ctx context.Context, id string) (pave.Secret, error) {
	var text string
	err := v.db.QueryRow(ctx, `SELECT sealed FROM secrets WHERE id = $1`, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return pave.Secret{}, pave.Errorf(pave.NotFound, "no secret of resource %s", id)
	}
	if err != nil {
		return pave.Secret{}, err
	}
	box, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return pave.Secret{}, err
	}
	return v.seal.Open(box)
}

// Delete forgets a value; absence is success.
func (v *Vault) Delete(ctx context.Context, id string) error {
	_, err := v.db.Exec(ctx, `DELETE FROM secrets WHERE id = $1`, id)
	return err
}

// List returns the ids of all values.
func (v *Vault) List(ctx context.Context) ([]string, error) {
	rows, err := v.db.Query(ctx, `SELECT id FROM secrets ORDER BY id`)
	return store.Collect(rows, err, func(row store.Scanner) (string, error) {
		var id string
		err := row.Scan(&id)
		return id, err
	})
}
