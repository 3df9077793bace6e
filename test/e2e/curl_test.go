package e2e_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/pave-platform/pave/test/world"
)

// TestCurlExamples runs every example of docs/api.md as it stands there, and looks
// for the lines below it in what it prints, in their order.
func TestCurlExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```sh\n(.*?)```\n```\n(.*?)```\n").FindAllStringSubmatch(string(page), -1)
	if len(examples) < 11 || len(examples) != strings.Count(string(page), "```sh\n") {
		t.Fatalf("%d examples with what they print", len(examples))
	}
	h := world.New(t)
	for _, e := range examples {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", e[1])
		cmd.Env = append(os.Environ(), "PAVE_URL="+h.Stat().URL, "PAVE_TOKEN="+h.Stat().Token, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s%v\n%s", e[1], err, out)
			continue
		}
		rest := string(out)
		for line := range strings.Lines(e[2]) {
			line = strings.TrimSuffix(line, "\n")
			_, after, found := strings.Cut(rest, line)
			if !found {
				t.Errorf("%sdoes not print %q after what came before it:\n%s", e[1], line, out)
				break
			}
			rest = after
		}
	}
}
