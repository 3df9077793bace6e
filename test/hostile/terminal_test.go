package hostile_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pave-platform/pave/test/world"
)

// escapes move cursors, write clipboards, hide text or turn it around.
var escapes = []string{"\x1b[2J\x1b[1;1H", "\x1b]52;c;ZXZpbA==\x07", "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", "safe\rEVIL", "\u009b31mred", "\u202etxt.exe", "a\x08\x08b", "\x1b]0;title\x07", "\x7f", "\ufeffhidden"}

// TestTerminal lets others put escapes wherever text of theirs is shown, and looks at
// what commands print.
func TestTerminal(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	id, err := h.Create(h.Fixture("shop", "web", "none"))
	if err == nil {
		_, err = h.Wait(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for i, e := range escapes {
		values[fmt.Sprint("E", i)] = e
		if _, _, err := h.Get("shop", "staging", "/say/"+url.PathEscape("line "+e)); err != nil {
			t.Fatal(err)
		}
	}
	run, err := h.Change("shop", "set variable", map[string]any{"service": "shop", "variables": values})
	if err == nil {
		_, err = h.Wait(run)
	}
	if err != nil && !strings.Contains(err.Error(), "variable") { // refused by name is as good
		t.Fatal(err)
	}
	for _, e := range escapes {
		_ = h.Try(t.Context(), http.MethodPost, "/v1/runs/"+id+"/cancel?reason="+url.QueryEscape(e), nil, nil) // it is over: the text comes back in the log
		_ = h.Try(t.Context(), http.MethodGet, "/v1/audit?actor="+url.QueryEscape(e), nil, nil)
	}
	for _, args := range [][]string{{"logs", "shop", "--tail", "100"}, {"list", "variables", "--service", "shop"}, {"describe", "service", "shop"}, {"list", "runs"}, {"describe", "run", id},
		{"events"}, {"audit"}, {"status", "shop"}, {"explain", "shop"}, {"list", "revisions", "--service", "shop"},
		{"get", "service", escapes[0]}, {"logs", escapes[1]}, {"deploy", "shop", "--release", escapes[2]}, {"api", "GET", "/v1/services/" + url.PathEscape(escapes[0])},
		{"describe", "webhook", escapes[3]}, {"invite", escapes[4]}, {"login", escapes[5]}, {escapes[6]}, {"create", "webhook", escapes[7], "--events", escapes[8]}, {"set", "variable", escapes[9] + "=1", "--service", "shop"}} {
		out, _ := h.Command(t.Context(), args...) // many are refused: that is printed too
		for _, r := range out {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Errorf("pave %.60q prints %q: %.300q", args, r, out)
				break
			}
		}
		if out == "" {
			t.Errorf("pave %.60q prints nothing", args)
		}
	}
}
