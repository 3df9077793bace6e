package terraform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// variant is a copy of the module with one more file, in the place of that of its outputs.
func (l *lab) variant(replace func(name, text string) string, more string) string {
	l.t.Helper()
	dir := l.t.TempDir()
	files, err := filepath.Glob(filepath.Join(l.module, "*.tf"))
	if err != nil || len(files) == 0 {
		l.t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(replace(filepath.Base(file), string(data))), 0o644)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "more.tf"), []byte(more), 0o644); err != nil {
		l.t.Fatal(err)
	}
	return dir
}

func (l *lab) stopped(service string) string {
	l.t.Helper()
	return strings.TrimSpace(l.pave("list", "runs", "--service", service, "--state", "stopped", "-o", "name"))
}

// A database whose port is wrong stops the service behind it. Bound again, those who bind
// and those who retry are told how the right one gets there, and that is so.
func TestReboundAfterMade(t *testing.T) {
	l := newLab(t)
	l.module = l.variant(func(name, text string) string {
		return strings.Replace(text, "pavetest_database.this.port", "var.port > 0 ? var.port : pavetest_database.this.port", 1)
	}, "variable \"port\" {\n  type = number\n  default = 0\n}\n")
	l.rebind("--set", "port=1")
	out, err := l.try(l.create("shop")...)
	if err == nil {
		t.Fatalf("there is a database at port 1:\n%s", out)
	}
	run := l.stopped("shop")
	t.Logf("stopped: %q\n%s", run, out)
	way := "pave heal shop, then pave retry "
	l.has(l.pave("bind", "staging", "database", "terraform", "--module", l.module, "--set", "connections=15", "--mirror", l.mirror),
		"note: port=1 was given before, and is not any more: to keep it, give --set port=1 again", way)
	for _, id := range strings.Fields(run) {
		out, err = l.try("retry", id)
		t.Logf("retry %s: %v\n%s", id, err, out)
	}
	l.has(out, "the binding of database in staging (port 1 -> nothing) is another one since this was made", way)
	out = l.pave("plan", "heal", "shop")
	l.has(out, "port 1 -> nothing", "not known: it is made by a module")
	out, err = l.try("heal", "shop")
	t.Logf("heal: %v\n%s", err, out)
	out, err = l.try("retry", strings.Fields(run)[0])
	t.Logf("retry: %v\n%s", err, out)
	l.live("shop")
	l.has(l.pave("delete", "service", "shop", "--yes"), "database shop_staging by terraform was deleted with all that was in it, the rest is kept until")
}

// What an apply left half made is made anew by a retry of that very run.
func TestTainted(t *testing.T) {
	l := newLab(t)
	flag := filepath.Join(t.TempDir(), "works")
	l.module = l.variant(func(_, text string) string { return text },
		"resource \"terraform_data\" \"q\" {\n  depends_on = [pavetest_database.this]\n  provisioner \"local-exec\" {\n    command = \"test -e "+flag+"\"\n  }\n}\n")
	if err := os.Chmod(filepath.Dir(flag), 0o755); err != nil {
		t.Fatal(err)
	}
	l.rebind()
	out, err := l.try(l.create("shop")...)
	if err == nil {
		t.Fatalf("what fails is no error:\n%s", out)
	}
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l.pave("retry", l.stopped("shop"))
	l.live("shop")
}
