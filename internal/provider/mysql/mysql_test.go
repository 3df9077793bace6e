package mysql

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// TestServer runs what may share a server on one, and kills that at the end.
func TestServer(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	for name, test := range map[string]func(*testing.T, *Driver){
		"contract": contract, "walls between services": walls, "half done": halfDone, "set aside": setAside, "what would be lost": lost,
		"scratch": scratch, "rotation": rotation, "visits": visits, "drift": drift,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, d) })
	}
	t.Cleanup(func() { noPasswordInLog(t, d) })
}

func contract(t *testing.T, d *Driver) {
	resourcetest.Run(t, resourcetest.Config{
		New: func(*testing.T) (resource.Driver, func() resource.Resource) { return d, fresh },
		Foreign: func(t *testing.T, r resource.Resource) func() string {
			name, who := quote(r.ExternalID), account(r.ExternalID)
			admin(t, d, "CREATE DATABASE "+name, "CREATE USER "+who+" IDENTIFIED BY 'theirs'", "GRANT ALL ON "+everything(r.ExternalID)+" TO "+who,
				"CREATE TABLE "+name+".t (n INT)", "INSERT INTO "+name+".t VALUES (1), (2)")
			return func() string {
				return admin(t, d, "SELECT n FROM "+name+".t ORDER BY n") + admin(t, d, "SELECT Priv FROM mysql.global_priv WHERE User = '"+r.ExternalID+"'")
			}
		},
		Fill: func(t *testing.T, _ resource.Resource, st resource.State) {
			must(t, st.Secrets["url"], "CREATE TABLE t (n INT)", "INSERT INTO t VALUES (7), (8)")
		},
		Seen: func(t *testing.T, _ resource.Resource, st resource.State) string {
			out := st.Secrets["url"].Reveal() + must(t, st.Secrets["url"], "SELECT CONCAT(DATABASE(), ' ', CURRENT_USER())")
			if rows, err := as(t, st.Secrets["url"], "SELECT n FROM t ORDER BY n"); err == nil {
				out += rows
			}
			return out
		},
		Within: 60 * time.Second,
	})
}

func walls(t *testing.T, d *Driver) {
	one, two := fresh(), fresh()
	first := ready(t, d, one)
	url := first.Secrets["url"]
	must(t, url, "CREATE TABLE t (n INT)", "CREATE VIEW v AS SELECT * FROM t", "CREATE PROCEDURE p() SELECT 1", "CALL p()")
	ready(t, d, two)
	admin(t, d, "CREATE DATABASE "+quote(strings.Replace(one.ExternalID, "_", "x", 1))) // what the name is as a pattern
	for _, database := range []string{two.ExternalID, "mysql", "pave", strings.Replace(one.ExternalID, "_", "x", 1)} {
		if _, err := as(t, elsewhere(t, url, database), "SELECT 1"); number(err) != 1044 {
			t.Errorf("user %s in database %s: %v, want access denied", one.ExternalID, database, err)
		}
	}
	for _, statement := range []string{"CREATE DATABASE more", "CREATE USER more", "GRANT ALL ON *.* TO CURRENT_USER()", "SELECT * FROM mysql.global_priv",
		"SELECT LOAD_FILE('/etc/passwd') UNION SELECT 1 INTO OUTFILE '/tmp/x'", "SET GLOBAL max_connections = 1", "SHUTDOWN", "SELECT * FROM pave.resources"} {
		if _, err := as(t, url, statement); err == nil {
			t.Errorf("a service may %s", statement)
		}
	}
	if out := must(t, url, "SELECT schema_name FROM information_schema.schemata"); strings.Contains(out, two.ExternalID) {
		t.Errorf("a service sees %q", out)
	}
	if out := admin(t, d, "SELECT User FROM mysql.global_priv WHERE User = '' OR Host <> '127.0.0.1' AND JSON_VALUE(Priv, '$.authentication_string') NOT IN ('', 'invalid')"); out != "" {
		t.Errorf("users with passwords that are not ours: %q", out)
	}
	if _, err := as(t, pave.NewSecret(strings.Replace(url.Reveal(), canary, "wrong-", 1)), "SELECT 1"); err == nil {
		t.Error("a wrong password is good")
	}
	if first.Outputs["user"] != one.ExternalID || !strings.HasPrefix(first.Version, "mariadb 1") || first.ExternalID != "" {
		t.Errorf("state: %+v", first)
	}
	if _, err := d.Apply(t.Context(), resource.Resource{ID: "res_1", Spec: []byte(`{"engine":"postgresql"}`)}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("another engine: %v", err)
	}
}

