package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pave-platform/pave/internal/resource"
)

var _ resource.Drifter = (*Driver)(nil)

// Drift says whether role and database still have their names, let the service in
// with its credentials, and nobody else.
func (d *Driver) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	s, err := d.open(ctx, false)
	if err != nil {
		return nil, err
	}
	defer s.close(ctx)
	have, err := s.find(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case have.role != r.ExternalID || have.database != r.ExternalID:
		return []string{"it was renamed outside pave"}, nil
	}
	if open, err := s.lets(ctx, r, have); err != nil || !open {
		return []string{"nobody can log in"}, err
	}
	var out []string
	var public, mighty bool
	err = s.conn.QueryRow(ctx, `SELECT has_database_privilege('public', b.oid, 'CONNECT'), r.rolsuper OR r.rolcreatedb OR r.rolcreaterole
		FROM pg_database b JOIN pg_roles r ON r.rolname = $1 WHERE b.datname = $1`, r.ExternalID).Scan(&public, &mighty)
	if err != nil {
		return nil, unavailable("look at the rights of "+r.ExternalID, err)
	}
	if public {
		out = append(out, "every role may connect")
	}
	if mighty {
		out = append(out, "its role has more rights than it was given")
	}
	number := credentialsOf(r)
	wrong, err := refused(ctx, s.urlFor(loginName(r, number), r.ExternalID, d.passwordOf(r, number)).Reveal())
	if wrong {
		out = append(out, "its password was changed")
	}
	return out, err
}

// refused reports whether credentials are wrong; any other failure is an error.
func refused(ctx context.Context, url string) (bool, error) {
	conn, err := pgx.Connect(ctx, url)
	if err == nil {
		return false, conn.Close(ctx)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "28P01" || pg.Code == "28000") {
		return true, nil
	}
	return false, unavailable("connect with the credentials", err)
}
