package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// TestServer runs what may share a server on one.
func TestServer(t *testing.T) {
	t.Parallel()
	d := newServer(t)
	stop := watchActivity(t, d)
	t.Cleanup(func() { stop(); noPasswordInLog(t, d) })
	t.Run("contract", func(t *testing.T) { t.Parallel(); contract(t, d) })
	t.Run("walls between services", func(t *testing.T) { t.Parallel(); walls(t, d) })
	t.Run("half done", func(t *testing.T) { t.Parallel(); halfDone(t, d) })
	t.Run("set aside", func(t *testing.T) { t.Parallel(); setAside(t, d) })
	t.Run("what would be lost", func(t *testing.T) { t.Parallel(); lost(t, d) })
	t.Run("scratch", func(t *testing.T) { t.Parallel(); scratch(t, d) })
	t.Run("rotation", func(t *testing.T) { t.Parallel(); rotation(t, d) })
	t.Run("half rotated", func(t *testing.T) { t.Parallel(); halfRotated(t, d) })
	t.Run("visits", func(t *testing.T) { t.Parallel(); visits(t, d) })
	t.Run("traps", func(t *testing.T) { t.Parallel(); traps(t, d) })
	t.Run("server of somebody else", func(t *testing.T) { t.Parallel(); byURL(t, d) })
}

func contract(t *testing.T, d *Driver) {
	resourcetest.Run(t, resourcetest.Config{
		New: func(*testing.T) (resource.Driver, func() resource.Resource) { return d, fresh },
		Foreign: func(t *testing.T, r resource.Resource) func() string {
			name := quote(r.ExternalID)
			admin(t, d, "CREATE ROLE "+name+" LOGIN PASSWORD 'theirs'", "COMMENT ON ROLE "+name+" IS 'pave:of another'",
				"CREATE DATABASE "+name+" OWNER "+name)
			theirs := (&session{host: "127.0.0.1", port: port(t, d), sslmode: "disable"}).url(r.ExternalID, pave.NewSecret("theirs")).Reveal()
			must(t, theirs, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1), (2)")
			return func() string {
				return must(t, theirs, "SELECT n FROM t ORDER BY n") + admin(t, d, "SELECT a::text FROM pg_authid a WHERE rolname = '"+r.ExternalID+"'")
			}
		},
		Fill: func(t *testing.T, _ resource.Resource, st resource.State) {
			must(t, st.Secrets["url"].Reveal(), "CREATE TABLE t (n int)", "INSERT INTO t VALUES (7), (8)")
		},
		Seen: func(t *testing.T, _ resource.Resource, st resource.State) string {
			url := st.Secrets["url"].Reveal()
			out := url + must(t, url, "SELECT current_database() || current_user")
			if rows, err := as(t, url, "SELECT n FROM t ORDER BY n"); err == nil {
				out += rows
			}
			return out
		},
		Within: 40 * time.Second,
	})
}

func port(t *testing.T, d *Driver) int {
	t.Helper()
	st, err := d.Node.Server(t.Context(), serverID)
	if err != nil {
		t.Fatal(err)
	}
	return st.Port
}

