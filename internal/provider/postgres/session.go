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
	own     bool   // the node's server, where all databases are ours
}

// starting says that the server is on its way. Left as it is, it is worth a retry.
type starting struct{ err *pave.Error }

func (s starting) Error() string { return s.err.Error() }
func (s starting) Unwrap() error { return s.err }

func notReady(reason string) error {
	return starting{pave.Errorf(pave.Unavailable, "%s", reason).WithHint("pave doctor")}
}

func isStarting(err error) bool { return errors.As(err, new(starting)) }

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
	// A superuser goes into databases whose owners are strangers. What they set for
	// their database must not decide which functions and tables are meant here, nor
	// whether anything can be written: parameters of the connection win over it.
	cfg.RuntimeParams["search_path"] = "pg_catalog"
	cfg.RuntimeParams["default_transaction_read_only"] = "off"
	// A server that was stopped in the middle of a transaction must not hold up the one
	// that takes over: what it had not committed is made again.
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "2500"
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
		if pave.CodeOf(err) == pave.Conflict { // another step was first: its server is ours too
			st, err = d.Node.Server(ctx, serverID)
		}
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
	s.port, s.own = st.Port, true
	return cfg, err
}

func (s *session) close(ctx context.Context) {
	_ = s.conn.Close(context.WithoutCancel(ctx)) // nothing is lost with it
}

func marker(id string) string { return "pave:" + id }

// found is what there is of a resource: the names of role and database, "" where
// there is none, and whether the role may log in and the database lets it.
type found struct {
	role, database string
	open           bool // with the first credentials
	door           bool // the database lets connect who may
}

// find looks for the role by its marker, then for its database. Conflict where
// the name is taken by something foreign.
func (s *session) find(ctx context.Context, r resource.Resource) (found, error) {
	have, taken, err := s.look(ctx, marker(r.ID), r.ExternalID)
	if err == nil && taken {
		err = pave.Errorf(pave.Conflict, "a role or database %s exists and is not of this service", r.ExternalID).
			WithHint("rename it, or choose another name for the service")
	}
	return have, err
}

// marked returns role and database of a marker.
func (s *session) marked(ctx context.Context, mark string) (found, error) {
	have, _, err := s.look(ctx, mark, "")
	return have, err
}

// look returns role and database of a marker, and whether a role or database of
// the name belongs to somebody else. It is one statement, so that it sees one
// moment: what is being made by another call of ours is never taken for foreign.
// Of several databases of the role the one of its name is the one we made.
func (s *session) look(ctx context.Context, mark, name string) (have found, taken bool, err error) {
	if resource.Planted("no-marker") {
		mark = "nothing carries this"
	}
	err = s.conn.QueryRow(ctx, `SELECT COALESCE(r.rolname, ''), COALESCE(b.datname, ''), COALESCE(r.rolcanlogin AND b.datallowconn, false), COALESCE(b.datallowconn, false),
		EXISTS (SELECT FROM pg_roles o WHERE o.rolname = $2 AND o.oid IS DISTINCT FROM r.oid)
		OR EXISTS (SELECT FROM pg_database o WHERE o.datname = $2 AND o.datdba IS DISTINCT FROM r.oid)
		FROM (VALUES (1)) AS always LEFT JOIN (SELECT r.oid, r.rolname, r.rolcanlogin FROM pg_roles r
			JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass WHERE d.description = $1) r ON true
		LEFT JOIN pg_database b ON b.datdba = r.oid
		ORDER BY b.datname = r.rolname DESC, b.datname LIMIT 1`, mark, name).Scan(&have.role, &have.database, &have.open, &have.door, &taken)
	return have, taken, unavailable("look for "+mark, err)
}

// make brings role and database to their wanted names, and lets the service in with the
// credentials of a number; older ones go on letting in if they do.
func (s *session) make(ctx context.Context, r resource.Resource, number int, password pave.Secret) error {
	have, err := s.find(ctx, r)
	if err != nil {
		return err
	}
	if have.role == "" {
		if number > 0 { // the first ones are revoked
			err = s.createOwner(ctx, r.ExternalID, marker(r.ID), "NOLOGIN")
		} else {
			err = s.createRole(ctx, r.ExternalID, marker(r.ID), password)
		}
		if err != nil {
			return err
		}
		have.role = r.ExternalID
	}
	if have.role != r.ExternalID || have.database != "" && have.database != r.ExternalID {
		if err := s.rename(ctx, have, r.ExternalID, number == 0); err != nil {
			return err
		}
	}
	if have.database == "" {
		if err := s.createDatabase(ctx, r.ExternalID); err != nil {
			return err
		}
	}
	name := quote(r.ExternalID)
	rights := "ALTER ROLE " + name + " NOSUPERUSER NOCREATEDB NOCREATEROLE"
	if number == 0 {
		rights += " LOGIN PASSWORD '" + verifier(password) + "'"
	} else if err := s.makeLogin(ctx, r, number, password); err != nil {
		return err
	}
	return s.exec(ctx, "set the rights of "+r.ExternalID, rights,
		"REVOKE ALL ON DATABASE "+name+" FROM PUBLIC", "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
}

// shutCommon keeps roles of services out of the databases that everybody may
// connect to by default. In a server of somebody else that is not ours to decide.
func (s *session) shutCommon(ctx context.Context) error {
	if !s.own {
		return nil
	}
	rows, err := s.conn.Query(ctx, `SELECT datname FROM pg_database
		WHERE datname IN ('postgres', 'template1') AND has_database_privilege('public', oid, 'CONNECT')`)
	if err != nil {
		return unavailable("look at common databases", err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return unavailable("look at common databases", err)
	}
	for _, name := range open {
		if err := s.exec(ctx, "shut database "+name, "REVOKE ALL ON DATABASE "+quote(name)+" FROM PUBLIC"); err != nil {
			return err
		}
	}
	return nil
}

// createRole makes a role and its marker in one transaction, once the common
// databases are shut to it.
func (s *session) createRole(ctx context.Context, name, mark string, password pave.Secret) error {
	return s.createOwner(ctx, name, mark, "LOGIN PASSWORD '"+verifier(password)+"'")
}

func (s *session) createOwner(ctx context.Context, name, mark, rights string) error {
	if err := s.shutCommon(ctx); err != nil {
		return err
	}
	return s.exec(ctx, "make role "+name, "BEGIN",
		"CREATE ROLE "+quote(name)+" "+rights,
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
// Conflict, all else is worth a retry. So is a name that is taken: we looked
// before, so it was taken at this moment, perhaps by a call of ours that was cut
// off and goes on in the server. The retry looks again, and knows whose it is.
func unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	code, text := pave.Unavailable, err.Error()
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		text = pg.Message
		switch pg.Code {
		case "42501", "0LP01": // privilege, grant
			code = pave.Conflict
		case "53100":
			text = "disk full: " + text
		}
	}
	return pave.Errorf(code, "%s: %s", what, strings.TrimSpace(text)).WithHint("pave doctor; pave retry goes on from here")
}
