package hcp_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/test/hcp"
	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

// What must be seen by nobody: what the provider of the module is given, and the passwords
// of what it makes.
const (
	providerKey = "pvcnry_provider_5d20"
	password    = "pvcnry_role_e81f"
)

// databases is a world whose things are roles of PostgreSQL with a database each.
type databases struct {
	t  *testing.T
	pg *storetest.Server
}

func (d databases) do(query string, to ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), world.Patience)
	defer cancel()
	db, err := pgx.Connect(ctx, d.pg.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	if len(to) > 0 {
		return db.QueryRow(ctx, query).Scan(to...)
	}
	_, err = db.Exec(ctx, query)
	return err
}

func (d databases) Find(name string) (hcp.Thing, bool) {
	var t hcp.Thing
	err := d.do(`SELECT coalesce(shobj_description(oid, 'pg_authid'), ''), rolconnlimit::text FROM pg_roles WHERE rolname = '`+name+`'`, &t.Owner, &t.Limit)
	return t, err == nil
}

func (d databases) Put(name string, t hcp.Thing) (string, error) {
	if _, there := d.Find(name); !there {
		for _, q := range []string{`CREATE ROLE ` + name + ` LOGIN PASSWORD '` + password + `'`, `COMMENT ON ROLE ` + name + ` IS '` + t.Owner + `'`,
			`CREATE DATABASE ` + name + ` OWNER ` + name} {
			if err := d.do(q); err != nil {
				return "", err
			}
		}
	}
	u, err := url.Parse(d.pg.URL("postgres"))
	if err != nil {
		return "", err
	}
	at := url.URL{Scheme: "postgres", User: url.UserPassword(name, password), Path: "/" + name, RawQuery: url.Values{"host": {u.Query().Get("host")}}.Encode()}
	return at.String(), d.do(`ALTER ROLE ` + name + ` CONNECTION LIMIT ` + t.Limit)
}

