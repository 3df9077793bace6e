package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// session is a connection of the superuser.
type session struct {
	conn    *pgx.Conn
	admin   *pgx.ConnConfig // to connect to other databases of the server
	host    string
	port    int
	sslmode string
	version string // "postgresql 15"
}

// notReady says that the server is on its way. Left as it is, it is worth a retry.
func notReady(reason string) error {
	return &pave.Error{Code: pave.Unavailable, Message: reason, Hint: "pave doctor", Err: errStarting}
}

var errStarting = errors.New("the server is not ready")

// open connects as superuser. Where the node is to run the server, start decides
// whether it may be started; without it a server that was never started is
// NotFound.
func (d *Driver) open(ctx context.Context, start bool) (*session, error) {
	s := &session{host: "127.0.0.1", sslmode: "disable"}
	var cfg *pgx.ConnConfig
	var err error
	if !d.URL.IsZero() {
		if cfg, err = pgx.ParseConfig(d.URL.Reveal()); err != nil {
			return nil, pave.Errorf(pave.Invalid, "PAVE_POSTGRES_URL is no URL of a database").
				WithHint("for example postgres://postgres:PASSWORD@127.0.0.1:5432/postgres")
		}
		s.host, s.port = cfg.Host, int(cfg.Port)
		if cfg.TLSConfig != nil {
			s.sslmode = "require"
		}
	} else if cfg, err = d.local(ctx, start, s); err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = 10 * time.Second
	s.admin = cfg
	if s.conn, err = pgx.ConnectConfig(ctx, cfg); err != nil {
		return nil, unavailable("connect to the database server", err)
	}
	var version string
	if err := s.conn.QueryRow(ctx, `SHOW server_version_num`).Scan(&version); err != nil {
		s.close(ctx)
		return nil, unavailable("ask for the server's version", err)
	}
	s.version = "postgresql " + version[:max(0, len(version)-4)]
	return s, nil
}

// local finds the node's server, and its socket that only the node's user and
// root reach.
func (d *Driver) local(ctx context.Context, start bool, s *session) (*pgx.ConnConfig, error) {
	st, err := d.Node.Server(ctx, serverID)
	if pave.CodeOf(err) == pave.NotFound && start {
		st, err = d.Node.PutServer(ctx, node.Server{ID: serverID, Kind: "postgres"})
	}
	if err != nil {
		return nil, err
	}
	if !st.Ready {
		reason := "PostgreSQL is starting"
		if st.Reason != "" {
			reason = "PostgreSQL: " + st.Reason
		}
		return nil, notReady(reason)
	}
	cfg, err := pgx.ParseConfig(fmt.Sprintf("host='%s' port=%d user=postgres dbname=postgres sslmode=disable", st.SocketDir, st.Port))
	s.port = st.Port
	return cfg, err
}

func (s *session) close(ctx context.Context) {
	_ = s.conn.Close(context.WithoutCancel(ctx)) // nothing is lost with it
}

func marker(id string) string { return "pave:" + id }

// found is what there is of a resource: the names of role and database, "" where
// there is none.
type found struct{ role, database string }

