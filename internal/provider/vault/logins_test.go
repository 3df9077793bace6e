package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func (v *values) Put(_ context.Context, id string, value pave.Secret) error {
	v.put(id, value.Reveal())
	return nil
}

func (v *values) Delete(_ context.Context, id string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.all, id)
	return nil
}

func TestMain(m *testing.M) { storetest.Main(m) }

// A desk is a driver of logins that is bound to a server, and a database in a PostgreSQL, as
// an operator makes it ready.
type desk struct {
	*Logins
	t       *testing.T
	vault   *vaulttest.Server
	service pave.Name
	name    string // of database and owner
	others  []resource.Record
	socket  string // of the PostgreSQL
	values  *values
	bound   resource.Bound
}

// prepare is what the guide says to run in the database server.
var prepare = []string{
	"CREATE ROLE vault LOGIN CREATEROLE PASSWORD 'vault'", "GRANT pg_signal_backend TO vault",
	"CREATE ROLE shop_production NOLOGIN", "GRANT shop_production TO vault WITH ADMIN OPTION",
	"CREATE DATABASE shop_production OWNER shop_production", "REVOKE CONNECT ON DATABASE shop_production FROM PUBLIC",
}

func newDesk(t *testing.T, s *vaulttest.Server, settings map[string]string) *desk {
	t.Helper()
	address := storetest.PostgreSQL(t)
	service := fmt.Sprintf("desk%d", names.Add(1))
	d := &desk{t: t, vault: s, service: pave.Name(service), name: service + "_db", values: &values{all: map[string]string{}}}
	d.socket, _, _ = strings.Cut(strings.SplitN(address, "host=", 2)[1], "&")
	for _, statement := range prepare {
		d.query("postgres", strings.NewReplacer("shop_production", d.name, "vault", d.name+"_vault").Replace(statement))
	}
	s.Connect("shopdb", d.url("postgres", d.name+"_vault"), "pave-*")
	e, err := engineOf(map[string]string{"connection": "shopdb", "host": "db.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	role, secret := s.Role(policyText(e.rules()), time.Hour)
	d.values.put("binding", secret)
	d.bound = resource.Bound{Secrets: map[string]string{"secret_id": "binding"}, Settings: map[string]string{"address": s.URL, "role": role, "allow": "127.0.0.1",
		"connection": "shopdb", "host": "db.example.com", "database": "{service}_db", "owner": "{service}_db"}}
	maps.Copy(d.bound.Settings, settings)
	d.Logins = &Logins{Values: d.values, Bounds: func(context.Context) ([]resource.Bound, error) { return []resource.Bound{d.bound}, nil },
		Others: func(context.Context) ([]resource.Record, error) { return d.others, nil }}
	return d
}

func (d *desk) url(database, user string) string {
	return fmt.Sprintf("postgres:///%s?user=%s&host=%s", database, user, d.socket)
}

// query runs one statement as the superuser.
func (d *desk) query(database, statement string) string {
	d.t.Helper()
	out, err := psql(d.url(database, "postgres"), statement)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", statement, err, out)
	}
	return out
}

func psql(url string, statements ...string) (string, error) {
	args := []string{"-XqAt", "-v", "ON_ERROR_STOP=1"}
	for _, s := range statements {
		args = append(args, "-c", s)
	}
	out, err := exec.Command("psql", append(args, url)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// as runs statements with the address that a service gets, at the place where the server is.
func (d *desk) as(st resource.State, statements ...string) (string, error) {
	u, err := url.Parse(st.Secrets["url"].Reveal())
	if err != nil {
		d.t.Fatal(err)
	}
	return psql(d.url(strings.TrimPrefix(u.Path, "/"), u.User.Username()), statements...)
}

// logins are the roles that Vault made.
func (d *desk) logins() string {
	return d.query("postgres", "SELECT count(*) FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid JOIN pg_roles l ON l.oid = m.member "+
		"WHERE o.rolname = '"+d.name+"' AND l.rolname LIKE 'v-%'")
}

func (d *desk) fresh() resource.Resource {
	ref := pave.Ref{Kind: pave.KindDatabase, Env: pave.Name(fmt.Sprintf("e%d", names.Add(1))), Service: d.service}
	ref.Name = string(ref.Service)
	return d.with(resource.Resource{ID: pave.NewID("res"), ExternalID: resource.ExternalName(ref), Ref: ref}, 0)
}

func (d *desk) with(r resource.Resource, number int) resource.Resource {
	raw, err := json.Marshal(map[string]any{"engine": "postgresql", "credentials": number, "team": "web", "binding": d.bound})
	if err != nil {
		d.t.Fatal(err)
	}
	r.Spec = raw
	return r
}

func (d *desk) apply(r resource.Resource) resource.State {
	d.t.Helper()
	st, err := d.Apply(d.t.Context(), r)
	if err != nil {
		d.t.Fatalf("Apply: %v (%s)", err, pave.HintOf(err))
	}
	return st
}

func TestLoginsContract(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, nil)
		resourcetest.Run(t, resourcetest.Config{
			New:    func(*testing.T) (resource.Driver, func() resource.Resource) { return d, d.fresh },
			Change: func(r resource.Resource) resource.Resource { return d.with(r, 1) },
		})
	})
}

