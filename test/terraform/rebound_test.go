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
	all := strings.Fields(l.stopped("shop")) // the rollout, and the run above it
	create := all[len(all)-1]
	way := "pave heal shop, then pave retry " + create
	l.has(l.pave("bind", "staging", "database", "terraform", "--module", l.module, "--set", "connections=15", "--mirror", l.mirror),
		"note: port=1 was given before, and is not any more: to keep it, give --set port=1 again", way)
	out = l.pave("plan", "heal", "shop")
	l.has(out, "port 1 -> nothing", "read anew, as the database changes", "not known: it is made by a module")
	l.pave("heal", "shop")
	out, err = l.try("retry", create)
	if err != nil {
		t.Errorf("retry: %v\n%s", err, out)
	}
	l.live("shop")
	l.has(l.pave("delete", "service", "shop", "--yes"), "database of staging was deleted with all that was in it, the rest is kept until")
}

// What an apply left half made is made anew by a retry of that very run.
func TestTainted(t *testing.T) {
	l := newLab(t)
	flag := filepath.Join(filepath.Dir(l.faults), "works") // where terraform's user comes
	l.module = l.variant(func(_, text string) string { return text },
		"resource \"terraform_data\" \"q\" {\n  depends_on = [pavetest_database.this]\n  provisioner \"local-exec\" {\n    command = \"test -e "+flag+"\"\n  }\n}\n")
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