func walls(t *testing.T, d *Driver) {
	one, two := fresh(), fresh()
	first, err := d.Apply(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	url := first.Secrets["url"].Reveal()
	must(t, url, "CREATE TABLE t (n int)") // works the first time, and the schema is its own
	ready(t, d, two)
	for _, database := range []string{two.ExternalID, "postgres", "template1"} {
		if _, err := as(t, elsewhere(t, url, database), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("role %s in database %s: %v, want permission denied", one.ExternalID, database, err)
		}
	}
	for _, statement := range []string{"CREATE DATABASE more", "CREATE ROLE more", "ALTER ROLE postgres NOLOGIN", "SELECT rolpassword FROM pg_authid"} {
		if _, err := as(t, url, statement); err == nil {
			t.Errorf("a service may %s", statement)
		}
	}
	if out := admin(t, d, "SELECT datname FROM pg_database WHERE has_database_privilege('public', datname, 'CONNECT') AND datallowconn"); out != "" {
		t.Errorf("everybody may connect to %q", out)
	}
	admin(t, d, "ALTER ROLE postgres PASSWORD 'known'")
	for _, user := range []string{"postgres:known@", "postgres@"} {
		super := fmt.Sprintf("postgres://%s127.0.0.1:%d/postgres?sslmode=disable", user, port(t, d))
		if _, err := as(t, super, "SELECT 1"); err == nil || !strings.Contains(err.Error(), "pg_hba") {
			t.Errorf("the superuser by TCP: %v, want refused", err)
		}
	}
	if _, err := as(t, strings.Replace(url, canary, "wrong-", 1), "SELECT 1"); err == nil {
		t.Error("a wrong password is good")
	}
	if first.Outputs["user"] != one.ExternalID || !strings.HasPrefix(first.Version, "postgresql ") || first.ExternalID != "" {
		t.Errorf("state: %+v", first)
	}
}

// halfDone puts into the world what a crash between two statements leaves.
func halfDone(t *testing.T, d *Driver) {
	tests := map[string]struct {
		leave func(r resource.Resource, name, aside string) []string
		there pave.Code // what Observe says, and it is never ready
	}{
		"role without database": {func(r resource.Resource, name, _ string) []string { return []string{"DROP DATABASE " + name} }, pave.NotFound},
		"database with its door shut": {func(r resource.Resource, name, _ string) []string {
			return []string{"ALTER DATABASE " + name + " ALLOW_CONNECTIONS false"}
		}, ""},
		"set aside, role shut out": {func(r resource.Resource, name, _ string) []string { return []string{"ALTER ROLE " + name + " NOLOGIN"} }, ""},
		"set aside, database renamed": {func(r resource.Resource, name, aside string) []string {
			return []string{"ALTER ROLE " + name + " NOLOGIN", "ALTER DATABASE " + name + " RENAME TO " + aside}
		}, ""},
		"brought back, role still shut out": {func(r resource.Resource, name, aside string) []string {
			return []string{"ALTER ROLE " + name + " RENAME TO " + aside, "ALTER DATABASE " + name + " ALLOW_CONNECTIONS true"}
		}, ""},
	}
	for what, tc := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := fresh()
			want := ready(t, d, r)
			leave := func() {
				t.Helper()
				admin(t, d, tc.leave(r, quote(r.ExternalID), quote(resource.AsideName(r.ExternalID, r.ID)))...)
				if st, err := d.Observe(t.Context(), r); pave.CodeOf(err) != tc.there || st.Ready {
					t.Errorf("half done it is %+v, %v", st, err)
				}
			}
			mended := func(by string) {
				t.Helper()
				if got := ready(t, d, r); got.Secrets["url"] != want.Secrets["url"] {
					t.Errorf("mended by %s it has another URL", by)
				}
				must(t, want.Secrets["url"].Reveal(), "SELECT 1")
			}
			leave()
			mended("Apply")
			leave()
			if err := d.SetAside(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			mended("SetAside and Apply")
			leave()
			if err := d.Delete(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if left := admin(t, d, fmt.Sprintf(`SELECT rolname FROM pg_roles WHERE rolname LIKE '%[1]s%%'
				UNION SELECT datname FROM pg_database WHERE datname LIKE '%[1]s%%'`, r.ExternalID)); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

func setAside(t *testing.T, d *Driver) {
	r := fresh()
	url := ready(t, d, r).Secrets["url"].Reveal()
	must(t, url, "CREATE TABLE orders (id int)", "INSERT INTO orders SELECT generate_series(1, 5)")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := d.SetAside(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("an open connection goes on")
	}
	aside := resource.AsideName(r.ExternalID, r.ID)
	for _, u := range []string{url, elsewhere(t, url, aside), strings.Replace(elsewhere(t, url, aside), r.ExternalID, strings.ReplaceAll(aside, "~", "%7E"), 1)} {
		if _, err := as(t, u, "SELECT 1"); err == nil {
			t.Errorf("a new connection to %s is let in", u)
		}
	}
	if diff, err := d.Diff(t.Context(), r); err != nil || diff.Lost != "5 rows in 1 table" {
		t.Errorf("set aside it holds %q, %v", diff.Lost, err)
	}
	if got := ready(t, d, r).Secrets["url"].Reveal(); got != url {
		t.Error("brought back it has another URL")
	}
	if got := must(t, url, "SELECT count(*) FROM orders"); got != "5\n" {
		t.Errorf("brought back it has %s rows", got)
	}
}

func lost(t *testing.T, d *Driver) {
	r := fresh()
	url := ready(t, d, r).Secrets["url"].Reveal()
	for _, step := range []struct{ statement, want string }{
		{"SELECT 1", ""},
		{"CREATE TABLE a (n int)", "0 rows in 1 table"},
		{"INSERT INTO a VALUES (1)", "1 row in 1 table"},
		{`CREATE SCHEMA "Odd ""name"; CREATE TABLE "Odd ""name"."t" AS SELECT generate_series(1, 41)`, "42 rows in 2 tables"},
		{"CREATE TABLE p (n int) PARTITION BY RANGE (n); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); INSERT INTO p VALUES (3)",
			"43 rows in 3 tables"},
		{"CREATE VIEW v AS SELECT * FROM a; CREATE TEMP TABLE x (n int)", "43 rows in 3 tables"},
	} {
		must(t, url, step.statement)
		if diff, err := d.Diff(t.Context(), r); err != nil || diff.Lost != step.want {
			t.Errorf("after %s: %q, %v; want %q", step.statement, diff.Lost, err, step.want)
		}
	}
	if diff, err := d.Diff(t.Context(), fresh()); err != nil || diff.Lost != "" {
		t.Errorf("of nothing: %q, %v", diff.Lost, err)
	}
	// A table that somebody has locked is estimated, not waited for.
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE a"); err != nil {
		t.Fatal(err)
	}
	if diff, err := d.Diff(t.Context(), r); err != nil || !strings.HasPrefix(diff.Lost, "about 4") {
		t.Errorf("with a locked table: %q, %v", diff.Lost, err)
	}
}

func scratch(t *testing.T, d *Driver) {
	run := pave.NewID("run")
	url, err := d.Make(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	must(t, url.Reveal(), "CREATE TABLE t (n int)")
	again, err := d.Make(t.Context(), run)
	if err != nil || again != url {
		t.Errorf("made again: %v", err)
	}
	must(t, again.Reveal(), "SELECT * FROM t")
	for _, database := range []string{"postgres", "template1"} {
		if _, err := as(t, elsewhere(t, url.Reveal(), database), "SELECT 1"); err == nil {
			t.Errorf("a pipeline may connect to %s", database)
		}
	}
	found, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if strings.Contains(f.ExternalID, "scratch") || strings.Contains(f.ID, run) {
			t.Errorf("the sweep sees %+v", f)
		}
	}
	for range 2 {
		if err := d.Drop(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	if left := admin(t, d, "SELECT rolname FROM pg_roles WHERE rolname = '"+scratchName(run)+"' UNION SELECT datname FROM pg_database WHERE datname = '"+scratchName(run)+"'"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// byURL uses the same server as one that is not the node's.
func byURL(t *testing.T, d *Driver) {
	admin(t, d, "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'boss-word'")
	theirs := &Driver{Derive: derive, URL: pave.NewSecret(fmt.Sprintf("postgres://boss:boss-word@127.0.0.1:%d/postgres?sslmode=disable", port(t, d)))}
	r := fresh()
	st, err := theirs.Apply(t.Context(), r)
	if err != nil || !st.Ready {
		t.Fatalf("%+v, %v", st, err)
	}
	must(t, st.Secrets["url"].Reveal(), "SELECT 1")
	if err := theirs.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if c := theirs.Check(t.Context()); !c[0].OK || !strings.Contains(c[0].Detail, "127.0.0.1") {
		t.Errorf("check: %+v", c)
	}
	for what, bad := range map[string]string{
		"a wrong password": strings.Replace(theirs.URL.Reveal(), "boss-word", "wrong-word", 1),
		"no URL":           "postgres://boss:boss-word@:port:/",
	} {
		other := &Driver{Derive: derive, URL: pave.NewSecret(bad)}
		_, err := other.Apply(t.Context(), r)
		if err == nil || strings.Contains(err.Error(), "-word") {
			t.Errorf("%s: %v", what, err)
		}
		if c := other.Check(t.Context()); c[0].OK || c[0].Fix == "" || strings.Contains(c[0].Detail, "-word") {
			t.Errorf("%s: check %+v", what, c)
		}
	}
}
