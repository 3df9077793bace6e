package access

import (
	"context"
	"crypto/rand"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// codeLife is how long a code of an invitation may be used.
const codeLife = 72 * time.Hour

// Users returns all users by name.
func (a *Access) Users(ctx context.Context) ([]pave.User, error) {
	if err := a.May(ctx, Admin, Platform); err != nil {
		return nil, err
	}
	rows, err := a.db.Query(ctx, `SELECT `+userColumns+` FROM users u ORDER BY u.name`)
	return store.Collect(rows, err, scanUser)
}

// User returns one user.
func (a *Access) User(ctx context.Context, name string) (pave.User, error) {
	if err := a.May(ctx, Admin, Platform); err != nil {
		return pave.User{}, err
	}
	return userNamed(ctx, a.db, name)
}

// Invite makes a user where there is none, gives the role, and returns a code for
// their first login. The code of somebody who is there already would let the
// caller in as them, so only an admin gets it.
func (a *Access) Invite(ctx context.Context, r pave.InviteRequest) (pave.Invitation, error) {
	inv := pave.Invitation{Role: r.Role}
	team, err := a.checkInvite(ctx, r)
	if err != nil {
		return inv, err
	}
	inv.Team = team.Name
	err = a.db.Tx(ctx, func(tx *store.Tx) error {
		if err := a.AuditTx(ctx, tx, "invite", "user:"+r.Name, strings.TrimSpace(string(team.Name)+" "+r.Role)); err != nil {
			return err
		}
		var made bool
		inv.User, made, err = a.ensureUser(ctx, tx, pave.User{Name: r.Name, Email: r.Email,
			Admin: team.ID == "" && r.Role == pave.RoleAdmin, Viewer: team.ID == "" && r.Role == pave.RoleViewer})
		if err != nil {
			return err
		}
		if team.ID != "" {
			if err := putMember(ctx, tx, team.ID, inv.User.ID, r.Role); err != nil {
				return err
			}
		} else if !made && r.Role != "" {
			if err := a.setOwnRole(ctx, tx, &inv.User, r.Role); err != nil {
				return err
			}
		}
		if made || a.May(ctx, Admin, Platform) == nil {
			inv.Code, inv.Expires, err = newCode(ctx, tx, inv.User.ID)
		}
		return err
	})
	return inv, err
}

// setOwnRole makes a user an admin, or a viewer of everything.
func (a *Access) setOwnRole(ctx context.Context, tx *store.Tx, u *pave.User, role string) error {
	u.Admin, u.Viewer = role == pave.RoleAdmin, role == pave.RoleViewer
	_, err := tx.Exec(ctx, `UPDATE users SET admin = $1, viewer = $2 WHERE id = $3`, u.Admin, u.Viewer, u.ID)
	return err
}

// checkInvite says whether a request is right and the caller may make it.
func (a *Access) checkInvite(ctx context.Context, r pave.InviteRequest) (pave.Team, error) {
	if r.Team == "" {
		if err := a.May(ctx, Admin, Platform); err != nil {
			return pave.Team{}, err
		}
	}
	if err := checkUserName(r.Name); err != nil {
		return pave.Team{}, err
	}
	if r.Email != "" {
		if at, err := mail.ParseAddress(r.Email); err != nil || at.Address != r.Email || len(r.Email) > 200 {
			return pave.Team{}, pave.BadField("email", r.Email, "is not an address", "ada@example.com")
		}
	}
	if r.Team == "" {
		if r.Role != "" && r.Role != pave.RoleViewer && r.Role != pave.RoleAdmin {
			return pave.Team{}, pave.BadField("role", r.Role, "is the role of a team", "--team TEAM, or the roles viewer and admin")
		}
		return pave.Team{}, nil
	}
	team, err := a.teamFor(ctx, Lead, r.Team)
	if err != nil {
		return team, err
	}
	return team, checkRole(r.Role)
}

func checkUserName(name string) error {
	ok := name != "" && len(name) <= 60 && !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("._-", c)
	}) && name[0] >= 'a' && name[0] <= 'z'
	if !ok {
		return pave.BadField("name", name, "is not a user name: a-z first, then a-z, 0-9, '.', '_' and '-', at most 60", "for example: ada")
	}
	return nil
}

var teamRoles = []string{pave.RoleViewer, pave.RoleDeveloper, pave.RoleLead}

func checkRole(role string) error {
	if slices.Contains(teamRoles, role) {
		return nil
	}
	hint := "one of " + strings.Join(teamRoles, ", ")
	if near := pave.DidYouMean(role, teamRoles); near != "" {
		hint = "did you mean " + near + "?"
	}
	return pave.BadField("role", role, "is not a role of a team", hint)
}

// Suspend shuts a user out, or lets them back in.
func (a *Access) Suspend(ctx context.Context, name string, suspended bool) (pave.User, error) {
	if err := a.May(ctx, Admin, Platform); err != nil {
		return pave.User{}, err
	}
	u, err := userNamed(ctx, a.db, name)
	if err != nil {
		return u, err
	}
	who, _ := pave.PrincipalFrom(ctx)
	if u.ID == who.User.ID && suspended {
		return u, pave.Errorf(pave.Conflict, "you cannot suspend yourself").WithHint("ask another admin")
	}
	action := "resume user"
	u.Suspended = time.Time{}
	if suspended {
		action, u.Suspended = "suspend user", time.Now().UTC()
	}
	return u, a.db.Tx(ctx, func(tx *store.Tx) error {
		if err := a.AuditTx(ctx, tx, action, "user:"+u.Name, ""); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE users SET suspended = $1 WHERE id = $2`, u.Suspended, u.ID)
		return err
	})
}

// codeAlphabet has no two characters that look alike.
const codeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// groups returns random characters in groups of four: ABCD-EFGH.
func groups(n int) string {
	raw := make([]byte, 4*n)
	rand.Read(raw)
	var b strings.Builder
	for i, c := range raw {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(codeAlphabet[int(c)%len(codeAlphabet)])
	}
	return b.String()
}

// newCode makes a code of a user in place of those before it. It has 80 bits.
func newCode(ctx context.Context, tx *store.Tx, user string) (string, time.Time, error) {
	code, end := groups(4), time.Now().UTC().Add(codeLife)
	if _, err := tx.Exec(ctx, `DELETE FROM codes WHERE user_id = $1 OR expires < $2`, user, time.Now()); err != nil {
		return "", end, err
	}
	_, err := tx.Exec(ctx, `INSERT INTO codes (hash, user_id, expires) VALUES ($1, $2, $3)`, hashToken(code), user, end)
	return code, end, err
}

// errCode does not say what is wrong with a code.
var errCode = pave.Errorf(pave.Denied, "not signed in: the code is wrong, was used or is too old").
	WithHint("ask for another one: pave invite NAME")

// useCode takes a code and returns its user. The delete is what decides between two
// who use it at once.
func useCode(ctx context.Context, tx *store.Tx, code string) (string, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) > 100 {
		return "", errCode
	}
	var user string
	err := tx.QueryRow(ctx, `DELETE FROM codes WHERE hash = $1 AND expires > $2 RETURNING user_id`, hashToken(code), time.Now()).Scan(&user)
	if errors.Is(err, errNoRows) {
		return "", errCode
	}
	return user, err
}
