package node

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// assertNoSecret looks for a value in the command lines of all processes and in
// all files of a node.
func assertNoSecret(t *testing.T, home, value string) {
	t.Helper()
	cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	if len(cmdlines) == 0 {
		t.Fatal("no process is to be seen")
	}
	for _, path := range cmdlines {
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(value)) {
			t.Errorf("the secret is in %s: %q", path, data)
		}
	}
	files := 0
	_ = filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files++
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(value)) {
				t.Errorf("the secret is in %s", path)
			}
		}
		return nil
	})
	if files == 0 {
		t.Fatal("the node has no files")
	}
}
