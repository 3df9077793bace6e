// Package access knows who a caller is and whether they may: users, hashed
// tokens, teams, roles as Cedar policies in text, and the audit log. It loads no
// other object: the platform loads the object and asks May with the team that
// owns it.
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

// Access answers from its tables: users, tokens, codes, devices, teams, members,
// policies, audit. It must be made by New.
type Access struct {
	db       *store.DB
	policies policies
	sso      *sso // nil without an OpenID provider
}

// New returns the access of a store.
func New(db *store.DB) *Access { return &Access{db: db} }

// tokenPrefix makes tokens recognisable to scanners for leaked secrets.
const tokenPrefix = "pave_"

const userColumns = `u.id, u.name, u.email, u.admin, u.viewer, u.created, u.suspended`

func userFields(u *pave.User) []any {
	return []any{&u.ID, &u.Name, &u.Email, store.Flag(&u.Admin), store.Flag(&u.Viewer), store.Stamp(&u.Created), store.Stamp(&u.Suspended)}
}

func scanUser(row store.Scanner) (pave.User, error) {
	var u pave.User
	return u, row.Scan(userFields(&u)...)
}

// EnsureUser returns the user of a name, made if there is none.
func (a *Access) EnsureUser(ctx context.Context, name string, admin bool) (pave.User, error) {
	var u pave.User
	err := a.db.Tx(ctx, func(tx *store.Tx) (err error) {
		u, _, err = a.ensureUser(ctx, tx, pave.User{Name: name, Admin: admin})
		return err
	})
	return u, err
}

// ensureUser makes a user where none has the name.
func (a *Access) ensureUser(ctx context.Context, tx *store.Tx, want pave.User) (u pave.User, made bool, err error) {
	n, err := tx.Exec(ctx, `INSERT INTO users (id, name, email, admin, viewer, created) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (name) DO NOTHING`, pave.NewID("usr"), want.Name, want.Email, want.Admin, want.Viewer, time.Now())
	if err != nil {
		return u, false, err
	}
	u, err = scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+` FROM users u WHERE u.name = $1`, want.Name))
	return u, n > 0, err
}

// userNamed returns the user of a name, NotFound where nobody has it.
func userNamed(ctx context.Context, q store.Querier, name string) (pave.User, error) {
	u, err := scanUser(q.QueryRow(ctx, `SELECT `+userColumns+` FROM users u WHERE u.name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return u, pave.Errorf(pave.NotFound, "no user %q", clip(name)).WithHint("pave invite NAME --team TEAM --role developer makes one")
	}
	return u, err
}

// IssueToken makes a token of a user that may all that the user may. Only its hash
// is kept. A zero end never expires.
func (a *Access) IssueToken(ctx context.Context, user, label string, expires time.Time) (pave.Secret, error) {
	var made pave.NewToken
	err := a.db.Tx(ctx, func(tx *store.Tx) (err error) {
		made, err = issue(ctx, tx, user, pave.Token{Name: label, Expires: expires}, "")
		return err
	})
	return pave.NewSecret(made.Value), err
}

func issue(ctx context.Context, tx *store.Tx, user string, t pave.Token, service string) (pave.NewToken, error) {
	t.ID, t.Created = pave.NewID("tok"), time.Now().UTC()
	value := tokenPrefix + random(32)
	_, err := tx.Exec(ctx, `INSERT INTO tokens (id, user_id, hash, label, scope, service, created, expires, revoked)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`, t.ID, user, hashToken(value), t.Name, t.Scope, service, t.Created, t.Expires)
	return pave.NewToken{Token: t, Value: value}, err
}

func random(bytes int) string {
	raw := make([]byte, bytes)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// RevokeLabel revokes all tokens of a label, at once.
func (a *Access) RevokeLabel(ctx context.Context, label string) error {
	_, err := a.db.Exec(ctx, `UPDATE tokens SET revoked = $1 WHERE label = $2 AND revoked = 0`, time.Now(), label)
	return err
}

// hashToken is what the store keeps: tokens have 256 random bits, so a plain
// hash is enough and a look-up by it leaks nothing by its time.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Authenticate returns the principal a token stands for. Denied for a token that
// is unknown, revoked, past its end or of a suspended user; the answer does not
// say which.
func (a *Access) Authenticate(ctx context.Context, token string) (pave.Principal, error) {
	var p pave.Principal
	denied := pave.Errorf(pave.Denied, "not signed in: the token is missing or not valid").
		WithHint("pave login URL; with the local server, pave up writes a new token to server.json")
	if !strings.HasPrefix(token, tokenPrefix) || len(token) > 200 {
		return p, denied
	}
	var revoked time.Time
	fields := append([]any{&p.Token, &p.Scope, &p.Service, store.Stamp(&p.Expires), store.Stamp(&revoked)}, userFields(&p.User)...)
	err := a.db.QueryRow(ctx, `SELECT t.id, t.scope, t.service, t.expires, t.revoked, `+userColumns+`
		FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1`, hashToken(token)).Scan(fields...)
	if errors.Is(err, sql.ErrNoRows) {
		return pave.Principal{}, denied
	}
	if err != nil {
		return pave.Principal{}, err
	}
	if !revoked.IsZero() || !p.User.Suspended.IsZero() || !p.Expires.IsZero() && !p.Expires.After(time.Now()) {
		return pave.Principal{}, denied
	}
	p.Teams, err = a.memberships(ctx, p.User.ID)
	return p, err
}

func (a *Access) memberships(ctx context.Context, user string) ([]pave.Membership, error) {
	rows, err := a.db.Query(ctx, `SELECT t.name, m.role FROM members m JOIN teams t ON t.id = m.team_id
		WHERE m.user_id = $1 ORDER BY t.name`, user)
	return store.Collect(rows, err, func(s store.Scanner) (m pave.Membership, err error) { return m, s.Scan(&m.Team, &m.Role) })
}

// PrincipalOf is a user of an id as they are now, for what goes on in their name
// after their call has ended. Denied where they are suspended or gone.
func (a *Access) PrincipalOf(ctx context.Context, user string) (pave.Principal, error) {
	u, err := scanUser(a.db.QueryRow(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id = $1`, user))
	if errors.Is(err, sql.ErrNoRows) || err == nil && !u.Suspended.IsZero() {
		return pave.Principal{}, pave.Errorf(pave.Denied, "user %s is gone or suspended", user)
	}
	if err != nil {
		return pave.Principal{}, err
	}
	teams, err := a.memberships(ctx, u.ID)
	return pave.Principal{User: u, Teams: teams}, err
}

// clip bounds a text from outside that is only to be read.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
