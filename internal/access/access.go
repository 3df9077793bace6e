// Package access knows who a caller is and whether they may: users, hashed
// tokens, teams, roles and the audit log. It loads no other object: the platform
// loads the object and asks May with the team that owns it.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Access answers from the tables users, tokens, teams, members.
type Access struct{ db *store.DB }

// New returns the access of a store.
func New(db *store.DB) *Access { return &Access{db} }

// tokenPrefix makes tokens recognisable to scanners for leaked secrets.
const tokenPrefix = "pave_"

// EnsureUser returns the user of a name, made if there is none.
func (a *Access) EnsureUser(ctx context.Context, name string, admin bool) (pave.User, error) {
	u := pave.User{ID: pave.NewID("usr"), Name: name, Admin: admin, Created: time.Now().UTC()}
	flag := 0
	if admin {
		flag = 1
	}
	err := a.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO users (id, name, admin, created) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO NOTHING`, u.ID, name, flag, store.Micros(u.Created))
		if err != nil {
			return err
		}
		u, err = scanUser(tx.QueryRow(ctx, `SELECT id, name, admin, created FROM users WHERE name = $1`, name))
		return err
	})
	return u, err
}

func scanUser(row store.Scanner) (pave.User, error) {
	var u pave.User
	var admin, created int64
	err := row.Scan(&u.ID, &u.Name, &admin, &created)
	u.Admin, u.Created = admin != 0, store.Time(created)
	return u, err
}

// IssueToken makes a token of a user. Only its hash is kept. A zero end never
// expires.
func (a *Access) IssueToken(ctx context.Context, user, label string, expires time.Time) (pave.Secret, error) {
	raw := make([]byte, 32)
	rand.Read(raw)
	token := tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	_, err := a.db.Exec(ctx, `INSERT INTO tokens (id, user_id, hash, label, created, expires, revoked)
		VALUES ($1, $2, $3, $4, $5, $6, 0)`,
		pave.NewID("tok"), user, hashToken(token), label, store.Micros(time.Now()), store.Micros(expires))
	return pave.NewSecret(token), err
}

// RevokeLabel revokes all tokens of a label, at once.
func (a *Access) RevokeLabel(ctx context.Context, label string) error {
	_, err := a.db.Exec(ctx, `UPDATE tokens SET revoked = $1 WHERE label = $2 AND revoked = 0`,
		store.Micros(time.Now()), label)
	return err
}

// hashToken is what the store keeps: tokens have 256 random bits, so a plain
// hash is enough and a look-up by it leaks nothing by its time.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Authenticate returns the principal a token stands for. Denied for a token that
// is unknown, revoked or past its end; the answer does not say which.
func (a *Access) Authenticate(ctx context.Context, token string) (pave.Principal, error) {
	var p pave.Principal
	denied := pave.Errorf(pave.Denied, "not signed in: the token is missing or not valid").
		WithHint("on this machine commands find their token by themselves; elsewhere ask for one with an end")
	if !strings.HasPrefix(token, tokenPrefix) || len(token) > 200 {
		return p, denied
	}
	var admin, created, expires, revoked int64
	err := a.db.QueryRow(ctx, `SELECT t.id, t.expires, t.revoked, u.id, u.name, u.admin, u.created
		FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1`, hashToken(token)).
		Scan(&p.Token, &expires, &revoked, &p.User.ID, &p.User.Name, &admin, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return p, denied
	}
	if err != nil {
		return p, err
	}
	if revoked != 0 || expires != 0 && !store.Time(expires).After(time.Now()) {
		return pave.Principal{}, denied
	}
	p.User.Admin, p.User.Created = admin != 0, store.Time(created)
	return p, nil
}

// A Permission is what a route or a verb asks for.
type Permission string

// The permissions. Each route declares one.
const (
	Public Permission = "public" // anyone, unknown callers too
	Read   Permission = "read"   // see services, runs, logs
	Write  Permission = "write"  // change what a team owns, push to its repositories
	Lead   Permission = "lead"   // decide for a team
	Admin  Permission = "admin"  // the platform itself
)

// roles says what a role of a team may.
var roles = map[string][]Permission{
	"viewer":    {Read},
	"developer": {Read, Write},
	"lead":      {Read, Write, Lead},
}

// May says whether the caller of ctx may do something with what a team owns
// ("" for what no team owns). Denied names the permission and who could give it.
func (a *Access) May(ctx context.Context, perm Permission, team pave.Name) error {
	if perm == Public {
		return nil
	}
	p, ok := pave.PrincipalFrom(ctx)
	if !ok {
		return pave.Errorf(pave.Denied, "not signed in")
	}
	if p.User.Admin {
		return nil
	}
	role, err := a.role(ctx, p.User.ID, team)
	if err != nil {
		return err
	}
	for _, has := range roles[role] {
		if has == perm {
			return nil
		}
	}
	if perm == Read && team == "" {
		return nil
	}
	return pave.Errorf(pave.Denied, "%s may not %s in team %q", p.User.Name, perm, team).
		WithHint("ask a lead of %s", team)
}

func (a *Access) role(ctx context.Context, user string, team pave.Name) (string, error) {
	var role string
	err := a.db.QueryRow(ctx, `SELECT m.role FROM members m JOIN teams t ON t.id = m.team_id
		WHERE m.user_id = $1 AND t.name = $2`, user, string(team)).Scan(&role)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return role, err
}
