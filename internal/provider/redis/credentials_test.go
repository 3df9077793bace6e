package redis

import (
	"fmt"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

func with(r resource.Resource, credentials int) resource.Resource {
	r.Spec = fmt.Appendf(nil, `{"engine":"redis","credentials":%d}`, credentials)
	return r
}

// rotation: old and new users let in side by side without a restart, and after Revoke
// the old one is shut out, with the connections it has.
func rotation(t *testing.T, g *rig) {
	r := fresh()
	urls := []pave.Secret{ready(t, g.Driver, r).Secrets["url"]}
	must(t, urls[0], "SET", "k", "v")
	pid := func() int {
		st, err := g.Node.Server(t.Context(), serverID(r.ExternalID))
		if err != nil || st.Restarts > 0 {
			t.Fatalf("%+v, %v", st, err)
		}
		return st.PID
	}
	before := pid()
	for number := 1; number <= 3; number++ {
		now := with(r, number)
		urls = append(urls, ready(t, g.Driver, now).Secrets["url"])
		for _, u := range urls[number-1:] {
			if got, err := redis.String(do(u, "GET", "k")); err != nil || got != "v" {
				t.Errorf("both are to be good: %q, %v", got, err)
			}
		}
		open, err := redis.DialURL(urls[number-1].Reveal())
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
		for _, want := range []bool{true, false, false} {
			if stale, err := g.Stale(t.Context(), now); err != nil || stale != want {
				t.Errorf("credentials %d: stale %v, %v; want %v", number, stale, err, want)
			}
			if err := g.Revoke(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := open.Do("PING"); err == nil {
			t.Error("a connection of old credentials lives on")
		}
		for i, u := range urls {
			if _, err := do(u, "PING"); (err == nil) != (i == number) {
				t.Errorf("after rotation %d credentials %d: %v", number, i, err)
			}
		}
		if again := ready(t, g.Driver, now); again.Secrets["url"] != urls[number] {
			t.Error("applied again it has another URL")
		}
	}
	if now := pid(); now != before {
		t.Errorf("the server was restarted: process %d, before %d", now, before)
	}
	last := with(r, 3)
	if err := g.SetAside(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if got := ready(t, g.Driver, last); got.Secrets["url"] != urls[3] || must(t, urls[3], "GET", "k") != "v" {
		t.Error("brought back it is another")
	}
}