// Two logins are good side by side, act as the owner of the database, and outlive the token
// of pave; what is revoked is gone with its connections, and what was made stays.
func TestLogins(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, nil)
		r := d.fresh()
		first := d.apply(r)
		if out, err := d.as(first, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)", "SELECT current_user || ' ' || tableowner FROM pg_tables WHERE tablename = 't'"); err != nil || out != d.name+" "+d.name {
			t.Fatalf("a login: %q, %v", out, err)
		}
		s.Revoke() // all tokens of pave
		if st, err := d.Observe(t.Context(), r); err != nil || !st.Ready {
			t.Errorf("after the token ended: %+v, %v", st, err)
		}
		next := d.with(r, 1)
		if st, err := d.Observe(t.Context(), next); err != nil || st.Ready {
			t.Errorf("before the next credentials are made: %+v, %v", st, err)
		}
		second := d.apply(next)
		if second.Outputs["user"] == first.Outputs["user"] || d.logins() != "2" {
			t.Errorf("%s logins, %s and %s", d.logins(), first.Outputs["user"], second.Outputs["user"])
		}
		d.unknown(next) // an answer that was lost
		open := make(chan error, 1)
		go func() {
			_, err := d.as(first, "SELECT pg_sleep(60)")
			open <- err
		}()
		d.eventually("a connection sleeps", func() bool {
			return d.query("postgres", "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND datname = '"+d.name+"'") == "1"
		})
		for _, want := range []bool{true, false} {
			if stale, err := d.Stale(t.Context(), next); err != nil || stale != want {
				t.Errorf("stale %v, %v; want %v", stale, err, want)
			}
			if err := d.Revoke(t.Context(), next); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-open; err == nil {
			t.Error("a connection of the old login lives on")
		}
		if _, err := d.as(first, "SELECT 1"); err == nil {
			t.Error("the old login lets in")
		}
		if out, err := d.as(second, "SELECT n FROM t"); err != nil || out != "1" {
			t.Errorf("the new login: %q, %v", out, err)
		}
		if err := d.Delete(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if d.logins() != "0" || d.query(d.name, "SELECT n FROM t") != "1" || len(d.values.all) != 1 {
			t.Errorf("after Delete %s logins are left, and %d values", d.logins(), len(d.values.all))
		}
	})
}

// unknown has a login made that nobody hears of.
func (d *desk) unknown(r resource.Resource) {
	d.t.Helper()
	b, err := d.base(r)
	if err == nil {
		_, err = b.login(d.t.Context())
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) eventually(what string, is func() bool) {
	d.t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("never: %s", what)
		}
	}
}

// A login that is over is said to be, and is not replaced behind the back of those who
// have it: the next credentials are.
func TestLoginIsOver(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, map[string]string{"ttl": "2s"})
		for _, c := range []struct {
			why string
			end func()
		}{
			{"was revoked in Vault", s.RevokeLogins},
			{"ended at ", func() {
				time.Sleep(2 * time.Second)
				d.eventually("the login is gone", func() bool { return d.logins() == "0" })
			}},
		} {
			r := d.fresh()
			d.apply(r)
			if got, err := d.Drift(t.Context(), r); err != nil || len(got) > 0 {
				t.Errorf("drift %v, %v", got, err)
			}
			c.end()
			if st, err := d.Observe(t.Context(), r); err != nil || st.Ready || !strings.Contains(st.Reason, c.why) || st.Outputs[resource.OutputCredentialsDue] == "" {
				t.Errorf("%s: %+v, %v", c.why, st, err)
			}
			if got, err := d.Drift(t.Context(), r); err != nil || len(got) != 1 || !strings.Contains(got[0], c.why) || !strings.Contains(got[0], "pave rotate "+string(r.Ref.Service)+" database") {
				t.Errorf("%s: drift %v, %v", c.why, got, err)
			}
			if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict || !strings.Contains(pave.HintOf(err), "pave rotate") {
				t.Errorf("%s: applied again: %v", c.why, err)
			}
			if st := d.apply(d.with(r, 1)); !st.Ready {
				t.Errorf("%s: the next credentials: %+v", c.why, st)
			}
		}
	})
}

