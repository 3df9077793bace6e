package redis

import (
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// visits: visitors have the rights that were asked for, side by side with a rotation,
// and are shut out by Disconnect or at their end.
func visits(t *testing.T, g *rig) {
	r := fresh()
	u := ready(t, g.Driver, r).Secrets["url"]
	must(t, u, "SET", "k", "v")
	visit := func(readOnly bool, within time.Duration) (string, pave.Secret) {
		id := pave.NewID("con")
		url, err := g.Connect(t.Context(), r, resource.Visit{ID: id, ReadOnly: readOnly, Until: time.Now().Add(within)})
		if err != nil {
			t.Fatal(err)
		}
		return id, url
	}
	reader, read := visit(true, time.Hour)
	_, write := visit(false, time.Hour)
	_, short := visit(false, time.Second)
	for command, url := range map[string]pave.Secret{"GET k": read, "SET k w": write, "PING": short} {
		words := strings.Fields(command)
		var args []any
		for _, w := range words[1:] {
			args = append(args, w)
		}
		must(t, url, words[0], args...)
	}
	for _, command := range [][]any{{"SET", "k", "x"}, {"FLUSHALL"}, {"DEL", "k"}, {"EVAL", "return 1", 0}, {"CONFIG", "GET", "*"}, {"ACL", "LIST"}, {"PUBLISH", "c", "m"}} {
		if _, err := do(read, command[0].(string), command[1:]...); err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("a reader may %v: %v", command, err)
		}
	}
	now := with(r, 1)
	ready(t, g.Driver, now)
	if err := g.Revoke(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	must(t, read, "GET", "k")
	open, err := redis.DialURL(read.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for range 2 {
		if err := g.Disconnect(t.Context(), now, reader); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open.Do("PING"); err == nil {
		t.Error("a connection outlives its visit")
	}
	must(t, write, "GET", "k")
	eventually(t, "the node shuts a visitor out at the end", func() bool { _, err := do(short, "PING"); return err != nil })
	if err := g.SetAside(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Connect(t.Context(), now, resource.Visit{ID: pave.NewID("con")}); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a visit to what is set aside: %v", err)
	}
	if err := g.Disconnect(t.Context(), now, reader); err != nil {
		t.Error(err)
	}
}
