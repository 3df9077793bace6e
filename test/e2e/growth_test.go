package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/test/world"
)

// What is older than PAVE_KEEP goes by itself, with all that is about it; the audit log
// stays whole, and a row of it is never large.
func TestGrowth(t *testing.T) {
	t.Parallel()
	h := world.New(t, "PAVE_KEEP=2")
	create(t, h, h.Fixture("old", "growth", "none"))
	if _, err := h.Command(t.Context(), "status", "old"); err != nil {
		t.Fatal(err)
	}
	_ = h.Call(http.MethodPost, "/v1/users", map[string]string{"name": strings.Repeat("x", 100_000)}, nil) // refused or cut
	db, err := store.Open(t.Context(), h.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	count := func(table string) (n int) {
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	h.KeepDown()
	h.KillServer()
	tables := map[string]string{"runs": "ended", "plans": "created", "effects": "done", "command_uses": "at"}
	for table, column := range tables {
		if count(table) == 0 {
			t.Errorf("no rows in %s to begin with", table)
		}
		age := 3 * 24 * time.Hour
		if table == "command_uses" {
			age = 401 * 24 * time.Hour
		}
		if _, err := db.Exec(t.Context(), fmt.Sprintf(`UPDATE %s SET %s = %s - $1`, table, column, column), age.Microseconds()); err != nil {
			t.Fatal(err)
		}
	}
	rows := count("audit")
	h.Up()
	left := func() (out []string) {
		for _, table := range []string{"runs", "steps", "events", "plans", "effects"} {
			if n := count(table); n > 0 {
				out = append(out, fmt.Sprintf("%d %s", n, table))
			}
		}
		return out
	}
	for end := time.Now().Add(h.Patience); len(left()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left: %v", left())
		}
	}
	if now := count("audit"); now < rows {
		t.Errorf("%d rows of audit, then %d", rows, now)
	}
	var longest int
	if err := db.QueryRow(t.Context(), `SELECT MAX(length(actor) + length(action) + length(object) + length(detail) + length(address) + length(request)) FROM audit`).Scan(&longest); err != nil || longest > 5000 {
		t.Errorf("a row of %d characters, %v", longest, err)
	}
	if out, err := h.Command(t.Context(), "admin", "verify"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	check(t, h, world.Service{Name: "old"})
}
