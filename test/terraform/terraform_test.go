package terraform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

// A service whose database a module makes: plan, life, push, drift, undo, delete.
func TestLife(t *testing.T) {
	l := newLab(t)
	l.has(l.pave(append([]string{"plan"}, l.create("shop")...)...), "terraform", "+ pavetest_database.this", "+ pavetest_role.this")
	if got := l.there("shop"); got != "0 0" {
		t.Fatalf("a plan made %s", got)
	}
	l.has(l.pave(l.create("shop")...), "shop (terraform)", `Service "shop" is live.`)
	l.live("shop")
	l.has(l.pave("doctor"), "terraform")
	if _, err := l.Commit("shop", map[string]string{"note": "more"}); err != nil {
		t.Fatal(err)
	}
	l.query(`ALTER ROLE shop_staging CONNECTION LIMIT 3`)
	l.has(l.pave("explain", "shop"), "drift: database:staging/shop/shop ~ pavetest_role.this: connection_limit 3 -> 15")
	l.pave("heal", "shop")
	if got := l.query(`SELECT rolconnlimit FROM pg_roles WHERE rolname = 'shop_staging'`); got != "15" {
		t.Errorf("healed it has %s connections", got)
	}
	l.canaries()
	l.has(l.pave("unbind", "staging", "database"), "postgres")
	l.has(l.pave("explain", "shop"), "terraform") // what was made stays
	l.has(l.pave("plan", "delete", "service", "shop"), "What it holds", "pavetest_database.this", "(not kept)")
	l.pave("delete", "service", "shop", "--yes")
	if got := l.there("shop"); got != "0 0" {
		t.Errorf("deleted there are %s", got)
	}
	if left, _ := os.ReadDir(filepath.Join(l.Dir, "terraform", "work")); len(left) > 0 {
		t.Errorf("working folders are left: %v", left)
	}
}

// canaries looks for what the provider is given, and for the password that it made,
// everywhere.
func (l *lab) canaries() {
	l.t.Helper()
	states, err := filepath.Glob(filepath.Join(l.Dir, "terraform", "work", "*", "terraform.tfstate"))
	if err != nil || len(states) != 1 {
		l.t.Fatalf("%v, %v", states, err)
	}
	data, err := os.ReadFile(states[0])
	if err != nil {
		l.t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "pvcnry_")
	password, _, _ := strings.Cut(rest, `"`)
	if !found || len(password) < 20 {
		l.t.Fatal("the state holds no password: the canary would find nothing")
	}
	mine := func(place string) bool {
		return strings.HasPrefix(place, "file terraform/work/") || strings.HasPrefix(place, "environment of ")
	}
	seen, places, err := l.Scan(world.Secret{Name: "admin", Value: canary}, world.Secret{Name: "password", Value: password, May: mine})
	if err != nil || len(seen) > 0 || places < 50 {
		l.t.Errorf("%v, %d places, %v", seen, places, err)
	}
}

// The server dies at every point of the step that makes the database: the run goes on by
// itself to its end, and there is one of each thing.
func TestKillServer(t *testing.T) {
	l := newLab(t)
	make := func(name string) {
		t.Helper()
		run, err := l.Create(l.Fixture(name, "web", "postgresql"))
		if err == nil {
			_, err = l.Wait(run)
		}
		if err != nil || l.there(name) != "1 1" {
			t.Fatalf("%s: there are %s, %v", name, l.there(name), err)
		}
		l.live(name)
	}
	make("aone")
	points := 0
	for _, p := range l.Passed() {
		if !strings.Contains(p, "database:staging") {
			continue
		}
		points++
		l.Arm(p)
		make("b" + string(rune('a'+points)) + "x")
		if !l.Disarm() {
			t.Errorf("nobody died at %s", p)
		}
	}
	if points < 3 {
		t.Errorf("%d points: %v", points, l.Passed())
	}
	l.fault("role.create slow")
	run, err := l.Create(l.Fixture("late", "web", "postgresql"))
	if err != nil {
		t.Fatal(err)
	}
	l.working()
	l.KillServer()
	if _, err := l.Wait(run); err != nil || l.there("late") != "1 1" {
		t.Errorf("killed while terraform works: there are %s, %v", l.there("late"), err)
	}
	l.live("late")
}

// working waits until a provider is at work, and returns terraform's processes.
func (l *lab) working() (pids []int) {
	l.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		all, _ := filepath.Glob("/proc/[0-9]*/cwd")
		pids = nil
		for _, cwd := range all {
			dir, err := os.Readlink(cwd)
			if err != nil || !strings.HasPrefix(dir, filepath.Join(l.Dir, "terraform", "work", "res_")) {
				continue
			}
			pid := 0
			for _, c := range strings.Split(cwd, "/")[2] {
				pid = pid*10 + int(c-'0')
			}
			if line := world.CommandLine(pid); strings.Contains(line, filepath.Base(l.program)) && strings.Contains(line, " apply ") && !strings.Contains(line, "/bin/sh") {
				pids = append(pids, pid)
			}
		}
		if len(pids) > 0 {
			time.Sleep(time.Second) // into the midst of the apply
			return pids
		}
	}
	l.t.Fatal("terraform does not work on anything")
	return nil
}

