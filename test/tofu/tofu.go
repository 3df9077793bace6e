// Package tofu finds the program that tests of modules run them with.
package tofu

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Find returns the path of terraform or OpenTofu: PAVE_TERRAFORM alone where that is set,
// else what PATH has, else what make builds into bin. Without one the test is skipped; in
// continuous integration, which says that everything was run, it fails.
func Find(t testing.TB) string {
	t.Helper()
	if path := find(os.Getenv("PAVE_TERRAFORM"), root()); path != "" {
		return path
	}
	const without = "neither terraform nor tofu is on this machine, nor what PAVE_TERRAFORM names: install one, or build bin/tofu with make test-tofu"
	if os.Getenv("CI") == "true" {
		t.Fatal(without)
	}
	t.Skip(without)
	return ""
}

func find(wanted, root string) string {
	names := []string{"terraform", "tofu", filepath.Join(root, "bin", "tofu")}
	if wanted != "" {
		names = []string{wanted}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// root is the folder of the project, above that of the package under test.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
	}
}
