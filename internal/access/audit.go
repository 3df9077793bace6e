package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// AuditTx writes one row into the audit log, in the transaction that carries the
// change itself: no row, no effect. The actor is the principal of ctx, or "pave"
// for what the platform does by itself.
func (a *Access) AuditTx(ctx context.Context, tx *store.Tx, action, object, detail string) error {
	p, ok := pave.PrincipalFrom(ctx)
	actor := p.User.ID
	if !ok {
		actor = "pave"
	}
	e := pave.AuditEntry{At: store.Time(store.Micros(time.Now())), Actor: actor, Token: p.Token, Address: p.Address,
		Request: p.Request, Action: action, Object: object, Detail: detail}
	var prev string
	// The update comes first: it takes the row's lock, so rows are chained one by one.
	if _, err := tx.Exec(ctx, `UPDATE audit_head SET seq = seq + 1 WHERE id = 1`); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT seq, hash FROM audit_head WHERE id = 1`).Scan(&e.Seq, &prev); err != nil {
		return err
	}
	e.Hash = chain(prev, e)
	if _, err := tx.Exec(ctx, `UPDATE audit_head SET hash = $1 WHERE id = 1`, e.Hash); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO audit (seq, at, actor, token, address, request, action, object, detail, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, e.Seq, store.Micros(e.At), e.Actor, e.Token, e.Address,
		e.Request, e.Action, e.Object, e.Detail, e.Hash)
	return err
}

// chain is the hash over a row and the hash before it. JSON keeps the fields
// apart, so no two rows have the same text.
func chain(prev string, e pave.AuditEntry) string {
	text, err := json.Marshal([]any{prev, e.Seq, store.Micros(e.At), e.Actor, e.Token, e.Address, e.Request,
		e.Action, e.Object, e.Detail})
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Audit returns rows with a larger Seq than after, oldest first.
func (a *Access) Audit(ctx context.Context, after int64, limit int) ([]pave.AuditEntry, error) {
	if limit <= 0 || limit > 200 {
		limit = 200
	}
	rows, err := a.db.Query(ctx, `SELECT seq, at, actor, token, address, request, action, object, detail, hash
		FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []pave.AuditEntry{}
	for rows.Next() {
		var e pave.AuditEntry
		var at int64
		if err := rows.Scan(&e.Seq, &at, &e.Actor, &e.Token, &e.Address, &e.Request, &e.Action, &e.Object, &e.Detail, &e.Hash); err != nil {
			return nil, err
		}
		e.At = store.Time(at)
		out = append(out, e)
	}
	return out, rows.Err()
}

// VerifyAudit walks the whole chain and returns the Seq of the first row that
// does not fit, or 0.
func (a *Access) VerifyAudit(ctx context.Context) (broken int64, err error) {
	prev, after := "", int64(0)
	for {
		page, err := a.Audit(ctx, after, 200)
		if err != nil {
			return 0, err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if e.Seq != after+1 || chain(prev, e) != e.Hash {
				return after + 1, nil
			}
			prev, after = e.Hash, e.Seq
		}
	}
	var seq int64
	if err := a.db.QueryRow(ctx, `SELECT seq FROM audit_head WHERE id = 1`).Scan(&seq); err != nil {
		return 0, err
	}
	if seq != after {
		return after + 1, nil
	}
	return 0, nil
}

// UsedCommand records that a pave command was used, once for each command run.
func (a *Access) UsedCommand(ctx context.Context, id, actor, command, version string) error {
	_, err := a.db.Exec(ctx, `INSERT INTO command_uses (id, at, actor, command, version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO NOTHING`, id, store.Micros(time.Now()), actor, command, version)
	return err
}
