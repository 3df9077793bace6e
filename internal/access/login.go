package access

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// loginLife is how long a login lasts.
	loginLife = 90 * 24 * time.Hour
	// deviceLife is how long a program waits for a person to sign it in.
	deviceLife = 10 * time.Minute
	// maxDevices bounds how many wait at the same time.
	maxDevices = 1000
)

var errNoRows = sql.ErrNoRows

// Login exchanges the code of an invitation for a token.
func (a *Access) Login(ctx context.Context, code, name string) (pave.NewToken, error) {
	var made pave.NewToken
	err := a.db.Tx(ctx, func(tx *store.Tx) error {
		user, err := useCode(ctx, tx, code)
		if err != nil {
			return err
		}
		made, err = a.signIn(ctx, tx, user, name)
		return err
	})
	return made, err
}

// signIn makes the token of a login.
func (a *Access) signIn(ctx context.Context, tx *store.Tx, user, name string) (pave.NewToken, error) {
	u, err := scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id = $1`, user))
	if err != nil {
		return pave.NewToken{}, err
	}
	if !u.Suspended.IsZero() {
		return pave.NewToken{}, errCode
	}
	who, _ := pave.PrincipalFrom(ctx)
	who.User = u
	ctx = pave.WithPrincipal(ctx, who)
	if err := a.AuditTx(ctx, tx, "login", "user:"+u.Name, label(name)); err != nil {
		return pave.NewToken{}, err
	}
	return issue(ctx, tx, u.ID, pave.Token{User: u.Name, Name: label(name), Expires: time.Now().UTC().Add(loginLife)}, "")
}

// label is what a login is called: where it came from, as its program says.
func label(name string) string {
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, name)
	return "login " + name[:min(len(name), 80)]
}

// StartDevice notes a program that wants to be signed in by a person on a page.
func (a *Access) StartDevice(ctx context.Context, name string) (pave.Device, error) {
	who, _ := pave.PrincipalFrom(ctx)
	d := pave.Device{Secret: random(32), Code: groups(2), Expires: time.Now().UTC().Add(deviceLife)}
	err := a.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM devices WHERE expires < $1`, time.Now()); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM devices`).Scan(&n); err != nil {
			return err
		}
		if n >= maxDevices {
			return pave.Errorf(pave.Unavailable, "too many logins wait at the same time").WithHint("try again in %s", deviceLife)
		}
		_, err := tx.Exec(ctx, `INSERT INTO devices (hash, code, name, address, user_id, expires) VALUES ($1, $2, $3, $4, '', $5)`,
			hashToken(d.Secret), d.Code, strings.TrimPrefix(label(name), "login "), who.Address, d.Expires)
		return err
	})
	return d, err
}

// Waiting says which program waits with a code, for the person who types it in:
// its name and address.
func (a *Access) Waiting(ctx context.Context, code string) (name, address string, err error) {
	err = a.db.QueryRow(ctx, `SELECT name, address FROM devices WHERE code = $1 AND user_id = '' AND expires > $2`,
		deviceCode(code), time.Now()).Scan(&name, &address)
	if errors.Is(err, errNoRows) {
		err = pave.Errorf(pave.NotFound, "no program waits with this code").WithHint("pave login URL --device shows a new one")
	}
	return name, address, err
}

func deviceCode(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) == 8 {
		s = s[:4] + "-" + s[4:]
	}
	return s[:min(len(s), 20)]
}

// ApproveDevice signs a waiting program in as the person who gives the code of an
// invitation, or a token without a scope, as proof.
func (a *Access) ApproveDevice(ctx context.Context, code, proof string) error {
	user := ""
	if p, err := a.Authenticate(ctx, proof); err == nil && p.Scope == pave.ScopeAll {
		user = p.User.ID
	} else if err != nil && pave.CodeOf(err) != pave.Denied {
		return err
	}
	return a.db.Tx(ctx, func(tx *store.Tx) error {
		if user == "" {
			var err error
			if user, err = useCode(ctx, tx, proof); err != nil {
				return err
			}
		}
		return approve(ctx, tx, user, code)
	})
}

// approve signs the program that waits with a code in as a user.
func approve(ctx context.Context, tx *store.Tx, user, code string) error {
	n, err := tx.Exec(ctx, `UPDATE devices SET user_id = $1 WHERE code = $2 AND user_id = '' AND expires > $3`,
		user, deviceCode(code), time.Now())
	if err == nil && n == 0 {
		err = pave.Errorf(pave.NotFound, "no program waits with this code").WithHint("pave login URL --device shows a new one")
	}
	return err
}

// DeviceToken is the token of a program that a person has signed in; Unavailable
// while nobody has.
func (a *Access) DeviceToken(ctx context.Context, secret string) (pave.NewToken, error) {
	var made pave.NewToken
	err := a.db.Tx(ctx, func(tx *store.Tx) error {
		var user, name string
		err := tx.QueryRow(ctx, `SELECT user_id, name FROM devices WHERE hash = $1 AND expires > $2`, hashToken(secret), time.Now()).Scan(&user, &name)
		if errors.Is(err, errNoRows) {
			return errCode
		}
		if err != nil {
			return err
		}
		if user == "" {
			return pave.Errorf(pave.Unavailable, "nobody has signed this program in yet").WithHint("open the page and type the code")
		}
		if n, err := tx.Exec(ctx, `DELETE FROM devices WHERE hash = $1`, hashToken(secret)); err != nil || n == 0 {
			return errors.Join(err, errCode)
		}
		made, err = a.signIn(ctx, tx, user, name)
		return err
	})
	return made, err
}
