package templates_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/pave-platform/pave/templates"
)

// The workflows of all templates begin alike: what starts them, what they may, how long
// they take.
func TestWorkflowsBeginAlike(t *testing.T) {
	t.Parallel()
	head := func(name, end string) string {
		text, err := fs.ReadFile(templates.FS, name+"/skeleton/.github/workflows/ci.yaml.jinja")
		if err != nil {
			t.Fatal(err)
		}
		begin, _, ok := strings.Cut(string(text), end)
		if !ok {
			t.Fatalf("ci.yaml of %s has no %q", name, end)
		}
		return begin
	}
	for _, name := range names {
		if got, want := head(name, "    timeout-minutes: 15\n"), head("go-http", "    timeout-minutes: 15\n"); got != want {
			t.Errorf("ci.yaml of %s begins\n%s\nnot\n%s", name, got, want)
		}
	}
}
