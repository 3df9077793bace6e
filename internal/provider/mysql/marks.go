package mysql

import (
	"context"
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// What pave keeps in the server beside the databases of services.
const (
	marksDatabase    = "CREATE DATABASE IF NOT EXISTS pave CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	marksOfResources = `CREATE TABLE IF NOT EXISTS pave.resources (id VARCHAR(64) PRIMARY KEY, name VARCHAR(64) NOT NULL,
		db VARCHAR(64) NOT NULL UNIQUE, aside BOOLEAN NOT NULL) ENGINE=InnoDB`
	marksOfUsers = `CREATE TABLE IF NOT EXISTS pave.logins (user VARCHAR(80) PRIMARY KEY, resource VARCHAR(64) NOT NULL,
		number INT NOT NULL) ENGINE=InnoDB`
)

// A mark says whose a database is.
type mark struct {
	id       string // of the resource; "" for none
	name     string // that the resource has outside
	database string // the name, or NAME~2 where another one that was set aside has that
	aside    bool
	there    bool // the database is
}

func (s *session) marks(ctx context.Context, where string, args ...any) ([]mark, error) {
	rows, err := s.conn.QueryContext(ctx, `SELECT id, name, db, aside, EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = db)
		FROM pave.resources WHERE `+where, args...)
	if err != nil {
		return nil, unavailable("look for marks", err)
	}
	defer rows.Close()
	var all []mark
	for rows.Next() {
		var m mark
		if err := rows.Scan(&m.id, &m.name, &m.database, &m.aside, &m.there); err != nil {
			return nil, unavailable("look for marks", err)
		}
		all = append(all, m)
	}
	return all, unavailable("look for marks", rows.Err())
}

// find looks for a resource by its mark. Conflict where the name is taken by something
// foreign.
func (s *session) find(ctx context.Context, r resource.Resource) (mark, error) {
	id := r.ID
	if resource.Planted("no-marker") {
		id = "nothing carries this"
	}
	all, err := s.marks(ctx, "id = ? OR name = ? OR db = ?", id, r.ExternalID, r.ExternalID)
	if err != nil {
		return mark{}, err
	}
	var have mark
	taken, known := false, false
	for _, m := range all {
		switch {
		case id != "" && m.id == id:
			have = m
		case m.name == r.ExternalID && !m.aside:
			taken = true
		}
		known = known || m.database == r.ExternalID
	}
	if !known {
		taken, err = s.foreign(ctx, r.ExternalID)
	}
	if err == nil && taken {
		err = pave.Errorf(pave.Conflict, "a database or user %s exists and is not of this service", r.ExternalID).
			WithHint("take it away, or choose another name for the service")
	}
	return have, err
}

// foreign reports whether there is a database or a user of a name that no mark knows.
func (s *session) foreign(ctx context.Context, name string) (taken bool, err error) {
	err = s.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = ?)
		OR EXISTS (SELECT 1 FROM mysql.global_priv WHERE User = ? AND User NOT IN (SELECT user FROM pave.logins))`, name, name).Scan(&taken)
	return taken, unavailable("look for "+name, err)
}

// claim writes the mark of a new resource, with the first name for its database that is
// free.
func (s *session) claim(ctx context.Context, r resource.Resource) (mark, error) {
	m := mark{id: r.ID, name: r.ExternalID, database: r.ExternalID}
	for n := 2; ; n++ {
		have, err := s.marks(ctx, "db = ?", m.database)
		if err != nil {
			return m, err
		}
		taken := len(have) > 0
		if !taken && n > 2 {
			if taken, err = s.foreign(ctx, m.database); err != nil {
				return m, err
			}
		}
		if !taken {
			break
		}
		m.database = fmt.Sprintf("%s~%d", r.ExternalID, n)
	}
	_, err := s.conn.ExecContext(ctx, `INSERT INTO pave.resources (id, name, db, aside) VALUES (?, ?, ?, FALSE)`, m.id, m.name, m.database)
	return m, unavailable("mark "+m.database, err)
}

// make makes database and user, and lets the service in with the credentials of a
// number; older ones go on letting in if they do.
func (s *session) make(ctx context.Context, r resource.Resource, number int, password pave.Secret) (mark, error) {
	have, err := s.find(ctx, r)
	if err == nil && have.id == "" {
		have, err = s.claim(ctx, r)
	}
	if err == nil {
		err = s.exec(ctx, "make database "+have.database, "CREATE DATABASE IF NOT EXISTS "+quote(have.database)+" CHARACTER SET utf8mb4")
	}
	if err == nil {
		err = s.bringBack(ctx, have)
	}
	if err == nil {
		err = s.shutStrangers(ctx, have)
	}
	if err == nil {
		err = s.letIn(ctx, have, login{user: userName(have, number), number: number}, "ALL PRIVILEGES", password, 0)
	}
	have.there, have.aside = true, false
	return have, err
}

// setAside lets nobody in any more. Users whose views and routines are in the database
// stay, without rights.
func (s *session) setAside(ctx context.Context, have mark) error {
	if _, err := s.conn.ExecContext(ctx, `UPDATE pave.resources SET aside = TRUE WHERE id = ?`, have.id); err != nil {
		return unavailable("set "+have.database+" aside", err)
	}
	all, err := s.logins(ctx, have.id)
	for _, l := range all {
		if err != nil {
			break
		}
		if l.number == visitor {
			err = s.retire(ctx, have, l)
			continue
		}
		if err = s.shut(ctx, l.user); err == nil {
			err = s.revoke(ctx, account(l.user), grantName(have.database))
		}
	}
	return err
}

// bringBack gives the users of a database the rights that were taken when it was set
// aside. It lets nobody in yet.
func (s *session) bringBack(ctx context.Context, have mark) error {
	if !have.aside {
		return nil
	}
	all, err := s.logins(ctx, have.id)
	for _, l := range all {
		if err == nil {
			err = s.exec(ctx, "set the rights of "+l.user, "CREATE USER IF NOT EXISTS "+account(l.user)+" ACCOUNT LOCK", "GRANT ALL PRIVILEGES ON "+everything(have.database)+" TO "+account(l.user))
		}
	}
	if err == nil {
		_, err = s.conn.ExecContext(ctx, `UPDATE pave.resources SET aside = FALSE WHERE id = ?`, have.id)
		err = unavailable("bring "+have.database+" back", err)
	}
	return err
}

// drop removes users and database of a mark, and the mark.
func (s *session) drop(ctx context.Context, id string) error {
	all, err := s.marks(ctx, "id = ?", id)
	if err != nil || len(all) == 0 {
		return err
	}
	users, err := s.logins(ctx, id)
	for _, l := range users {
		if err == nil {
			err = s.dropLogin(ctx, l)
		}
	}
	if err == nil {
		err = s.exec(ctx, "drop database "+all[0].database, "DROP DATABASE IF EXISTS "+quote(all[0].database))
	}
	if err == nil {
		_, err = s.conn.ExecContext(ctx, `DELETE FROM pave.resources WHERE id = ?`, id)
		err = unavailable("drop the mark of "+all[0].database, err)
	}
	return err
}
