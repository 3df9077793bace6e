package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
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
	} else if p.Anonymous() {
		actor = "anonymous"
	}
	e := pave.AuditEntry{At: store.Time(store.Micros(time.Now())), Actor: actor, Token: p.Token, Address: p.Address,
		Request: p.Request, Action: bounded(action), Object: bounded(object), Detail: bounded(detail)}
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

// maxField bounds a field of a row, in bytes: the log is never cut, so a row must not
// be as large as a caller likes.
const maxField = 1 << 10

func bounded(s string) string {
	if len(s) <= maxField {
		return s
	}
	return strings.ToValidUTF8(s[:maxField-3], "") + "..."
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

// Audit returns rows of the log, oldest first.
func (a *Access) Audit(ctx context.Context, f pave.AuditFilter) ([]pave.AuditEntry, error) {
	if f.Limit <= 0 || f.Limit > auditPage {
		f.Limit = auditPage
	}
	args, where := []any{f.After}, []string{"a.seq > $1"}
	add := func(cond string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(cond, "?", fmt.Sprintf("$%d", len(args))))
	}
	if f.Actor != "" {
		add("(a.actor = ? OR u.name = ?)", f.Actor)
	}
	if f.Action != "" {
		add("substr(a.action, 1, length(CAST(? AS TEXT))) = ?", f.Action)
	}
	if f.Object != "" {
		add(objectCondition(), f.Object)
	}
	if !f.Since.IsZero() {
		add("a.at >= ?", f.Since)
	}
	args = append(args, f.Limit)
	rows, err := a.db.Query(ctx, `SELECT a.seq, a.at, a.actor, COALESCE(u.name, ''), a.token, a.address, a.request, a.action, a.object, a.detail, a.hash
		FROM audit a LEFT JOIN users u ON u.id = a.actor WHERE `+strings.Join(where, " AND ")+fmt.Sprintf(` ORDER BY a.seq LIMIT $%d`, len(args)), args...)
	return store.Collect(rows, err, func(s store.Scanner) (e pave.AuditEntry, err error) {
		return e, s.Scan(&e.Seq, store.Stamp(&e.At), &e.Actor, &e.User, &e.Token, &e.Address, &e.Request, &e.Action, &e.Object, &e.Detail, &e.Hash)
	})
}

// objectCondition: an object is named with its kind, or without.
func objectCondition() string {
	var or []string
	for _, kind := range []string{"", "service:", "team:", "user:", "run:", "environment:", "template:", "webhook:"} {
		or = append(or, "a.object = '"+kind+"' || CAST(? AS TEXT)")
	}
	return "(" + strings.Join(or, " OR ") + ")"
}

// auditPage is how many rows are given at once.
const auditPage = 200

// VerifyAudit walks the whole chain and says which row does not fit, if one does
// not.
func (a *Access) VerifyAudit(ctx context.Context) (r pave.AuditReport, err error) {
	// The end is read first: rows that come meanwhile are walked too.
	var head int64
	if err := a.db.QueryRow(ctx, `SELECT seq FROM audit_head WHERE id = 1`).Scan(&head); err != nil {
		return r, err
	}
	prev := ""
	for {
		page, err := a.Audit(ctx, pave.AuditFilter{After: r.Rows})
		if err != nil {
			return r, err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if e.Seq != r.Rows+1 || chain(prev, e) != e.Hash {
				r.Broken = r.Rows + 1
				return r, nil
			}
			prev, r.Rows = e.Hash, e.Seq
		}
	}
	if r.Rows < head {
		r.Broken = r.Rows + 1
	}
	return r, nil
}
