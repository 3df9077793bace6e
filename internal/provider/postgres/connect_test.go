package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

func visit(readOnly bool) resource.Visit {
	return resource.Visit{ID: pave.NewID("con"), ReadOnly: readOnly, Until: time.Now().Add(time.Hour)}
}

// visits: a visitor has the rights that were asked for, in one database, and nothing is
// left of it.
func visits(t *testing.T, d *Driver) {
	r, other := fresh(), fresh()
	url := ready(t, d, r).Secrets["url"].Reveal()
	ready(t, d, other)
	must(t, url, "CREATE SCHEMA inner_one", "CREATE TABLE t (n int)", "CREATE TABLE inner_one.t (n int)", "INSERT INTO t VALUES (1)")
	reader, writer := visit(true), visit(false)
	read, err := d.Connect(t.Context(), r, reader)
	if err != nil {
		t.Fatal(err)
	}
	write, err := d.Connect(t.Context(), r, writer)
	if err != nil {
		t.Fatal(err)
	}
	must(t, read.Reveal(), "SELECT n FROM t", "SELECT n FROM inner_one.t")
	for _, statement := range []string{"INSERT INTO t VALUES (2)", "CREATE TABLE mine (n int)", "DROP TABLE t", "SET ROLE " + quote(r.ExternalID), "SELECT rolpassword FROM pg_authid", "CREATE TEMP TABLE x (n int)"} {
		if _, err := as(t, read.Reveal(), "SET default_transaction_read_only TO off", "SET transaction_read_only TO off", statement); err == nil {
			t.Errorf("a reader may %s", statement)
		}
	}
	must(t, write.Reveal(), "INSERT INTO t VALUES (2)", "CREATE TABLE theirs (n int)")
	must(t, url, "INSERT INTO theirs VALUES (1)", "DROP TABLE theirs") // it is the service's
	for _, address := range []string{read.Reveal(), write.Reveal()} {
		if _, err := as(t, elsewhere(t, address, other.ExternalID), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("a visitor comes into another database: %v", err)
		}
	}
	bounded(t, read.Reveal())
	open, err := pgx.Connect(t.Context(), write.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close(t.Context())
	for range 2 {
		for _, v := range []resource.Visit{reader, writer} {
			if err := d.Disconnect(t.Context(), r, v.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if open.Ping(t.Context()) == nil {
		t.Error("a connection outlives its visit")
	}
	if left := admin(t, d, "SELECT rolname FROM pg_roles WHERE rolname IN ('"+visitName(reader.ID)+"', '"+visitName(writer.ID)+"')"); left != "" {
		t.Errorf("roles are left: %s", left)
	}
	visitorsOfWhatIsAway(t, d, r)
}

// traps: what the owner of a database puts in the way of the catalog is not run by the
// superuser who goes into it.
func traps(t *testing.T, d *Driver) {
	r := fresh()
	url := ready(t, d, r).Secrets["url"].Reveal()
	owner := r.ExternalID
	if owner == "" {
		owner = must(t, url, "SELECT current_database()")
	}
	must(t, url, "CREATE TABLE t (n int)", "CREATE SCHEMA evil",
		`CREATE FUNCTION evil.trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE ' || quote_ident(session_user) || ' SET application_name TO trapped'; RAISE EXCEPTION 'trapped'; END $$`,
		"CREATE VIEW evil.pg_namespace AS SELECT * FROM pg_catalog.pg_namespace WHERE evil.trap()",
		"CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE evil.trap()",
		"ALTER DATABASE "+quote(owner)+" SET search_path TO evil, pg_catalog, public",
		"ALTER DATABASE "+quote(owner)+" SET default_transaction_read_only TO on")
	reader := visit(true)
	if _, err := d.Connect(t.Context(), r, reader); err != nil {
		t.Errorf("a visit: %v", err)
	}
	if diff, err := d.Diff(t.Context(), r); err != nil || !strings.HasPrefix(diff.Lost, "0 rows in 1 table") {
		t.Errorf("what would be lost: %+v, %v", diff, err)
	}
	if err := d.Disconnect(t.Context(), r, reader.ID); err != nil {
		t.Errorf("the end of a visit: %v", err)
	}
}

// bounded: a visitor has few connections.
func bounded(t *testing.T, url string) {
	var all []*pgx.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close(t.Context())
		}
	}()
	for len(all) <= visitConnections {
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			break
		}
		all = append(all, c)
	}
	if len(all) != visitConnections {
		t.Errorf("a visitor has %d connections, want %d", len(all), visitConnections)
	}
}

// visitorsOfWhatIsAway: nobody visits what is set aside, and no role outlives what it
// was for.
func visitorsOfWhatIsAway(t *testing.T, d *Driver, r resource.Resource) {
	v := visit(false)
	url, err := d.Connect(t.Context(), r, v)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetAside(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := as(t, elsewhere(t, url.Reveal(), resource.AsideName(r.ExternalID, r.ID)), "SELECT 1"); err == nil {
		t.Error("somebody visits what is set aside")
	}
	if _, err := d.Connect(t.Context(), r, visit(true)); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a visit to what is set aside: %v", err)
	}
	if err := d.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := d.Disconnect(t.Context(), r, v.ID); err != nil {
		t.Error(err)
	}
	if left := admin(t, d, "SELECT rolname FROM pg_roles WHERE rolname = '"+visitName(v.ID)+"'"); left != "" {
		t.Errorf("roles are left: %s", left)
	}
	short := fresh()
	ready(t, d, short)
	past := resource.Visit{ID: pave.NewID("con"), Until: time.Now().Add(-time.Minute)}
	if url, err = d.Connect(t.Context(), short, past); err != nil {
		t.Fatal(err)
	}
	if _, err := as(t, url.Reveal(), "SELECT 1"); err == nil {
		t.Error("a visit whose time is over lets in")
	}
}
