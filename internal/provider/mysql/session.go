package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
)

// A session is a connection of the server's root. While it is open no other session of
// ours is: marks and what they mark are seen as one.
type session struct {
	db      *sql.DB
	conn    *sql.Conn
	port    int
	version string // "mariadb 10.11"
}

// starting says that the server is on its way. Left as it is, it is worth a retry.
type starting struct{ err *pave.Error }

func (s starting) Error() string { return s.err.Error() }
func (s starting) Unwrap() error { return s.err }

func isStarting(err error) bool { return errors.As(err, new(starting)) }

// patience is how long a session waits for another one, or for a lock in the server.
const patience = 10 * time.Second

// open connects as root. start decides whether the server may be started; without it
// one that was never started is NotFound.
func (d *Driver) open(ctx context.Context, start bool) (*session, error) {
	st, err := d.server(ctx, start)
	if err != nil {
		return nil, err
	}
	me := "root"
	if os.Geteuid() != 0 {
		u, err := user.Current()
		if err != nil {
			return nil, pave.Errorf(pave.Invalid, "the user of the server has no entry in passwd: %w", err).WithHint("run pave as a user that has one")
		}
		me = u.Username
	}
	cfg := config("unix", st.MySQLSocket(), me, "")
	cfg.Params = map[string]string{"lock_wait_timeout": "5", "innodb_lock_wait_timeout": "5", "time_zone": "'+00:00'"}
	s := &session{port: st.Port, version: "mariadb " + majorOf(st.Version)}
	if s.db, s.conn, err = connect(ctx, cfg); err != nil {
		return nil, unavailable("connect to the database server", err)
	}
	if err = s.lock(ctx, d.lockName()); err == nil {
		err = s.exec(ctx, "keep marks", marksDatabase, marksOfResources, marksOfUsers)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// server finds the node's server.
func (d *Driver) server(ctx context.Context, start bool) (node.ServerStatus, error) {
	st, err := d.Node.Server(ctx, serverID)
	if pave.CodeOf(err) == pave.NotFound && start {
		st, err = d.Node.PutServer(ctx, node.Server{ID: serverID, Kind: "mysql"})
		if pave.CodeOf(err) == pave.Conflict { // another step was first: its server is ours too
			st, err = d.Node.Server(ctx, serverID)
		}
	}
	if err == nil && !st.Ready {
		reason := "MariaDB is starting"
		if st.Reason != "" {
			reason = "MariaDB: " + st.Reason
		}
		err = starting{pave.Errorf(pave.Unavailable, "%s", reason).WithHint("pave doctor")}
	}
	return st, err
}

// majorOf is 10.11 of 10.11.6.
func majorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func config(network, address, user string, password string) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd = network, address, user, password
	cfg.Timeout, cfg.InterpolateParams, cfg.Logger = patience, true, &mysql.NopLogger{}
	return cfg
}

// connect opens one connection.
func connect(ctx context.Context, cfg *mysql.Config) (*sql.DB, *sql.Conn, error) {
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, conn, nil
}

// lockName is one that no service can guess: locks are for everybody who comes in.
func (d *Driver) lockName() string {
	sum := sha256.Sum256([]byte(d.password("lock", "").Reveal()))
	return "pave " + hex.EncodeToString(sum[:16])
}

// lock waits for other sessions of ours. The server gives the lock back when the
// connection ends, and a statement that was cut off has ended by then.
func (s *session) lock(ctx context.Context, name string) error {
	var got sql.NullInt64
	err := s.conn.QueryRowContext(ctx, `SELECT GET_LOCK(?, ?)`, name, int(patience/time.Second)).Scan(&got)
	if err == nil && got.Int64 != 1 {
		err = errors.New("another change goes on")
	}
	return unavailable("wait for the database server", err)
}

func (s *session) close() {
	_ = s.conn.Close() // nothing is lost with them
	_ = s.db.Close()
}

// exec runs statements one by one. Their text is never part of an error: it may hold
// the hash of a password.
func (s *session) exec(ctx context.Context, what string, statements ...string) error {
	for _, text := range statements {
		if _, err := s.conn.ExecContext(ctx, text); err != nil {
			return unavailable(what, err)
		}
	}
	return nil
}

// texts are the answers of a query that asks for one text.
func (s *session) texts(ctx context.Context, what, query string, args ...any) (out []string, err error) {
	rows, err := s.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, unavailable(what, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, unavailable(what, err)
		}
		out = append(out, text)
	}
	return out, unavailable(what, rows.Err())
}

// try connects as a user and reports whether the server refuses the password.
func (s *session) try(ctx context.Context, user, database string, password pave.Secret) (refused bool, err error) {
	cfg := config("tcp", net.JoinHostPort(host, strconv.Itoa(s.port)), user, password.Reveal())
	cfg.DBName = database
	db, conn, err := connect(ctx, cfg)
	if number(err) == accessDenied {
		return true, nil
	}
	if err != nil {
		return false, unavailable("connect with the credentials", err)
	}
	_ = conn.Close()
	return false, db.Close()
}

// Numbers of the server's errors.
const (
	accessDenied = 1045
	noSuchThread = 1094
	noSuchGrant  = 1141
	tableFull    = 1114
	diskFull     = 1021
)

func number(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// unavailable says that a statement failed. All of it is worth a retry: what is foreign
// was looked for before.
func unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		text = e.Message
	}
	if n := number(err); n == diskFull || n == tableFull {
		text = "disk full: " + text
	}
	return pave.Errorf(pave.Unavailable, "%s: %s", what, strings.TrimSpace(text)).WithHint("pave doctor; pave retry goes on from here")
}

// quote makes a name an identifier.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// everything in a database, for GRANT, where _ and % stand for others.
func everything(database string) string {
	return quote(grantName(database)) + ".*"
}

// grantName is how grants name a database.
func grantName(database string) string {
	return strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(database)
}

// account is a user as statements name it. Names have no quotes and backslashes.
func account(user string) string { return "'" + user + "'@'" + host + "'" }
