package mysql

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// rotation: old and new users let in side by side, and after Revoke the old one is shut
// out, with the connections it has; what it made goes on.
func rotation(t *testing.T, d *Driver) {
	r := fresh()
	urls := []pave.Secret{ready(t, d, r).Secrets["url"]}
	must(t, urls[0], "CREATE TABLE t (n INT)", "INSERT INTO t VALUES (7)", "CREATE VIEW v AS SELECT * FROM t")
	for number := 1; number <= 3; number++ {
		now := with(r, number)
		urls = append(urls, ready(t, d, now).Secrets["url"])
		for _, u := range urls[number-1:] {
			if got := must(t, u, "SELECT n FROM v"); got != "7\n" {
				t.Errorf("both are to be good: %q", got)
			}
		}
		for _, want := range []bool{true, false, false} {
			if stale, err := d.Stale(t.Context(), now); err != nil || stale != want {
				t.Errorf("credentials %d: stale %v, %v; want %v", number, stale, err, want)
			}
			if err := d.Revoke(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		for i, u := range urls {
			if _, err := as(t, u, "SELECT n FROM v"); (err == nil) != (i == number) {
				t.Errorf("after rotation %d credentials %d: %v", number, i, err)
			}
		}
		if again := ready(t, d, now); again.Secrets["url"] != urls[number] {
			t.Error("applied again it has another URL")
		}
	}
	// The first one made a view and stays, shut out; the others are gone.
	if got := admin(t, d, "SELECT user FROM pave.logins WHERE resource = '"+r.ID+"' ORDER BY user"); got != r.ExternalID+"\n"+r.ExternalID+".3\n" {
		t.Errorf("users left: %q", got)
	}
	if err := d.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := admin(t, d, "SELECT User FROM mysql.global_priv WHERE User LIKE '"+r.ExternalID+"%'"); got != "" {
		t.Errorf("after Delete there is %q", got)
	}
}

// visits: visitors have the rights that were asked for, side by side with a rotation,
// and are shut out by Disconnect, or by the server at their end.
func visits(t *testing.T, d *Driver) {
	r := fresh()
	u := ready(t, d, r).Secrets["url"]
	must(t, u, "CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1)", "CREATE VIEW v AS SELECT * FROM t")
	visit := func(readOnly bool, within time.Duration) (string, pave.Secret) {
		id := pave.NewID("con")
		url, err := d.Connect(t.Context(), r, resource.Visit{ID: id, ReadOnly: readOnly, Until: time.Now().Add(within)})
		if err != nil {
			t.Fatal(err)
		}
		return id, url
	}
	reader, read := visit(true, time.Hour)
	writer, write := visit(false, time.Hour)
	_, short := visit(false, 2*time.Second)
	must(t, read, "SELECT n FROM t", "SELECT n FROM v")
	must(t, write, "INSERT INTO t VALUES (2)", "CREATE VIEW w AS SELECT * FROM t")
	must(t, short, "SELECT 1")
	for _, statement := range []string{"INSERT INTO t VALUES (3)", "DELETE FROM t", "DROP TABLE t", "CREATE TABLE x (n INT)", "CREATE TEMPORARY TABLE x (n INT)",
		"SELECT * FROM pave.logins", "SELECT * FROM t INTO OUTFILE '/tmp/pave-x'"} {
		if _, err := as(t, read, statement); err == nil {
			t.Errorf("a reader may %s", statement)
		}
	}
	now := with(r, 1)
	url := ready(t, d, now).Secrets["url"]
	if err := d.Revoke(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	must(t, read, "SELECT n FROM t")
	for _, id := range []string{reader, writer, reader, pave.NewID("con")} {
		if err := d.Disconnect(t.Context(), now, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range []pave.Secret{read, write} {
		if _, err := as(t, u, "SELECT 1"); err == nil {
			t.Error("a visit that ended lets in")
		}
	}
	if got := must(t, url, "SELECT COUNT(*) FROM w"); got != "2\n" {
		t.Errorf("what a visitor made says %q", got)
	}
	eventually(t, "the server shuts a visitor out at the end", func() bool { _, err := as(t, short, "SELECT 1"); return err != nil })
	if err := d.SetAside(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Connect(t.Context(), now, resource.Visit{ID: pave.NewID("con"), Until: time.Now().Add(time.Hour)}); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a visit to what is set aside: %v", err)
	}
}

// drift: what somebody changes by hand is told, and Apply makes it good.
func drift(t *testing.T, d *Driver) {
	for change, want := range map[string]string{
		"ALTER USER %s ACCOUNT LOCK":                         "nobody can log in",
		"ALTER USER %s IDENTIFIED BY 'pvcnry-mysql-by-hand'": "its password was changed",
		"GRANT CREATE USER ON *.* TO %s":                     "its user has more rights than it was given",
		"GRANT SELECT ON `other%%`.* TO %s":                  "its user has more rights than it was given",
		"REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s":        "its user has lost rights",
		"to guest": "guest may come in",
		"UPDATE pave.resources SET aside = TRUE WHERE db = %q": "it was set aside outside pave",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r := fresh()
			ready(t, d, r)
			var statement string
			switch {
			case strings.Contains(change, "%q"):
				statement = strings.Replace(change, "%q", "'"+r.ExternalID+"'", 1)
			case change == "to guest":
				admin(t, d, "CREATE OR REPLACE USER guest@'%'")
				statement = "GRANT SELECT ON " + everything(r.ExternalID) + " TO guest@'%'"
			default:
				statement = strings.ReplaceAll(strings.Replace(change, "%s", account(r.ExternalID), 1), "%%", "%")
			}
			if got, err := d.Drift(t.Context(), r); err != nil || len(got) > 0 {
				t.Fatalf("at first: %q, %v", got, err)
			}
			admin(t, d, statement)
			if got, err := d.Drift(t.Context(), r); err != nil || !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %q, %v; want %q", statement, got, err, want)
			}
			ready(t, d, r)
			if got, err := d.Drift(t.Context(), r); err != nil || len(got) > 0 {
				t.Errorf("after Apply: %q, %v", got, err)
			}
		})
	}
}
