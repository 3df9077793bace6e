package vault_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/test/world"
)

const loginPolicy = `
path "database/config/shopdb" { capabilities = ["read"] }
path "database/roles/" { capabilities = ["list"] }
path "database/roles/pave-*" { capabilities = ["create", "read", "update", "delete"] }
path "database/creds/pave-*" { capabilities = ["read"] }
path "auth/token/create-orphan" { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/revoke-prefix/database/creds/pave-*" { capabilities = ["update", "sudo"] }`

// A desk is a home whose databases in production are there, in a PostgreSQL, and get their
// logins from Vault.
type desk struct {
	*world.Home
	t  *testing.T
	pg *storetest.Server

	binding []string // what pave bind is told, after the environment
}

func newDesk(t *testing.T, vault *vaulttest.Server, settings ...string) *desk {
	t.Helper()
	d := &desk{Home: world.New(t), t: t, pg: storetest.NewServer(t)}
	for _, statement := range []string{"CREATE ROLE vault LOGIN CREATEROLE", "GRANT pg_signal_backend TO vault", "CREATE ROLE shop_production NOLOGIN",
		"GRANT shop_production TO vault WITH ADMIN OPTION", "CREATE DATABASE shop_production OWNER shop_production", "REVOKE CONNECT ON DATABASE shop_production FROM PUBLIC"} {
		d.query("postgres", statement)
	}
	vault.Connect("shopdb", strings.Replace(d.pg.URL("postgres"), "user=postgres", "user=vault", 1), "pave-*")
	role, secret := vault.Role(loginPolicy, 2*time.Second) // pave's own tokens end all the time
	file := filepath.Join(t.TempDir(), "secret-id")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(d.listen())
	args := []string{"database", "vault"}
	for _, set := range settings {
		args = append(args, "--set", set)
	}
	d.binding = append(args, "--set", "address="+vault.URL, "--set", "role="+role, "--set", "allow=127.0.0.1",
		"--secret-file", "secret_id="+file, "--set", "connection=shopdb", "--set", "host="+host, "--set", "port="+port, "--set", "tls=disable")
	d.bind("production")
	return d
}

func (d *desk) bind(env string) {
	d.t.Helper()
	d.pave(append([]string{"bind", env}, d.binding...)...)
}

// listen gives the PostgreSQL, which has a socket, a port.
func (d *desk) listen() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = l.Close() })
	socket := filepath.Join(strings.SplitN(d.pg.URL("x"), "host=", 2)[1], ".s.PGSQL.5432")
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("unix", socket)
				if err != nil {
					return
				}
				defer out.Close()
				go func() {
					_, _ = io.Copy(out, in)
					_ = out.Close()
				}()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return l.Addr().String()
}