// Terraform itself is killed, and so is its provider; a provider that fails stops the run
// with its words and a way on.
func TestKillTerraform(t *testing.T) {
	l := newLab(t)
	l.fault("role.create slow")
	run, err := l.Create(l.Fixture("shop", "web", "postgresql"))
	if err != nil {
		t.Fatal(err)
	}
	pids := l.working()
	l.fault("")
	for _, pid := range pids {
		world.Kill(pid)
	}
	if _, err := l.Wait(run); err != nil || l.there("shop") != "1 1" {
		t.Errorf("there are %s, %v", l.there("shop"), err)
	}
	l.live("shop")

	l.fault("database.create fail")
	out, err := l.try(l.create("fails")...)
	if err == nil {
		t.Fatal("a provider that fails is no error")
	}
	l.has(out, "the fault of database.create", "pave retry", "pave undo")
	l.fault("")
	runs := l.pave("list", "runs", "--service", "fails", "--state", "stopped", "-o", "name")
	l.pave("retry", strings.TrimSpace(runs))
	l.live("fails")
	if got := l.there("fails"); got != "1 1" {
		t.Errorf("after a retry there are %s", got)
	}
}

// A run that failed for a wrong value of its binding goes on with that value when it is
// retried, as its plan showed, and says so; undone and given again it has the new one.
func TestRetryKeepsPlan(t *testing.T) {
	l := newLab(t)
	file := filepath.Join(t.TempDir(), "plan.json")
	l.pave(append([]string{"plan", "--out", file}, l.create("shop")...)...)
	l.rebind("--set", "connections=3000000000") // the rules of the module take it, PostgreSQL does not
	out, err := l.try("apply", file)
	if err == nil {
		t.Error("a plan is applied with another binding than it was made with")
	}
	l.has(out, "the plan no longer fits")
	out, err = l.try(l.create("shop")...)
	if err == nil {
		t.Fatal("PostgreSQL takes 3000000000 connections")
	}
	l.has(out, "with pave bind", "pave retry goes on with the module and the values of its plan", "pave undo")
	run := strings.TrimSpace(l.pave("list", "runs", "--service", "shop", "--state", "stopped", "-o", "name"))
	l.has(l.pave("bind", "staging", "database", "terraform", "--module", l.module, "--set", "connections=15", "--mirror", l.mirror),
		"note: create service shop stopped and was planned before: pave retry goes on without this binding; to have it, pave undo "+run[:16])
	since := "the binding of database in staging (connections 3000000000 -> 15) is another one since this was planned"
	for _, again := range [][]string{{"retry", run}, l.create("shop")} {
		out, err = l.try(again...)
		if err == nil || l.there("shop") != "0 0" {
			t.Errorf("%v took what no plan showed: %s", again, l.there("shop"))
		}
		l.has(out, since, "to have the new one, pave undo "+run[:16]+", then give the command again")
	}
	l.pave("undo", run, "--yes")
	l.pave(l.create("shop")...)
	l.live("shop")
	if got := l.query(`SELECT rolconnlimit FROM pg_roles WHERE rolname = 'shop_staging'`); got != "15" {
		t.Errorf("there are %s connections", got)
	}
	l.has(l.pave("doctor"), "module for database in staging "+l.module+": what is bound fits it")
}

// A backup holds the states, sealed: after a restore the service has the very database
// that it had, and nothing is made anew.
func TestRestore(t *testing.T) {
	l := newLab(t)
	l.pave(l.create("shop")...)
	oid := l.query(`SELECT oid FROM pg_database WHERE datname = 'shop_staging'`)
	dir := t.TempDir()
	backup, keys := filepath.Join(dir, "pave.backup"), filepath.Join(dir, "keys")
	l.pave("admin", "backup", backup, "--with-keys", keys)
	l.pave("down")
	if err := os.RemoveAll(l.Dir); err != nil {
		t.Fatal(err)
	}
	l.pave("admin", "restore", backup, "--keys", keys, "--replace")
	l.pave("up")
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		status, body, err := l.Get("shop", "staging", "/")
		if err == nil && status == 200 && body["rows"] != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d %v, %v\n%s", status, body, err, l.pave("list", "runs"))
		}
	}
	if got := l.query(`SELECT oid FROM pg_database WHERE datname = 'shop_staging'`); got != oid || l.there("shop") != "1 1" {
		t.Errorf("the database is another one: %s, before %s; there are %s", got, oid, l.there("shop"))
	}
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(500 * time.Millisecond) { // the run that healed it comes to its end
		out, err := l.try("delete", "service", "shop", "--yes")
		if err == nil {
			break
		}
		if time.Now().After(end) || !strings.Contains(out, "is going on") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if got := l.there("shop"); got != "0 0" {
		t.Errorf("deleted there are %s", got)
	}
}

// A database that exists outside is taken over by the service it is meant for, with what
// it holds.
func TestTakeOver(t *testing.T) {
	l := newLab(t)
	l.query(`CREATE ROLE shop_staging`)
	l.query(`CREATE DATABASE shop_staging OWNER shop_staging`)
	oid := l.query(`SELECT oid FROM pg_database WHERE datname = 'shop_staging'`)
	out, err := l.try(l.create("shop")...)
	if err == nil {
		t.Fatal("what is foreign was taken")
	}
	l.has(out, "already exists")
	l.pave("undo", strings.TrimSpace(l.pave("list", "runs", "--service", "shop", "--state", "stopped", "-o", "name")), "--yes")
	l.rebind("--import", "shop/pavetest_role.this={name}", "--import", "shop/pavetest_database.this={name}")
	l.has(l.pave(append([]string{"plan"}, l.create("shop")...)...), "< pavetest_database.this: imported, shop_staging", "< pavetest_role.this: imported, shop_staging")
	l.pave(l.create("shop")...)
	l.live("shop")
	if got := l.query(`SELECT oid FROM pg_database WHERE datname = 'shop_staging'`); got != oid {
		t.Errorf("the database is another one: %s, before %s", got, oid)
	}
	l.pave(l.create("other")...) // whose own things are made as ever
	l.live("other")
}
