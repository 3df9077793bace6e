package terraform_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// What a module protects is not deleted: the plan is refused before anything stops, and
// nothing of it is destroyed. An admin names the service, it is healed, and then it goes;
// another one stays protected.
func TestProtected(t *testing.T) {
	l := newLab(t)
	kept, err := filepath.Abs("modules/kept")
	if err != nil {
		t.Fatal(err)
	}
	bind := func(args ...string) {
		t.Helper()
		l.pave(append([]string{"bind", "staging", "database", "terraform", "--module", kept, "--mirror", l.mirror}, args...)...)
	}
	bind()
	l.pave(l.create("shop")...)
	l.pave(l.create("till")...)
	l.live("shop")
	oid := l.query(`SELECT oid FROM pg_database WHERE datname = 'shop_staging'`)
	refused := func(args ...string) {
		t.Helper()
		out, err := l.try(args...)
		if err == nil {
			t.Fatalf("pave %s is not refused:\n%s", strings.Join(args, " "), out)
		}
		l.has(out, "database:staging/shop/shop is protected", "the input deletable does not name shop", "pave heal shop")
		if got := l.query(`SELECT oid FROM pg_database WHERE datname = 'shop_staging'`); got != oid || l.there("shop") != "1 1" {
			t.Errorf("refused, there are %s, the database is %s, before %s", l.there("shop"), got, oid)
		}
		l.live("shop")
	}
	refused("plan", "delete", "service", "shop")
	refused("delete", "service", "shop", "--yes")
	refused("remove", "database", "--service", "shop", "--yes")

	bind("--set", `deletable=["shop"]`)
	refused("delete", "service", "shop", "--yes") // not before it was applied
	l.pave("heal", "shop")
	l.pave("delete", "service", "shop", "--yes")
	if got := l.there("shop"); got != "0 0" {
		t.Errorf("deleted there are %s", got)
	}
	if out, err := l.try("delete", "service", "till", "--yes"); err == nil || l.there("till") != "1 1" {
		t.Errorf("another one is deleted: %s", out)
	}
	// A creation that stopped after its database was made is taken back in the same way.
	args := l.create("fails")
	for i, a := range args {
		if strings.HasPrefix(a, "binary=") {
			args[i] = "binary=/bin/false"
		}
	}
	if out, err := l.try(args...); err == nil || l.there("fails") != "1 1" {
		t.Fatalf("what cannot start is live, or has no database:\n%s", out)
	}
	runs := strings.Fields(l.pave("list", "runs", "--service", "fails", "--state", "stopped", "-o", "name"))
	run := runs[len(runs)-1] // what is within it stopped later
	if out, err := l.try("undo", run, "--yes"); err == nil || !strings.Contains(out, "is protected") || l.there("fails") != "1 1" {
		t.Errorf("undone there are %s:\n%s", l.there("fails"), out)
	}
	bind("--set", `deletable=["fails"]`)
	l.pave("heal", "fails")
	l.pave("undo", run, "--yes")
	if got := l.there("fails") + " " + l.there("till"); got != "0 0 1 1" {
		t.Errorf("undone there are %s", got)
	}
}
