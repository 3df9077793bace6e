package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

var _ resource.Connector = (*Driver)(nil)

// visitConnections is how many connections one visitor may have.
const visitConnections = 4

// visitName is the role of a visitor.
func visitName(id string) string { return "visit_" + strings.ToLower(id[max(0, len(id)-16):]) }

// Connect makes a role for a visitor: one that acts as the owner, or may read all there
// is and nothing more. It lets in until its end only.
func (d *Driver) Connect(ctx context.Context, r resource.Resource, v resource.Visit) (pave.Secret, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return pave.Secret{}, err
	}
	defer s.close(ctx)
	have, err := s.find(ctx, r)
	if err != nil {
		return pave.Secret{}, err
	}
	if have.role != r.ExternalID || have.database != r.ExternalID || !have.door {
		return pave.Secret{}, pave.Errorf(pave.Conflict, "database %s is not in use", r.ExternalID).WithHint("pave status %s", r.Ref.Service)
	}
	name, owner := quote(visitName(v.ID)), quote(r.ExternalID)
	err = s.exec(ctx, "make a role for a visitor", "BEGIN", "CREATE ROLE "+name+" NOLOGIN",
		fmt.Sprintf("COMMENT ON ROLE %s IS '%s%s'", name, loginMark(r.ID), v.ID), "COMMIT")
	if err != nil {
		return pave.Secret{}, err
	}
	if v.ReadOnly {
		err = s.grantReading(ctx, visitName(v.ID), r.ExternalID)
	} else {
		err = s.exec(ctx, "give a visitor the rights of "+r.ExternalID, "GRANT "+owner+" TO "+name, "ALTER ROLE "+name+" SET role TO "+owner)
	}
	if err != nil {
		return pave.Secret{}, err
	}
	password := d.password("visit", v.ID)
	err = s.exec(ctx, "let a visitor in", fmt.Sprintf("ALTER ROLE %s LOGIN CONNECTION LIMIT %d VALID UNTIL '%s' PASSWORD '%s'",
		name, visitConnections, v.Until.UTC().Format(time.RFC3339), verifier(password)))
	return s.urlFor(visitName(v.ID), r.ExternalID, password), err
}

// grantReading lets a role read all tables there are in a database.
func (s *session) grantReading(ctx context.Context, role, database string) error {
	name := quote(role)
	err := s.exec(ctx, "let a visitor read", "GRANT CONNECT ON DATABASE "+quote(database)+" TO "+name,
		"ALTER ROLE "+name+" SET default_transaction_read_only TO on")
	if err != nil {
		return err
	}
	inside, err := s.inside(ctx, database)
	if err != nil {
		return err
	}
	defer inside.close(ctx)
	rows, err := inside.conn.Query(ctx, `SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'`)
	if err != nil {
		return unavailable("list schemas", err)
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, schema := range schemas {
		if err != nil {
			break
		}
		in := quote(schema)
		err = inside.exec(ctx, "let a visitor read schema "+schema, "GRANT USAGE ON SCHEMA "+in+" TO "+name,
			"GRANT SELECT ON ALL TABLES IN SCHEMA "+in+" TO "+name, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA "+in+" TO "+name)
	}
	return unavailable("list schemas", err)
}

// inside connects as superuser to another database of the server.
func (s *session) inside(ctx context.Context, database string) (*session, error) {
	cfg := s.admin.Copy()
	cfg.Database = database
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, unavailable("look into "+database, err)
	}
	return &session{conn: conn, admin: s.admin}, nil
}

// Disconnect ends a visit: connections, grants and role.
func (d *Driver) Disconnect(ctx context.Context, r resource.Resource, id string) error {
	s, err := d.open(ctx, false)
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close(ctx)
	all, err := s.logins(ctx, r.ID)
	if err != nil {
		return err
	}
	have, err := s.marked(ctx, marker(r.ID))
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.name == visitName(id) {
			return s.dropLogin(ctx, l.name, have.role, have.inUse())
		}
	}
	return nil
}

// inUse is the database where one can look into it.
func (f found) inUse() string {
	if f.door {
		return f.database
	}
	return ""
}
