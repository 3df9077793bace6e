package tofu

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	file := func(parts ...string) string {
		name := filepath.Join(append([]string{dir}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return name
	}
	terraform, both, tofu, built := file("both", "terraform"), file("both", "tofu"), file("one", "tofu"), file("root", "bin", "tofu")
	root, none := filepath.Join(dir, "root"), filepath.Join(dir, "none")
	for _, c := range []struct{ wanted, path, root, want string }{
		{"", "both", root, terraform},
		{"tofu", "both", root, both},
		{"", "one", root, tofu},
		{"", "none", root, built},
		{built, "both", root, built},
		{"", "none", none, ""},
		{filepath.Join(none, "tofu"), "both", root, ""}, // what is named is not replaced
	} {
		t.Setenv("PATH", filepath.Join(dir, c.path))
		if got := find(c.wanted, c.root); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// outcome runs Find as a test would, and tells how that one ended.
func outcome(t *testing.T) (path string, skipped, failed bool) {
	t.Helper()
	s := &stand{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		path = Find(s)
	}()
	<-done
	return path, s.skipped, s.failed
}

type stand struct {
	testing.TB
	skipped, failed bool
}

func (s *stand) Helper()      {}
func (s *stand) Fatal(...any) { s.failed = true; runtime.Goexit() }
func (s *stand) Skip(...any)  { s.skipped = true; runtime.Goexit() }

// Where nothing is found a test is skipped, but never in continuous integration.
func TestMissing(t *testing.T) {
	t.Setenv("PAVE_TERRAFORM", "/nowhere/tofu")
	for ci, fails := range map[string]bool{"": false, "true": true} {
		t.Setenv("CI", ci)
		if path, skipped, failed := outcome(t); path != "" || failed != fails || skipped == fails {
			t.Errorf("CI=%q: %q, skipped %v, failed %v", ci, path, skipped, failed)
		}
	}
	if _, err := os.Stat(filepath.Join(root(), "modules")); err != nil {
		t.Errorf("the folder of the project: %v", err)
	}
}
