package mysql

import (
	"context"
	"crypto/sha1" // what the server's protocol has
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Credentials are numbered, and each has a user of its own with all rights in the
// database. Old and new let in at the same time until the old ones are revoked.

var _ resource.Rotator = (*Driver)(nil)

// A login is a user of a database.
type login struct {
	user   string
	number int // of credentials; visitor where it is a person's
	open   bool
}

// visitor in the place of a number.
const visitor = -1

// userName is the user of numbered credentials.
func userName(m mark, number int) string {
	if number == 0 {
		return m.database
	}
	return fmt.Sprintf("%s.%d", m.database, number)
}

// passwordOf is the password of numbered credentials.
func (d *Driver) passwordOf(r resource.Resource, number int) pave.Secret {
	if number == 0 {
		return d.password("user", r.ID)
	}
	return d.password("user", fmt.Sprintf("%s/%d", r.ID, number))
}

// credentialsOf is the number of the credentials that a spec wants.
func credentialsOf(r resource.Resource) int {
	var spec resource.DatabaseSpec
	if json.Unmarshal(r.Spec, &spec) != nil {
		return 0
	}
	return spec.Credentials
}

// hash is what the server keeps of a password (mysql_native_password). It is made here,
// so that no statement, and so no log of the server, ever holds the password. Of a
// derived, random one it tells nothing.
func hash(password pave.Secret) string {
	once := sha1.Sum([]byte(password.Reveal()))
	twice := sha1.Sum(once[:])
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}

// logins are the users of a resource. One whose mark was written and no more is not open.
func (s *session) logins(ctx context.Context, id string) (all []login, err error) {
	const what = "look for users"
	rows, err := s.conn.QueryContext(ctx, `SELECT l.user, l.number, p.User IS NOT NULL AND COALESCE(JSON_VALUE(p.Priv, '$.account_locked'), '0') <> '1'
		FROM pave.logins l LEFT JOIN mysql.global_priv p ON p.User = l.user AND p.Host = '`+host+`' WHERE l.resource = ? ORDER BY l.user`, id)
	if err != nil {
		return nil, unavailable(what, err)
	}
	defer rows.Close()
	for rows.Next() {
		var l login
		if err := rows.Scan(&l.user, &l.number, &l.open); err != nil {
			return nil, unavailable(what, err)
		}
		all = append(all, l)
	}
	return all, unavailable(what, rows.Err())
}

// letIn makes a user, or mends it: mark first, then what it may, then its password.
func (s *session) letIn(ctx context.Context, m mark, l login, rights string, password pave.Secret, connections int) error {
	what := "let " + l.user + " in"
	if _, err := s.conn.ExecContext(ctx, `INSERT IGNORE INTO pave.logins (user, resource, number) VALUES (?, ?, ?)`, l.user, m.id, l.number); err != nil {
		return unavailable(what, err)
	}
	who := account(l.user)
	err := s.exec(ctx, what, "CREATE USER IF NOT EXISTS "+who+" ACCOUNT LOCK",
		"REVOKE ALL PRIVILEGES ON *.* FROM "+who, "REVOKE GRANT OPTION ON *.* FROM "+who,
		"GRANT "+rights+" ON "+everything(m.database)+" TO "+who)
	if err != nil {
		return err
	}
	more, err := s.texts(ctx, what, `SELECT Db FROM mysql.db WHERE User = ? AND Host = ? AND Db <> ?`, l.user, host, grantName(m.database))
	for _, database := range more {
		if err == nil {
			err = s.revoke(ctx, who, database)
		}
	}
	if err != nil {
		return err
	}
	return s.exec(ctx, what, fmt.Sprintf("ALTER USER %s IDENTIFIED VIA mysql_native_password USING '%s' WITH MAX_USER_CONNECTIONS %d ACCOUNT UNLOCK",
		who, hash(password), connections))
}

// revoke takes the rights that an account has by a name of databases in mysql.db; that it
// has none is success.
func (s *session) revoke(ctx context.Context, who, name string) error {
	for _, rights := range []string{"ALL PRIVILEGES", "GRANT OPTION"} {
		_, err := s.conn.ExecContext(ctx, "REVOKE "+rights+" ON "+quote(name)+".* FROM "+who)
		if err != nil && number(err) != noSuchGrant {
			return unavailable("take the rights of "+who, err)
		}
	}
	return nil
}

// shut lets a user in no longer, and ends what it has open.
func (s *session) shut(ctx context.Context, user string) error {
	if err := s.exec(ctx, "shut out "+user, "ALTER USER IF EXISTS "+account(user)+" ACCOUNT LOCK"); err != nil {
		return err
	}
	what := "end connections of " + user
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ids, err := s.texts(ctx, what, `SELECT ID FROM information_schema.processlist WHERE USER = ?`, user)
		if err != nil || len(ids) == 0 {
			return err
		}
		if time.Now().After(end) {
			return pave.Errorf(pave.Unavailable, "%s: one of them does not end", what).WithHint("pave retry")
		}
		for _, id := range ids {
			if _, err := s.conn.ExecContext(ctx, "KILL "+id); err != nil && number(err) != noSuchThread {
				return unavailable(what, err)
			}
		}
	}
}

// retire shuts a user out and removes it. One by whose right views, triggers, routines
// or events of the database act stays, so that they go on, and is never let in again.
func (s *session) retire(ctx context.Context, m mark, l login) error {
	if err := s.shut(ctx, l.user); err != nil {
		return err
	}
	who := l.user + "@" + host
	var acts bool
	err := s.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ? AND DEFINER = ?)
		OR EXISTS (SELECT 1 FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ? AND DEFINER = ?)
		OR EXISTS (SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ? AND DEFINER = ?)
		OR EXISTS (SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? AND DEFINER = ?)`,
		m.database, who, m.database, who, m.database, who, m.database, who).Scan(&acts)
	if err != nil {
		return unavailable("look what acts by the right of "+l.user, err)
	}
	if acts {
		return nil
	}
	return s.dropLogin(ctx, l)
}

// dropLogin removes a user, then its mark.
func (s *session) dropLogin(ctx context.Context, l login) error {
	if err := s.shut(ctx, l.user); err != nil {
		return err
	}
	if err := s.exec(ctx, "drop user "+l.user, "DROP USER IF EXISTS "+account(l.user)); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, `DELETE FROM pave.logins WHERE user = ?`, l.user)
	return unavailable("drop the mark of "+l.user, err)
}

// lets reports whether credentials of a number let in.
func (s *session) lets(ctx context.Context, m mark, number int) (bool, error) {
	all, err := s.logins(ctx, m.id)
	return slices.ContainsFunc(all, func(l login) bool { return l.number == number && l.open }), err
}

// Stale reports whether older credentials than those of the spec let in.
func (d *Driver) Stale(ctx context.Context, r resource.Resource) (bool, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return false, err
	}
	defer s.close()
	all, err := s.logins(ctx, r.ID)
	return slices.ContainsFunc(all, func(l login) bool { return l.open && l.number != visitor && l.number != credentialsOf(r) }), err
}

// Revoke shuts out all credentials but those of the spec, and ends what they have open.
func (d *Driver) Revoke(ctx context.Context, r resource.Resource) error {
	s, err := d.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close()
	have, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	all, err := s.logins(ctx, r.ID)
	for _, l := range all {
		if err == nil && l.number != visitor && l.number != credentialsOf(r) {
			err = s.retire(ctx, have, l)
		}
	}
	return err
}
