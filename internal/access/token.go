package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

const (
	defaultTokenDays = 90
	maxTokenDays     = 366
)

// Identity is who the caller of ctx is.
func (a *Access) Identity(ctx context.Context) (pave.Identity, error) {
	p, _ := pave.PrincipalFrom(ctx)
	out := pave.Identity{User: p.User, Teams: p.Teams, Token: pave.Token{ID: p.Token, Scope: p.Scope, Expires: p.Expires, User: p.User.Name}}
	if out.Teams == nil {
		out.Teams = []pave.Membership{}
	}
	err := a.db.QueryRow(ctx, `SELECT label, created FROM tokens WHERE id = $1`, p.Token).Scan(&out.Token.Name, store.Stamp(&out.Token.Created))
	return out, err
}

// Tokens returns the caller's own tokens that are good, and for an admin all of
// them.
func (a *Access) Tokens(ctx context.Context) ([]pave.Token, error) {
	p, _ := pave.PrincipalFrom(ctx)
	owner := p.User.ID
	if a.May(ctx, Admin, Platform) == nil {
		owner = ""
	}
	rows, err := a.db.Query(ctx, `SELECT t.id, u.name, t.label, t.scope, t.created, t.expires FROM tokens t
		JOIN users u ON u.id = t.user_id WHERE t.revoked = 0 AND (t.expires = 0 OR t.expires > $1) AND ($2 = '' OR t.user_id = $2)
		ORDER BY u.name, t.id`, time.Now(), owner)
	return store.Collect(rows, err, func(s store.Scanner) (t pave.Token, err error) {
		return t, s.Scan(&t.ID, &t.User, &t.Name, &t.Scope, store.Stamp(&t.Created), store.Stamp(&t.Expires))
	})
}

// CreateToken makes a token of the caller. Service is the id behind a scope
// service:NAME; the platform knows it. Only a token without a scope may make
// others: a narrow one never becomes a wide one.
func (a *Access) CreateToken(ctx context.Context, r pave.TokenRequest, service string) (pave.NewToken, error) {
	p, _ := pave.PrincipalFrom(ctx)
	if p.Scope != pave.ScopeAll {
		return pave.NewToken{}, pave.Errorf(pave.Denied, "a token of scope %q may not make others", p.Scope).WithHint("pave login URL, then again")
	}
	if r.Days == 0 {
		r.Days = defaultTokenDays
	}
	switch {
	case r.Days < 1 || r.Days > maxTokenDays:
		return pave.NewToken{}, pave.BadField("days", fmt.Sprint(r.Days), fmt.Sprintf("must be 1 to %d", maxTokenDays), "--expires 30d")
	case r.Name == "" || len(r.Name) > 100 || strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' || c > '~' }):
		return pave.NewToken{}, pave.BadField("name", r.Name, "must be 1 to 100 printable characters", "--name ci")
	case r.Name == localLabel:
		return pave.NewToken{}, pave.BadField("name", r.Name, "is that of the commands of the server's machine", "--name ci")
	case r.Scope != pave.ScopeRead && r.Scope != pave.ScopeWrite && (service == "" || !strings.HasPrefix(r.Scope, "service:")):
		return pave.NewToken{}, pave.BadField("scope", r.Scope, "is not a scope", "read, write or service:NAME")
	}
	var made pave.NewToken
	err := a.db.Tx(ctx, func(tx *store.Tx) error {
		if err := a.AuditTx(ctx, tx, "create token", "user:"+p.User.Name, r.Name+", scope "+r.Scope); err != nil {
			return err
		}
		var err error
		made, err = issue(ctx, tx, p.User.ID, pave.Token{User: p.User.Name, Name: r.Name, Scope: r.Scope,
			Expires: time.Now().UTC().AddDate(0, 0, r.Days)}, service)
		return err
	})
	return made, err
}

// localLabel is the token that the server writes for the commands of its machine.
const localLabel = "local"

// DeleteToken revokes a token: the caller's own, and for an admin any. A token of a
// scope may revoke itself alone.
func (a *Access) DeleteToken(ctx context.Context, id string) error {
	p, _ := pave.PrincipalFrom(ctx)
	if id == "current" {
		id = p.Token
	}
	if p.Scope != pave.ScopeAll && id != p.Token {
		return pave.Errorf(pave.Denied, "a token of scope %q may revoke itself only", p.Scope).WithHint("pave login URL, then again")
	}
	mine, err := a.Tokens(ctx)
	if err != nil {
		return err
	}
	var found []pave.Token
	for _, t := range mine {
		if t.ID == id || len(id) >= 12 && strings.HasPrefix(t.ID, id) {
			found = append(found, t)
		}
	}
	if len(found) != 1 {
		return pave.Errorf(pave.NotFound, "no token %q", clip(id)).WithHint("pave list tokens")
	}
	return a.db.Tx(ctx, func(tx *store.Tx) error {
		if err := a.AuditTx(ctx, tx, "delete token", "user:"+found[0].User, found[0].ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tokens SET revoked = $1 WHERE id = $2 AND revoked = 0`, time.Now(), found[0].ID)
		return err
	})
}
