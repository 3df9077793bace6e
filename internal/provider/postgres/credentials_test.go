package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/resource"
)

func with(r resource.Resource, credentials int) resource.Resource {
	r.Spec = fmt.Appendf(nil, `{"engine":"postgresql","credentials":%d}`, credentials)
	return r
}

// rotation: old and new credentials are good side by side, what the new ones make is
// the owner's, and only after Revoke are the old ones shut out, open connections too.
func rotation(t *testing.T, d *Driver) {
	r := fresh()
	first := ready(t, d, r).Secrets["url"].Reveal()
	must(t, first, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
	urls := []string{first}
	for number := 1; number <= 3; number++ {
		now := with(r, number)
		if st, err := d.Observe(t.Context(), now); err != nil || st.Ready {
			t.Fatalf("before Apply: %+v, %v", st, err)
		}
		st := ready(t, d, now)
		next := st.Secrets["url"].Reveal()
		urls = append(urls, next)
		must(t, next, "SELECT n FROM t", fmt.Sprintf("CREATE TABLE t%d (n int)", number), fmt.Sprintf("INSERT INTO t%d SELECT n FROM t", number))
		must(t, urls[number-1], fmt.Sprintf("SELECT n FROM t%d", number), fmt.Sprintf("DROP TABLE IF EXISTS t%d", number-1))
		open, done := make(chan error, 1), make(chan struct{})
		go func() {
			close(done)
			_, err := as(t, urls[number-1], "SELECT pg_sleep(30)")
			open <- err
		}()
		<-done
		eventually(t, "an old connection sleeps", func() bool {
			return admin(t, d, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND datname = '"+r.ExternalID+"'") == "1\n"
		})
		for _, want := range []bool{true, false, false} {
			if stale, err := d.Stale(t.Context(), now); err != nil || stale != want {
				t.Errorf("credentials %d: stale %v, %v; want %v", number, stale, err, want)
			}
			if err := d.Revoke(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-open; err == nil {
			t.Error("a connection of old credentials lives on")
		}
		for i, url := range urls {
			if _, err := as(t, url, "SELECT 1"); (err == nil) != (i == number) {
				t.Errorf("after rotation %d credentials %d: %v", number, i, err)
			}
		}
		if again := ready(t, d, now).Secrets["url"].Reveal(); again != next {
			t.Error("applied again it has another URL")
		}
		if _, err := as(t, first, "SELECT 1"); err == nil {
			t.Error("another Apply lets the first credentials in again")
		}
	}
	kept(t, d, with(r, 3), urls[3])
}

// kept: rotated credentials are shut out while a database is set aside, are the same
// once it is back, and go with it.
func kept(t *testing.T, d *Driver, r resource.Resource, url string) {
	if err := d.SetAside(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	aside := strings.Replace(url, "/"+r.ExternalID+"?", "/"+resource.AsideName(r.ExternalID, r.ID)+"?", 1)
	for _, u := range []string{url, aside} {
		if _, err := as(t, u, "SELECT 1"); err == nil {
			t.Error("what is set aside lets in")
		}
	}
	if got := ready(t, d, r).Secrets["url"].Reveal(); got != url {
		t.Error("brought back it has another URL")
	}
	must(t, url, "SELECT n FROM t3")
	wantDrift(t, d, r, "after all that", nil)
	admin(t, d, "ALTER ROLE "+quote(loginName(r, 3))+" NOLOGIN")
	wantDrift(t, d, r, "login shut", []string{"nobody can log in"})
	ready(t, d, r)
	for range 2 {
		if err := d.Delete(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if left := admin(t, d, "SELECT rolname FROM pg_roles WHERE rolname LIKE '"+r.ExternalID+"%'"); left != "" {
		t.Errorf("roles are left: %s", left)
	}
}

// halfRotated puts into the world what a crash in the middle of a rotation leaves.
func halfRotated(t *testing.T, d *Driver) {
	r := fresh()
	first := ready(t, d, r).Secrets["url"].Reveal()
	now, name, owner := with(r, 1), quote(loginName(r, 1)), quote(r.ExternalID)
	want := ready(t, d, now).Secrets["url"].Reveal()
	for what, leave := range map[string][]string{
		"made, without rights":        {"REVOKE " + owner + " FROM " + name, "ALTER ROLE " + name + " NOLOGIN PASSWORD NULL", "ALTER ROLE " + name + " RESET role"},
		"let in, without a password":  {"ALTER ROLE " + name + " PASSWORD NULL"},
		"owner shut, login not there": {"REVOKE " + owner + " FROM " + name, "DROP ROLE " + name},
	} {
		admin(t, d, leave...)
		if got := ready(t, d, now); got.Secrets["url"].Reveal() != want {
			t.Errorf("%s: it has another URL", what)
		}
		must(t, want, "SELECT 1")
		must(t, first, "SELECT 1")
	}
	admin(t, d, "ALTER ROLE "+owner+" NOLOGIN PASSWORD NULL") // a revocation that was cut off
	if err := d.Revoke(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	must(t, want, "SELECT 1")
}
