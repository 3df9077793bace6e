package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// TestReference holds docs/reference.md to the commands themselves. UPDATE=1 writes
// it anew.
func TestReference(t *testing.T) {
	t.Parallel()
	golden(t, "../../docs/reference.md", reference(), "is not what the commands say")
}

// golden holds a page to what the code says. UPDATE=1 writes it anew.
func golden(t *testing.T, file, want, otherwise string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), want); diff != "" {
		t.Errorf("%s %s (UPDATE=1 go test ./internal/cli writes it):\n%s", file, otherwise, diff)
	}
}

// reference is the page of all commands, from their own help.
func reference() string {
	a := &app{deps: Deps{Getenv: func(string) string { return "" }}}
	var b strings.Builder
	b.WriteString("# Reference\n\nMade from the commands themselves; `pave COMMAND --help` shows the same.\n\n## Commands\n")
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		if c.Runnable() && c.HasParent() {
			writeCommand(&b, c)
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(a.root())
	for _, topic := range topics() {
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n", topic.Short, topic.Long)
	}
	b.WriteString(apiPage)
	return b.String()
}

func writeCommand(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n### pave %s\n\n%s\n\n```\n%s\n```\n", strings.TrimPrefix(c.UseLine(), "pave "), c.Long, strings.TrimRight(c.Example, "\n"))
	if flags := strings.TrimRight(c.LocalNonPersistentFlags().FlagUsages(), "\n"); flags != "" {
		fmt.Fprintf(b, "\n```\n%s\n```\n", flags)
	}
}

const apiPage = `
## API

The server describes its API itself: ` + "`GET /openapi.json`" + `. Every route asks for a token
(` + "`Authorization: Bearer`" + `), but /livez, /readyz, /openapi.json and the two documents under
/.well-known that verify workload identities. Errors are problems (RFC 9457) with ` + "`code`, `hint`" + `
and, for wrong inputs, ` + "`errors`" + `.

` + "```" + `
POST /v1/plans                 {"verb": "create service", "spec": {...}} -> a plan; Idempotency-Key is optional
POST /v1/plans/{id}/apply      carries it out: 201, Location of the run
POST /v1/services              plan and apply of a create in one call
GET  /v1/services/{name}/status
GET  /v1/runs/{id}             a run with its steps
GET  /v1/events/stream?run=ID  events as they come (server-sent events, Last-Event-ID)
` + "```" + `
`