func (d *desk) query(database, statement string) string {
	d.t.Helper()
	out, err := exec.Command("psql", "-XqAtc", statement, d.pg.URL(database)).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", statement, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (d *desk) pave(args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 3*time.Minute)
	defer cancel()
	out, err := d.Command(ctx, args...)
	if err != nil {
		d.t.Fatalf("pave %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// visits has the service write a row, and says how many there are.
func (d *desk) visits() string {
	d.t.Helper()
	status, body, err := d.Get(service, "production", "/")
	if err != nil || status != http.StatusOK {
		d.t.Fatalf("the service answers %d, %v", status, err)
	}
	return fmt.Sprint(body["rows"])
}

// login is the address that the processes have, taken apart.
func (d *desk) login() (user, password string) {
	d.t.Helper()
	text, err := d.Variable(service, "production", "DATABASE_URL")
	if err != nil {
		d.t.Fatal(err)
	}
	u, err := url.Parse(text)
	if err != nil {
		d.t.Fatal(err)
	}
	password, _ = u.User.Password()
	return u.User.Username(), password
}

func (d *desk) logins() string {
	return d.query("postgres", "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname LIKE 'v-%'")
}

// A service has a login by Vault, gets another one with no request failing, and leaves its
// database behind with all that is in it, and no login.
func TestLogins(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-vault) runs this")
	}
	vaulttest.Each(t, func(t *testing.T, vault *vaulttest.Server) {
		d := newDesk(t, vault)
		out := d.create()
		if !strings.Contains(out, "logins of database shop_production by Vault, good until") {
			t.Errorf("create says\n%s", out)
		}
		if n := d.visits(); n != "1" {
			t.Errorf("%s rows", n)
		}
		first, password := d.login()
		if all := d.logins(); all != first {
			t.Errorf("Vault made %q, the service has %q", all, first)
		}
		time.Sleep(5 * time.Second) // longer than a token of pave may live
		d.visits()
		failed, calls := d.under(func() { d.pave("rotate", service, "database") })
		if failed > 0 || calls == 0 {
			t.Errorf("%d of %d requests failed meanwhile", failed, calls)
		}
		second, next := d.login()
		if all := d.logins(); second == first || all != second {
			t.Errorf("after the rotation there are %q, the service has %q", all, second)
		}
		t.Logf("rotated over %d requests", calls)
		d.hidden(password, next)
		if out := d.pave("plan", "delete", "service", service); !strings.Contains(out, "database shop_production stays, with all that is in it") {
			t.Errorf("the plan says\n%s", out)
		}
		rows := d.query("shop_production", "SELECT count(*) FROM visit")
		d.pave("delete", "service", service, "--yes")
		if all := d.logins(); all != "" {
			t.Errorf("after the service there are %q", all)
		}
		if status, _ := vault.Call(http.MethodGet, "database/roles?list=true", nil); status != http.StatusNotFound {
			t.Errorf("roles are left in Vault: %d", status)
		}
		if n := d.query("shop_production", "SELECT count(*) FROM visit"); n != rows {
			t.Errorf("%s rows are left of %s", n, rows)
		}
		d.pave("restore", service)
		if third, _ := d.login(); third == second || d.logins() != third {
			t.Errorf("brought back it has %q of %q", third, d.logins())
		}
		d.visits()
	})
}

// A login that is good for a while only is replaced before it ends, by nobody's hand.
func TestLoginsByThemselves(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-vault) runs this")
	}
	t.Parallel()
	d := newDesk(t, vaulttest.New(t), "ttl=4m")
	d.create()
	first, _ := d.login()
	failed, calls := d.under(func() {
		world.Eventually(t, 6*time.Minute, func() error {
			if second, _ := d.login(); second == first || d.logins() != second {
				return fmt.Errorf("the service has %s, there are %s", second, d.logins())
			}
			return nil
		})
	})
	if failed > 0 || calls < 100 {
		t.Errorf("%d of %d requests failed meanwhile", failed, calls)
	}
	if out := d.pave("audit"); !strings.Contains(out, "rotate") {
		t.Errorf("the audit log says\n%s", out)
	}
}

// Another environment of the same patterns does not get the database that one has.
func TestOneDatabaseOfTwo(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-vault) runs this")
	}
	t.Parallel()
	d := newDesk(t, vaulttest.New(t), "database={service}_production", "owner={service}_production")
	d.bind("staging")
	d.create()
	first, _ := d.login()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := d.Command(ctx, "create", "service", "--name", "billing", "--template", "fixture", "--team", "payments", "--env", "production",
		"--database", "postgresql", "--input", "binary="+d.Fixture("x", "x", "").Inputs["binary"].(string))
	if err == nil || !strings.Contains(out, "role billing_production") {
		t.Errorf("of a database that nobody made: %v\n%s", err, out)
	}
	out, err = d.Command(ctx, "add", "environment", "staging", "--service", service, "--yes")
	if err == nil || !strings.Contains(out, "database shop_production at 127.0.0.1 is that of database:production/shop/shop of team web (present)") {
		t.Errorf("the second environment: %v\n%s", err, out)
	}
	if all := d.logins(); all != first {
		t.Errorf("there are %q, the service has %q", all, first)
	}
}

func (d *desk) create() string {
	d.t.Helper()
	return d.pave("create", "service", "--name", service, "--template", "fixture", "--team", "web", "--env", "production",
		"--database", "postgresql", "--input", "binary="+d.Fixture("x", "x", "").Inputs["binary"].(string))
}

// under does something while requests go on, and says how many failed.
func (d *desk) under(do func()) (failed, calls int64) {
	var bad, all atomic.Int64
	ctx, end := context.WithCancel(d.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			all.Add(1)
			if status, _, err := d.Get(service, "production", "/"); err != nil || status != http.StatusOK {
				bad.Add(1)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	do()
	end()
	<-done
	return bad.Load(), all.Load()
}

// hidden sees that passwords are nowhere but where the processes see them.
func (d *desk) hidden(passwords ...string) {
	d.t.Helper()
	var secrets []world.Secret
	for i, p := range passwords {
		if len(p) < 15 {
			d.t.Fatalf("password %d has %d characters", i, len(p))
		}
		secrets = append(secrets, world.Secret{Name: fmt.Sprint("password ", i), Value: p,
			May: func(place string) bool { return place == "environment of shop/production" }})
	}
	found, places, err := d.Scan(secrets...)
	if err != nil || len(found) > 0 || places < 50 {
		d.t.Errorf("%v in %d places, %v", found, places, err)
	}
}
