package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every command that help shows has a page, the same in each run.
func TestMan(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	pages := map[string]string{}
	for range 2 {
		dir := filepath.Join(t.TempDir(), "man1")
		if got := f.pave(t, nil, "", "man", dir); got.code != 0 {
			t.Fatalf("%+v", got)
		}
		found, err := filepath.Glob(filepath.Join(dir, "*.1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(file)
			if first, ok := pages[name]; ok && first != string(text) {
				t.Errorf("%s differs from run to run", name)
			}
			pages[name] = string(text)
		}
	}
	for _, word := range []string{"pave create service", "--template", "EXAMPLE"} {
		if !strings.Contains(strings.ReplaceAll(pages["pave-create-service.1"], "\\-", "-"), word) {
			t.Errorf("the page of create service lacks %q:\n%s", word, pages["pave-create-service.1"])
		}
	}
	if len(pages) < 100 || pages["pave-node.1"] != "" {
		t.Errorf("%d pages; hidden commands have none", len(pages))
	}
	if got := f.pave(t, nil, "", "man", "/proc/none"); got.code == 0 || !strings.Contains(got.err, "next:") {
		t.Errorf("%+v", got)
	}
}