// Where Vault allows less than half of the time that was asked for, no login is left.
func TestLoginIsShort(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, map[string]string{"ttl": "2m"})
		s.MaxLogins(59 * time.Second)
		r := d.fresh()
		if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), "allows logins of 59s only") ||
			!strings.Contains(pave.HintOf(err), "-max-lease-ttl=2m0s database ") || !strings.Contains(pave.HintOf(err), "--set ttl=59s") {
			t.Errorf("%v | %s", err, pave.HintOf(err))
		}
		if found, err := d.List(t.Context()); err != nil || len(found) > 0 || d.logins() != "0" {
			t.Errorf("%+v, %s logins, %v", found, d.logins(), err)
		}
		s.MaxLogins(time.Minute)
		if st := d.apply(r); !st.Ready || d.logins() != "1" {
			t.Errorf("half of it: %+v", st)
		}
	})
}

// When a login ends, and when another one is due, is told as others read it.
func TestLoginTimes(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("x", 3600))
	b := base{engine: engine{database: "shop", owner: "shop", mount: "database", host: "db.example.com", tls: "require"}, of: "postgresql"}
	st := b.state(login{User: "u", Password: "p/w", Begin: begin, End: begin.Add(24 * time.Hour)})
	if got := st.Outputs[resource.OutputCredentialsEnd] + " " + st.Outputs[resource.OutputCredentialsDue]; got != "2026-03-02T11:00:00Z 2026-03-02T03:00:00Z" {
		t.Error(got)
	}
	if got := st.Secrets["url"].Reveal(); got != "postgres://u:p%2Fw@db.example.com:5432/shop?sslmode=require" {
		t.Error(got)
	}
	b.of, b.host = "mysql", "::1"
	if got := b.state(login{User: "u", Password: "p"}).Secrets["url"].Reveal(); got != "mysql://u:p@[::1]:3306/shop" {
		t.Error(got)
	}
}

// A role that somebody changed in Vault is seen, and written again.
func TestRoleDrift(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, nil)
		r := d.fresh()
		st := d.apply(r)
		b, err := d.base(r)
		if err != nil {
			t.Fatal(err)
		}
		s.Call("POST", b.rolePath(), map[string]any{"db_name": "shopdb", "creation_statements": []string{"SELECT 1"}, "revocation_statements": []string{"SELECT 2"}, "default_ttl": 60, "max_ttl": 86400})
		got, err := d.Drift(t.Context(), r)
		if err != nil || len(got) != 1 || !strings.Contains(got[0], "[creation_statements revocation_statements default_ttl]") {
			t.Errorf("drift %v, %v", got, err)
		}
		if again := d.apply(r); again.Outputs["user"] != st.Outputs["user"] {
			t.Error("it is another login")
		}
		if got, err := d.Drift(t.Context(), r); err != nil || len(got) > 0 {
			t.Errorf("after it was written again: %v, %v", got, err)
		}
		d.bound.Settings["statements"] = `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' IN ROLE "{owner}"`
		own := d.with(r, 1)
		if st := d.apply(own); d.logins() != "2" || !st.Ready {
			t.Errorf("by own statements there are %s logins: %+v", d.logins(), st)
		}
		if got, err := d.Drift(t.Context(), own); err != nil || len(got) > 0 {
			t.Errorf("by own statements: %v, %v", got, err)
		}
		if err := d.Delete(t.Context(), own); err != nil || d.logins() != "0" {
			t.Errorf("%s logins are left, %v", d.logins(), err)
		}
	})
}