func (d databases) Remove(name string) error {
	if err := d.do(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`); err != nil {
		return err
	}
	return d.do(`DROP ROLE IF EXISTS ` + name)
}

// A lab is a home where HCP Terraform makes the databases of staging.
type lab struct {
	*world.Home
	cloud *hcp.Server
	t     *testing.T
	world databases
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-real) runs this")
	}
	w := databases{t, storetest.NewServer(t)}
	return &lab{Home: world.New(t, "PAVE_ALLOW=127.0.0.1"), cloud: hcp.New(t, w), t: t, world: w}
}

func (l *lab) file(text string) string {
	l.t.Helper()
	name := filepath.Join(l.t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return name
}

func (l *lab) bind(token string) (string, error) {
	l.t.Helper()
	module, err := filepath.Abs("module")
	if err != nil {
		l.t.Fatal(err)
	}
	return l.try("bind", "staging", "database", "hcp-terraform", "--org", hcp.Org, "--url", l.cloud.URL, "--module", module, "--set", "connections=15",
		"--secret-file", "TFE_TOKEN="+l.file(token), "--secret-file", "PROVIDER_KEY="+l.file(providerKey))
}

func (l *lab) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	return l.Command(ctx, args...)
}

func (l *lab) pave(args ...string) string {
	l.t.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.t.Fatalf("pave %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (l *lab) create(name string) []string {
	return []string{"create", "service", "--name", name, "--template", "fixture", "--team", "web", "--env", "staging",
		"--database", "postgresql", "--input", "binary=" + l.Fixture("x", "x", "").Inputs["binary"].(string)}
}

func (l *lab) has(out string, parts ...string) {
	l.t.Helper()
	for _, p := range parts {
		if !strings.Contains(out, p) {
			l.t.Errorf("%q is not in\n%s", p, out)
		}
	}
}

// live fails unless a service answers with a row of its database.
func (l *lab) live(name string) {
	l.t.Helper()
	status, body, err := l.Get(name, "staging", "/")
	if err != nil || status != 200 || body["rows"] == nil || body["rows"] == float64(0) {
		l.t.Errorf("%s answers %d %v, %v", name, status, body, err)
	}
}

// made counts the runs that make things, and workspaces.
func (l *lab) made(runs, workspaces int) {
	l.t.Helper()
	n := 0
	for _, r := range l.cloud.Runs() {
		if !r.PlanOnly && !r.Destroy {
			n++
		}
	}
	if names := l.cloud.Names(); n != runs || len(names) != workspaces {
		l.t.Errorf("there are %d runs that make something, want %d, and workspaces %v, want %d", n, runs, names, workspaces)
	}
}

// A service whose database HCP Terraform makes: what is bound is asked first, the plan that
// was shown is applied, a policy stops it and is overridden, drift is found and healed, and
// deleting leaves nothing.
func TestLife(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.refused()
	if out, err := l.bind(hcp.Token); err != nil {
		t.Fatalf("bind: %v\n%s", err, out)
	}
	l.has(l.pave("doctor"), "hcp-terraform organization acme", "it may make workspaces")
	l.has(l.pave(append([]string{"plan"}, l.create("shop")...)...), "hcp-terraform", "database:staging/shop/shop: + thing.this")
	l.made(0, 0)

	l.cloud.Policy("soft")
	out, err := l.try(l.create("shop")...)
	if err == nil {
		t.Fatalf("a policy that is not met is no error\n%s", out)
	}
	l.has(out, "1 policies of the organization are not met", "who may overrides it at "+l.cloud.URL+"/app/acme/workspaces/pave-res_", "pave retry")
	l.cloud.Policy("")
	l.cloud.Override()
	l.pave("retry", strings.TrimSpace(l.pave("list", "runs", "--service", "shop", "--state", "stopped", "-o", "name")))
	l.live("shop")
	l.made(1, 1)
	if got, err := l.Variable("shop", "staging", "DATABASE_URL"); err != nil || !strings.Contains(got, password) {
		t.Errorf("the service is not given its database: %v", err)
	}
	l.taken()
	l.canaries()
	l.renewed()

	l.cloud.Later(7 * time.Hour)
	if err := l.world.do(`ALTER ROLE shop_staging CONNECTION LIMIT 3`); err != nil {
		t.Fatal(err)
	}
	world.Eventually(t, world.Patience, func() error {
		if out := l.pave("explain", "shop"); !strings.Contains(out, "drift: database:staging/shop/shop ~ thing.this: limit 3 -> 15") {
			return fmt.Errorf("no drift is seen: %s", out)
		}
		return nil
	})
	l.pave("heal", "shop")
	if got, _ := l.world.Find("shop_staging"); got.Limit != "15" {
		t.Errorf("healed it has %s connections", got.Limit)
	}
	if err := l.world.do(`ALTER ROLE shop_staging CONNECTION LIMIT 4`); err != nil {
		t.Fatal(err)
	}
	l.has(l.pave("plan", "heal", "shop"), "limit 4 -> 15") // who asks has no old answer

	l.has(l.pave("plan", "delete", "service", "shop"), "1 things of workspace pave-res_", "(not kept)")
	was := l.cloud.Names()[0]
	l.pave("delete", "service", "shop", "--yes")
	l.made(3, 0)
	if _, there := l.world.Find("shop_staging"); there {
		t.Error("deleted it is there")
	}
	l.swept(was)
}

// swept leaves a workspace of something that is gone, and one that nobody knows: the first
// is removed, the other one stays.
func (l *lab) swept(gone string) {
	l.t.Helper()
	const stranger = "pave-res_stranger"
	l.cloud.Leave(gone)
	l.cloud.Leave(stranger)
	l.KillServer() // the next one sweeps at once
	world.Eventually(l.t, world.Patience, func() error {
		if names := l.cloud.Names(); len(names) != 1 || names[0] != stranger {
			return fmt.Errorf("there are workspaces %v", names)
		}
		return nil
	})
}

// refused binds with tokens that will not do: nothing is bound.
func (l *lab) refused() {
	l.t.Helper()
	l.cloud.Let("pvcnry_organization", hcp.Caller{Name: "api-org-acme", Service: true, Makes: true})
	l.cloud.Let("pvcnry_reads", hcp.Caller{Name: "mia", Runs: true})
	for token, want := range map[string]string{"pvcnry_wrong": "unauthorized", "pvcnry_organization": "may not start runs", "pvcnry_reads": "may not make workspaces in acme"} {
		out, err := l.bind(token)
		if err == nil {
			l.t.Errorf("bound with %s", token)
		}
		l.has(out, "hcp-terraform is not bound", want)
		if strings.Contains(out, token) {
			l.t.Errorf("the token is shown: %s", out)
		}
	}
	if out := l.pave("doctor"); strings.Contains(out, "hcp-terraform") {
		l.t.Errorf("it is bound: %s", out)
	}
}

// taken creates a service whose database is there and foreign: the run tells why it failed,
// and what it left is taken back.
func (l *lab) taken() {
	l.t.Helper()
	if err := l.world.do(`CREATE ROLE taken_staging`); err != nil {
		l.t.Fatal(err)
	}
	out, err := l.try(l.create("taken")...)
	if err == nil {
		l.t.Fatalf("what is foreign was taken\n%s", out)
	}
	l.has(out, "thing taken_staging already exists", "pave undo", "/runs/run-")
	if strings.Contains(out, providerKey) {
		l.t.Errorf("a secret of the log is shown\n%s", out)
	}
	l.pave("undo", strings.TrimSpace(l.pave("list", "runs", "--service", "taken", "--state", "stopped", "-o", "name")), "--yes")
	l.made(2, 1)
	if got, there := l.world.Find("taken_staging"); !there || got.Owner != "" {
		l.t.Errorf("what is foreign was touched: %+v", got)
	}
}

// renewed replaces the token: what is there is looked at with the new one.
func (l *lab) renewed() {
	l.t.Helper()
	const renewed = "pvcnry_tfe_new_77"
	l.cloud.Let(renewed, hcp.Caller{Name: "api-team_411", Service: true, Makes: true, Runs: true})
	l.cloud.Revoke(hcp.Token)
	l.has(l.pave("status", "shop"), "unauthorized")
	if out, err := l.bind(renewed); err != nil {
		l.t.Fatalf("bind: %v\n%s", err, out)
	}
	if out := l.pave("status", "shop"); strings.Contains(out, "unauthorized") {
		l.t.Errorf("the new token is not used\n%s", out)
	}
}

// canaries looks for the token, for what the provider is given and for the password that
// it made, everywhere.
func (l *lab) canaries() {
	l.t.Helper()
	mine := func(place string) bool { return strings.HasPrefix(place, "environment of shop/staging") }
	seen, places, err := l.Scan(world.Secret{Name: "token", Value: hcp.Token}, world.Secret{Name: "key", Value: providerKey}, world.Secret{Name: "password", Value: password, May: mine})
	if err != nil || len(seen) > 0 || places < 50 {
		l.t.Errorf("%v, %d places, %v", seen, places, err)
	}
}

// The server dies before a run is confirmed, before the outputs of an applied one are read,
// and before an empty workspace is removed: each time the same run goes on.
func TestKill(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if out, err := l.bind(hcp.Token); err != nil {
		t.Fatalf("bind: %v\n%s", err, out)
	}
	for i, c := range []struct{ service, at string }{{"shop", "current-state-version-outputs"}, {"till", "actions/apply"}} {
		l.killed(c.at, func() (string, error) { return l.Create(l.Fixture(c.service, "web", "postgresql")) })
		l.live(c.service)
		l.made(i+1, i+1)
	}
	l.killed("actions/safe-delete", func() (string, error) { return l.Delete("shop") })
	l.made(2, 1)
	destroys := 0
	for _, r := range l.cloud.Runs() {
		if r.Destroy {
			destroys++
		}
	}
	if _, there := l.world.Find("shop_staging"); there || destroys != 1 {
		t.Errorf("%d runs destroyed it, and it is there: %v", destroys, there)
	}
}

// killed does something, kills the server when it comes to a call, and waits for its end.
func (l *lab) killed(at string, do func() (run string, err error)) {
	l.t.Helper()
	reached, release := l.cloud.Hold(at)
	defer release()
	id, err := do()
	if err != nil {
		l.t.Fatal(err)
	}
	select {
	case <-reached:
	case <-time.After(world.Patience):
		l.t.Fatalf("nobody came to %s", at)
	}
	l.KillServer()
	release()
	if _, err := l.Wait(id); err != nil {
		l.t.Fatalf("killed at %s: %v", at, err)
	}
}
