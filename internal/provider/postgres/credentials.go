package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// Credentials are numbered. The first are those of the role that owns the database;
// each further ones are a role of their own that acts as the owner from its first
// statement on, so that what it makes is the owner's. Old and new let in at the same
// time until the old ones are revoked.

var _ resource.Rotator = (*Driver)(nil)

// A login is a role with which a service comes in, beside the owner.
type login struct {
	name   string
	number int // of credentials; visitor where it is a person's
	open   bool
}

// visitor in the place of a number.
const visitor = -1

// loginName is the role of numbered credentials.
func loginName(r resource.Resource, number int) string {
	if number == 0 {
		return r.ExternalID
	}
	return fmt.Sprintf("%s_%s_%d", r.ExternalID[:min(len(r.ExternalID), 40)], strings.ToLower(r.ID[max(0, len(r.ID)-8):]), number)
}

// loginMark is the comment of such a role; the sweep of resources does not see it.
func loginMark(id string) string { return "pave login:" + id + ":" }

// passwordOf is the password of numbered credentials.
func (d *Driver) passwordOf(r resource.Resource, number int) pave.Secret {
	if number == 0 {
		return d.password("role", r.ID)
	}
	return d.password("role", fmt.Sprintf("%s/%d", r.ID, number))
}

// credentialsOf is the number of the credentials that a spec wants.
func credentialsOf(r resource.Resource) int {
	var spec resource.DatabaseSpec
	if json.Unmarshal(r.Spec, &spec) != nil {
		return 0
	}
	return spec.Credentials
}

// logins are the roles beside the owner's.
func (s *session) logins(ctx context.Context, id string) ([]login, error) {
	mark := loginMark(id)
	rows, err := s.conn.Query(ctx, `SELECT r.rolname, d.description, r.rolcanlogin FROM pg_roles r
		JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
		WHERE starts_with(d.description, $1) ORDER BY r.rolname`, mark)
	if err != nil {
		return nil, unavailable("look for logins", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (login, error) {
		var l login
		var comment string
		if err := row.Scan(&l.name, &comment, &l.open); err != nil {
			return l, err
		}
		number, err := strconv.Atoi(strings.TrimPrefix(comment, mark))
		if err != nil {
			number = visitor
		}
		l.number = number
		return l, nil
	})
	return all, unavailable("look for logins", err)
}

// makeLogin makes the role of numbered credentials, or mends it.
func (s *session) makeLogin(ctx context.Context, r resource.Resource, number int, password pave.Secret) error {
	all, err := s.logins(ctx, r.ID)
	if err != nil {
		return err
	}
	name, owner := quote(loginName(r, number)), quote(r.ExternalID)
	if !slices.ContainsFunc(all, func(l login) bool { return l.number == number }) {
		err := s.exec(ctx, "make login "+loginName(r, number), "BEGIN", "CREATE ROLE "+name+" NOLOGIN",
			fmt.Sprintf("COMMENT ON ROLE %s IS '%s%d'", name, loginMark(r.ID), number), "COMMIT")
		if err != nil {
			return err
		}
	}
	return s.exec(ctx, "set the rights of "+loginName(r, number), "GRANT "+owner+" TO "+name,
		"ALTER ROLE "+name+" SET role TO "+owner, "ALTER ROLE "+name+" NOSUPERUSER NOCREATEDB NOCREATEROLE LOGIN PASSWORD '"+verifier(password)+"'")
}

// shutLogins lets nobody in by a role beside the owner's.
func (s *session) shutLogins(ctx context.Context, id string) error {
	all, err := s.logins(ctx, id)
	for _, l := range all {
		if err == nil && l.open {
			err = s.exec(ctx, "shut out "+l.name, "ALTER ROLE "+quote(l.name)+" NOLOGIN")
		}
	}
	return err
}

// dropLogin ends the connections of a role beside the owner's and removes it; should it
// own anything after all, that becomes the owner's.
func (s *session) dropLogin(ctx context.Context, name, owner, database string) error {
	if err := s.exec(ctx, "shut out "+name, "ALTER ROLE "+quote(name)+" NOLOGIN"); err != nil {
		return err
	}
	if err := s.endSessions(ctx, name); err != nil {
		return err
	}
	if database != "" {
		if err := s.giveUp(ctx, name, owner, database); err != nil {
			return err
		}
	}
	return s.exec(ctx, "drop login "+name, "DROP ROLE IF EXISTS "+quote(name))
}

// giveUp hands what a role owns in a database to another one, and takes its grants.
func (s *session) giveUp(ctx context.Context, name, owner, database string) error {
	inside, err := s.inside(ctx, database)
	if err != nil {
		return err
	}
	defer inside.close(ctx)
	return inside.exec(ctx, "hand over what "+name+" owns", "REASSIGN OWNED BY "+quote(name)+" TO "+quote(owner),
		"DROP OWNED BY "+quote(name))
}

func (s *session) endSessions(ctx context.Context, role string) error {
	_, err := s.conn.Exec(ctx, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1`, role)
	return unavailable("end connections of "+role, err)
}

// Stale reports whether older credentials than those of the spec let in.
func (d *Driver) Stale(ctx context.Context, r resource.Resource) (bool, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return false, err
	}
	defer s.close(ctx)
	wanted := credentialsOf(r)
	all, err := s.logins(ctx, r.ID)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(all, func(l login) bool { return l.number != wanted && l.number != visitor }) {
		return true, nil
	}
	owner := false
	if wanted > 0 {
		err = s.conn.QueryRow(ctx, `SELECT rolcanlogin FROM pg_roles WHERE rolname = $1`, r.ExternalID).Scan(&owner)
	}
	return owner, unavailable("look at "+r.ExternalID, err)
}

// Revoke shuts out all credentials but those of the spec, and ends what they have open.
func (d *Driver) Revoke(ctx context.Context, r resource.Resource) error {
	s, err := d.open(ctx, false)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	have, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	wanted := credentialsOf(r)
	all, err := s.logins(ctx, r.ID)
	if err != nil {
		return err
	}
	if wanted > 0 { // visitors act as the owner and stay
		err := s.exec(ctx, "shut out "+have.role, "ALTER ROLE "+quote(have.role)+" NOLOGIN PASSWORD NULL")
		if err == nil {
			err = s.endSessions(ctx, have.role)
		}
		if err != nil {
			return err
		}
	}
	for _, l := range all {
		if l.number != wanted && l.number != visitor {
			if err := s.dropLogin(ctx, l.name, have.role, have.database); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropLogins removes all roles beside the owner's.
func (s *session) dropLogins(ctx context.Context, id string) error {
	all, err := s.logins(ctx, id)
	if err != nil || len(all) == 0 {
		return err
	}
	have, err := s.marked(ctx, marker(id))
	if err != nil {
		return err
	}
	for _, l := range all {
		if err := s.dropLogin(ctx, l.name, have.role, have.inUse()); err != nil {
			return err
		}
	}
	return nil
}

// lets reports whether the service comes in with the credentials of its spec.
func (s *session) lets(ctx context.Context, r resource.Resource, have found) (bool, error) {
	number := credentialsOf(r)
	if number == 0 {
		return have.open, nil
	}
	all, err := s.logins(ctx, r.ID)
	return have.door && slices.ContainsFunc(all, func(l login) bool { return l.number == number && l.open }), err
}