// What is wrong is told apart before anything is made, and when a login is made.
func TestCheckLogins(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, nil)
		verdict := func(set map[string]string) string {
			b, err := d.bound.Open(t.Context(), d.values)
			if err != nil {
				t.Fatal(err)
			}
			b.Settings = maps.Clone(b.Settings)
			maps.Copy(b.Settings, set)
			checks := d.CheckBinding(t.Context(), b)
			for _, c := range checks {
				if !c.OK {
					return fmt.Sprintf("%s: %s | %s", c.Name, c.Detail, c.Fix)
				}
			}
			return fmt.Sprintf("%d good", len(checks))
		}
		has := func(when string, set map[string]string, parts ...string) {
			t.Helper()
			got := verdict(set)
			for _, p := range parts {
				if !strings.Contains(got, p) {
					t.Errorf("%s: %q is not in %q", when, p, got)
				}
			}
		}
		has("all is well", nil, "5 good")
		has("no engine", map[string]string{"mount": "elsewhere"}, `there is no database engine at "elsewhere"`, "vault secrets enable -path=elsewhere database")
		has("names of others", map[string]string{"owner": "{service}"}, "somebody else's", "{service}_{env}")
		has("no address", map[string]string{"address": "ftp://x"}, "is no address of a server")
		s.Connect("shopdb", d.url("postgres", "postgres"), "others-*,pave")
		has("not for pave", nil, `connection "shopdb" is for the roles "others-*,pave"`, "allowed_roles='pave-*'")
		s.Connect("shopdb", d.url("postgres", "postgres"), "*")
		has("for all", nil, "5 good")
		e, err := engineOf(d.bound.Settings)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range e.rules() {
			lacking := policyText(slices.DeleteFunc(e.rules(), func(other rule) bool { return other.path == r.path }))
			if r.path == "sys/leases/lookup" { // in what every token may, unless that was changed
				continue
			}
			s.Policy(lacking)
			has("without "+r.path, nil, "vault policy: its policies lack", r.capabilities[len(r.capabilities)-1]+" on "+r.path, policyText([]rule{r}))
		}
		e.connection = "missing"
		s.Policy(policyText(e.rules()))
		has("no connection", map[string]string{"connection": "missing"}, `Vault has no connection "missing"`, "vault write database/config/missing")
	})
}

// A database that is not there is said to be missing, with who has to make it.
func TestNoDatabase(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		d := newDesk(t, s, map[string]string{"owner": "{service}_{env}"})
		r := d.fresh()
		owner := string(r.Ref.Service) + "_" + string(r.Ref.Env)
		if _, err := d.Apply(t.Context(), r); pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), owner) || !strings.Contains(pave.HintOf(err), "role "+owner) {
			t.Errorf("%v | %s", err, pave.HintOf(err))
		}
		d.query("postgres", `CREATE ROLE "`+owner+`"; GRANT "`+owner+`" TO "`+d.name+`_vault" WITH ADMIN OPTION`)
		st := d.apply(r)
		if st.ExternalID != "database:"+d.name+"#"+owner {
			t.Error(st.ExternalID)
		}
		r.ExternalID, r.Ref.Service = st.ExternalID, "renamed" // it stays the database it was made for
		if got, err := d.Observe(t.Context(), r); err != nil || got.Secrets["url"] != st.Secrets["url"] {
			t.Errorf("renamed: %+v, %v", got, err)
		}
		if _, err := d.Apply(t.Context(), d.with(d.fresh(), 0)); err == nil {
			t.Error("a login of a database that nobody made")
		}
		mysql := d.fresh()
		mysql.Spec = json.RawMessage(strings.Replace(string(mysql.Spec), `"postgresql"`, `"mysql"`, 1))
		if _, err := d.Apply(t.Context(), mysql); pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), "leads to postgresql") {
			t.Errorf("another engine: %v", err)
		}
	})
}

// The guide gives the policy and the settings, and what is run in the database server.
func TestGuideOfLogins(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/vault.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := strings.Join(strings.Fields(string(text)), " ")
	want := []string{}
	for _, r := range (engine{mount: "database", connection: "shopdb"}).rules() {
		want = append(want, policyText([]rule{r}))
	}
	for _, f := range (&Logins{}).Fields() {
		want = append(want, "`"+f.Name+"`")
	}
	for _, w := range append(want, prepare[1:]...) {
		if !strings.Contains(guide, w) {
			t.Errorf("docs/vault.md lacks %s", w)
		}
	}
}