// halfDone puts into the world what a crash between two statements leaves.
func halfDone(t *testing.T, d *Driver) {
	for what, leave := range map[string]func(name, id string) []string{
		"mark alone": func(name, id string) []string {
			return []string{"DROP USER " + account(name), "DELETE FROM pave.logins WHERE user = '" + name + "'", "DROP DATABASE " + quote(name)}
		},
		"no user":           func(name, id string) []string { return []string{"DROP USER " + account(name)} },
		"user without mark": func(name, id string) []string { return []string{"ALTER USER " + account(name) + " ACCOUNT LOCK"} },
		"user without rights": func(name, id string) []string {
			return []string{"REVOKE ALL PRIVILEGES, GRANT OPTION FROM " + account(name), "ALTER USER " + account(name) + " ACCOUNT LOCK"}
		},
		"set aside, not shut": func(name, id string) []string {
			return []string{"UPDATE pave.resources SET aside = TRUE WHERE id = '" + id + "'"}
		},
		"dropped but for mark": func(name, id string) []string {
			return []string{"DROP USER " + account(name), "DROP DATABASE " + quote(name)}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := fresh()
			want := ready(t, d, r)
			halve := func() {
				t.Helper()
				admin(t, d, leave(r.ExternalID, r.ID)...)
				if st, err := d.Observe(t.Context(), r); st.Ready || err != nil && pave.CodeOf(err) != pave.NotFound {
					t.Errorf("half done it is %+v, %v", st, err)
				}
			}
			mended := func(by string) {
				t.Helper()
				if got := ready(t, d, r); got.Secrets["url"] != want.Secrets["url"] {
					t.Errorf("mended by %s it has another URL", by)
				}
				must(t, want.Secrets["url"], "CREATE TABLE IF NOT EXISTS t (n INT)")
			}
			halve()
			mended("Apply")
			halve()
			if err := d.SetAside(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			mended("SetAside and Apply")
			halve()
			if err := d.Delete(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if left := admin(t, d, fmt.Sprintf(`SELECT User FROM mysql.global_priv WHERE User LIKE '%[1]s%%' UNION SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE '%[1]s%%'
				UNION SELECT user FROM pave.logins WHERE user LIKE '%[1]s%%' UNION SELECT db FROM pave.resources WHERE db LIKE '%[1]s%%'`, r.ExternalID)); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

func setAside(t *testing.T, d *Driver) {
	r := with(fresh(), 1)
	first := ready(t, d, with(r, 0)).Secrets["url"]
	must(t, first, "CREATE TABLE orders (id INT PRIMARY KEY)", "INSERT INTO orders VALUES (1), (2), (3), (4), (5)", "CREATE VIEW v AS SELECT * FROM orders",
		"CREATE TRIGGER g BEFORE INSERT ON orders FOR EACH ROW SET NEW.id = NEW.id + 100", "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO orders SELECT MAX(id) + 1 FROM orders",
		"ALTER EVENT e DISABLE")
	url := ready(t, d, r).Secrets["url"]
	if err := d.Revoke(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	cfg := config("tcp", fmt.Sprintf("127.0.0.1:%d", port(t, d)), r.ExternalID+".1", d.passwordOf(r, 1).Reveal())
	cfg.DBName = r.ExternalID
	db, conn, err := connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	must(t, url, "ALTER EVENT e ENABLE")
	if err := d.SetAside(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "SELECT 1"); err == nil {
		t.Error("an open connection goes on")
	}
	for _, u := range []pave.Secret{url, first} {
		if _, err := as(t, u, "SELECT 1"); err == nil {
			t.Error("a new connection is let in")
		}
	}
	before, err := d.Diff(t.Context(), r)
	if err != nil || !strings.HasSuffix(before.Lost, "rows in 1 table") {
		t.Errorf("set aside it holds %q, %v", before.Lost, err)
	}
	heir := with(fresh(), 0)
	heir.Ref, heir.ExternalID = r.Ref, r.ExternalID
	if st := ready(t, d, heir); st.Outputs["database"] != r.ExternalID+"~2" || must(t, st.Secrets["url"], "CREATE TABLE mine (n INT)", "SHOW TABLES") != "mine\n" {
		t.Errorf("the next of that name is %+v", st.Outputs)
	}
	time.Sleep(1100 * time.Millisecond)
	if after, err := d.Diff(t.Context(), r); err != nil || after.Lost != before.Lost {
		t.Errorf("set aside it changes: %q, then %q, %v", before.Lost, after.Lost, err)
	}
	if err := d.Delete(t.Context(), heir); err != nil {
		t.Fatal(err)
	}
	if got := ready(t, d, r).Secrets["url"]; got != url {
		t.Error("brought back it has another URL")
	}
	if got := must(t, url, "ALTER EVENT e DISABLE", "SELECT COUNT(*) >= 5 FROM v"); got != "1\n" {
		t.Errorf("brought back its view says %s", got)
	}
	must(t, url, "INSERT INTO orders VALUES (1000)", "SELECT 1 / (COUNT(*) = 1) FROM orders WHERE id = 1100")
	if _, err := as(t, first, "SELECT 1"); err == nil {
		t.Error("brought back it lets in old credentials")
	}
}

func port(t *testing.T, d *Driver) int {
	t.Helper()
	st, err := d.Node.Server(t.Context(), serverID)
	if err != nil {
		t.Fatal(err)
	}
	return st.Port
}

func lost(t *testing.T, d *Driver) {
	r := fresh()
	url := ready(t, d, r).Secrets["url"]
	for _, step := range []struct {
		statements []string
		want       string
	}{
		{[]string{"SELECT 1"}, ""},
		{[]string{"CREATE TABLE a (n INT)"}, "0 rows in 1 table"},
		{[]string{"INSERT INTO a VALUES (1)"}, "1 row in 1 table"},
		{[]string{"CREATE TABLE `Odd ``name``` AS SELECT seq FROM seq_1_to_41"}, "42 rows in 2 tables"},
		{[]string{"CREATE VIEW v AS SELECT * FROM a"}, "42 rows in 2 tables"},
	} {
		must(t, url, step.statements...)
		if diff, err := d.Diff(t.Context(), r); err != nil || diff.Lost != step.want {
			t.Errorf("after %s: %q, %v; want %q", step.statements, diff.Lost, err, step.want)
		}
	}
	if diff, err := d.Diff(t.Context(), fresh()); err != nil || diff.Lost != "" {
		t.Errorf("of nothing: %q, %v", diff.Lost, err)
	}
	// A table that somebody has locked is estimated, not waited for.
	cfg := config("tcp", fmt.Sprintf("127.0.0.1:%d", port(t, d)), r.ExternalID, d.passwordOf(r, 0).Reveal())
	cfg.DBName = r.ExternalID
	db, conn, err := connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := conn.ExecContext(t.Context(), "LOCK TABLES a WRITE"); err != nil {
		t.Fatal(err)
	}
	if diff, err := d.Diff(t.Context(), r); err != nil || !strings.HasPrefix(diff.Lost, "about 4") {
		t.Errorf("with a locked table: %q, %v", diff.Lost, err)
	}
}

func scratch(t *testing.T, d *Driver) {
	run := pave.NewID("run")
	var url pave.Secret
	eventually(t, "it is made", func() bool { var err error; url, err = d.Make(t.Context(), run); return err == nil })
	must(t, url, "CREATE TABLE t (n INT)")
	again, err := d.Make(t.Context(), run)
	if err != nil || again != url {
		t.Errorf("made again: %v", err)
	}
	must(t, again, "SELECT * FROM t")
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
	if left := admin(t, d, "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'scratch%'"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// noPasswordInLog reads all that the server wrote.
func noPasswordInLog(t *testing.T, d *Driver) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	lines := 0
	for line, err := range d.Node.Logs(ctx, node.LogQuery{Server: serverID, Tail: 1 << 20}) {
		if err != nil {
			t.Fatal(err)
		}
		lines++
		if strings.Contains(line.Text, canary) {
			t.Fatalf("the server's log holds a password: %s", line.Text)
		}
	}
	if lines == 0 {
		t.Error("the server has no log")
	}
}

// A server that is killed is back by itself, with all rows; one that nobody started is
// not started to look.
func TestKilled(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	r := fresh()
	if _, err := d.Observe(t.Context(), r); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("without a server: %v", err)
	}
	if found, err := d.List(t.Context()); err != nil || found != nil {
		t.Errorf("without a server: %v, %v", found, err)
	}
	if c := d.Check(t.Context()); !c[0].OK || !strings.HasPrefix(c[0].Detail, "MariaDB 1") {
		t.Errorf("check: %+v", c)
	}
	url := ready(t, d, r).Secrets["url"]
	must(t, url, "CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1), (2), (3)")
	st, err := d.Node.Server(t.Context(), serverID)
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(st.PID, syscall.SIGKILL)
	eventually(t, "it is back", func() bool { out, err := as(t, url, "SELECT COUNT(*) FROM t"); return err == nil && out == "3\n" })
	eventually(t, "it is seen", func() bool {
		st, err := d.Observe(t.Context(), r)
		return err == nil && st.Ready && st.Secrets["url"] == url
	})
}