// find looks for the role by its marker, then for its database. Conflict where
// the name is taken by something foreign.
func (s *session) find(ctx context.Context, r resource.Resource) (found, error) {
	have, err := s.marked(ctx, marker(r.ID))
	if err != nil || have.role == r.ExternalID && have.database == r.ExternalID {
		return have, err
	}
	var role, database bool
	err = s.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1),
		EXISTS (SELECT FROM pg_database WHERE datname = $1)`, r.ExternalID).Scan(&role, &database)
	if err != nil {
		return have, unavailable("look for "+r.ExternalID, err)
	}
	if role && have.role != r.ExternalID || database && have.database != r.ExternalID {
		return have, pave.Errorf(pave.Conflict, "a role or database %s exists and is not of this service", r.ExternalID).
			WithHint("rename it, or choose another name for the service")
	}
	return have, nil
}

// marked returns role and database of a marker.
func (s *session) marked(ctx context.Context, mark string) (found, error) {
	var have found
	err := s.conn.QueryRow(ctx, `SELECT r.rolname, COALESCE((SELECT datname FROM pg_database WHERE datdba = r.oid LIMIT 1), '')
		FROM pg_roles r JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
		WHERE d.description = $1`, mark).Scan(&have.role, &have.database)
	if errors.Is(err, pgx.ErrNoRows) || resource.Planted("no-marker") {
		return found{}, nil
	}
	if err != nil {
		return have, unavailable("look for "+mark, err)
	}
	return have, nil
}

// make brings role and database to their wanted names and the role to its
// password.
func (s *session) make(ctx context.Context, r resource.Resource, password pave.Secret) error {
	have, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	if have.role == "" {
		if err := s.createRole(ctx, r.ExternalID, marker(r.ID), password); err != nil {
			return err
		}
		have.role = r.ExternalID
	}
	if have.role != r.ExternalID || have.database != "" && have.database != r.ExternalID {
		if err := s.rename(ctx, have, r.ExternalID, true); err != nil {
			return err
		}
	}
	if have.database == "" {
		if err := s.createDatabase(ctx, r.ExternalID); err != nil {
			return err
		}
	}
	name := quote(r.ExternalID)
	return s.exec(ctx, "set the rights of "+r.ExternalID,
		"ALTER ROLE "+name+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '"+verifier(password)+"'",
		"REVOKE ALL ON DATABASE "+name+" FROM PUBLIC", "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
}

// createRole makes a role and its marker in one transaction.
func (s *session) createRole(ctx context.Context, name, mark string, password pave.Secret) error {
	return s.exec(ctx, "make role "+name, "BEGIN",
		"CREATE ROLE "+quote(name)+" LOGIN PASSWORD '"+verifier(password)+"'",
		"COMMENT ON ROLE "+quote(name)+" IS '"+mark+"'", "COMMIT")
}

// createDatabase makes a database that belongs to the role of its name. Nobody
// else may connect: the door is shut in the very next statement, and again in
// every Apply.
func (s *session) createDatabase(ctx context.Context, name string) error {
	return s.exec(ctx, "make database "+name,
		"CREATE DATABASE "+quote(name)+" OWNER "+quote(name)+" TEMPLATE template0 ALLOW_CONNECTIONS false",
		"REVOKE ALL ON DATABASE "+quote(name)+" FROM PUBLIC",
		"ALTER DATABASE "+quote(name)+" ALLOW_CONNECTIONS true")
}

// rename gives role and database another name, with or without the right to log
// in. Connections are ended: a database in use cannot be renamed.
func (s *session) rename(ctx context.Context, have found, to string, login bool) error {
	right := "NOLOGIN"
	if login {
		right = "LOGIN"
	}
	if !login {
		if err := s.exec(ctx, "shut out "+have.role, "ALTER ROLE "+quote(have.role)+" NOLOGIN"); err != nil {
			return err
		}
	}
	if have.database != "" && have.database != to {
		if err := s.disconnect(ctx, have.database); err != nil {
			return err
		}
		if err := s.exec(ctx, "rename database "+have.database, "ALTER DATABASE "+quote(have.database)+" RENAME TO "+quote(to)); err != nil {
			return err
		}
	}
	if have.role != to {
		if err := s.exec(ctx, "rename role "+have.role, "ALTER ROLE "+quote(have.role)+" RENAME TO "+quote(to)); err != nil {
			return err
		}
	}
	return s.exec(ctx, "set the rights of "+to, "ALTER ROLE "+quote(to)+" "+right)
}

func (s *session) disconnect(ctx context.Context, database string) error {
	_, err := s.conn.Exec(ctx, `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1`, database)
	return unavailable("end connections of "+database, err)
}

// drop removes database and role of a marker.
func (s *session) drop(ctx context.Context, mark string) error {
	have, err := s.marked(ctx, mark)
	if err != nil || have.role == "" {
		return err
	}
	for have.database != "" { // one, but a role may own more than we gave it
		if err := s.exec(ctx, "drop database "+have.database, "DROP DATABASE IF EXISTS "+quote(have.database)+" WITH (FORCE)"); err != nil {
			return err
		}
		if have, err = s.marked(ctx, mark); err != nil {
			return err
		}
	}
	return s.exec(ctx, "drop role "+have.role, "DROP ROLE IF EXISTS "+quote(have.role))
}

// exec runs statements one by one. Their text is never part of an error: it may
// hold a verifier.
func (s *session) exec(ctx context.Context, what string, statements ...string) error {
	for _, text := range statements {
		if _, err := s.conn.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
			_, _ = s.conn.Exec(ctx, "ROLLBACK") // outside of a transaction it does nothing
			return unavailable(what, err)
		}
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// unavailable classifies an error of the server: what it refuses for good is a
// Conflict, all else is worth a retry.
func unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	code, text := pave.Unavailable, err.Error()
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		text = pg.Message
		switch pg.Code {
		case "42501", "42710", "42P04", "0LP01": // privilege, duplicate object or database
			code = pave.Conflict
		case "53100":
			text = "disk full: " + text
		}
	}
	return pave.Errorf(code, "%s: %s", what, strings.TrimSpace(text)).WithHint("pave doctor; pave retry goes on from here")
}
