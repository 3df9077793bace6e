package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/world"
)

// A developer's own database and cache outlive the server, are not those of an
// environment, are made anew when asked, and are gone with the service.
func TestDeveloperBackings(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	spec := h.Fixture("shop", "web", "postgresql")
	spec.Cache = "redis"
	create(t, h, spec)
	dev := func(fresh bool) map[string]string {
		t.Helper()
		var out pave.DevEnvironment
		if err := h.Call(http.MethodPost, "/v1/services/shop/dev", pave.DevRequest{Fresh: fresh}, &out); err != nil {
			t.Fatal(err)
		}
		if len(out.Own) != 2 || out.Environment != "staging" {
			t.Errorf("%+v", out)
		}
		h.Expect("run", "shop")
		return out.Variables
	}
	run := func(url, statement string) error {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(t.Context(), statement)
		return err
	}
	first := dev(false)
	if err := run(first["DATABASE_URL"], "CREATE TABLE mine (x int)"); err != nil {
		t.Fatal(err)
	}
	if live, err := h.Variable("shop", "staging", "DATABASE_URL"); err != nil || live == first["DATABASE_URL"] {
		t.Errorf("the developer's database is that of staging: %v", err)
	}
	h.KillServer()
	again := dev(false)
	for _, name := range []string{"DATABASE_URL", "REDIS_URL"} {
		if again[name] == "" || again[name] != first[name] {
			t.Errorf("%s is another one after the server died", name)
		}
	}
	if err := run(again["DATABASE_URL"], "INSERT INTO mine VALUES (1)"); err != nil {
		t.Error(err)
	}
	fresh := dev(true)
	if fresh["DATABASE_URL"] == first["DATABASE_URL"] || fresh["REDIS_URL"] == first["REDIS_URL"] {
		t.Error("a fresh one is the old one")
	}
	if err := run(first["DATABASE_URL"], "SELECT 1"); err == nil {
		t.Error("the old database is still there")
	}
	if err := run(fresh["DATABASE_URL"], "SELECT * FROM mine"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("the fresh database is not empty: %v", err)
	}
	id, err := h.Delete("shop")
	if err == nil {
		_, err = h.Wait(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	check(t, h, world.Service{Name: "shop", Database: true, Cache: true, Kept: true})
}
