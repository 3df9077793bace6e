package redis

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// TestCaches runs what may share a node on one.
func TestCaches(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	t.Cleanup(func() { noPassword(t, g.node.Home) })
	t.Run("contract", func(t *testing.T) { t.Parallel(); contract(t, g) })
	t.Run("walls between services", func(t *testing.T) { t.Parallel(); walls(t, g.Driver) })
	t.Run("half done", func(t *testing.T) { t.Parallel(); halfDone(t, g) })
	t.Run("what would be lost", func(t *testing.T) { t.Parallel(); lost(t, g.Driver) })
	t.Run("scratch", func(t *testing.T) { t.Parallel(); scratch(t, g.Driver) })
	t.Run("rotation", func(t *testing.T) { t.Parallel(); rotation(t, g) })
	t.Run("visits", func(t *testing.T) { t.Parallel(); visits(t, g) })
}

var bound = regexp.MustCompile(`maxmemory:\d+`)

func contract(t *testing.T, g *rig) {
	resourcetest.Run(t, resourcetest.Config{
		New: func(*testing.T) (resource.Driver, func() resource.Resource) { return g.Driver, fresh },
		Change: func(r resource.Resource) resource.Resource {
			r.Spec = []byte(`{"engine":"redis","memory_mb":16}`)
			return r
		},
		Foreign: func(t *testing.T, r resource.Resource) func() string {
			dir := filepath.Join(g.node.Home, "servers", serverID(r.ExternalID))
			if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "data", "theirs"), []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
			return func() string {
				out := ""
				err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
					if err == nil && !d.IsDir() {
						data, err := os.ReadFile(path)
						out += path + string(data)
						return err
					}
					out += path
					return err
				})
				return fmt.Sprint(out, err)
			}
		},
		Fill: func(t *testing.T, _ resource.Resource, st resource.State) {
			must(t, st.Secrets["url"], "SET", "k", "v")
		},
		Seen: func(t *testing.T, _ resource.Resource, st resource.State) string {
			u := st.Secrets["url"]
			return fmt.Sprint(u.Reveal(), must(t, u, "GET", "k"), bound.FindString(must(t, u, "INFO", "memory").(string)))
		},
		Within: 40 * time.Second,
	})
}

func walls(t *testing.T, d *Driver) {
	one, two := fresh(), fresh()
	mine, theirs := ready(t, d, one), ready(t, d, two)
	u, err := url.Parse(mine.Secrets["url"].Reveal())
	if err != nil || u.User.Username() != one.ExternalID || mine.Outputs["user"] != one.ExternalID {
		t.Fatalf("%v, %v", mine.Outputs, err)
	}
	other, err := url.Parse(theirs.Secrets["url"].Reveal())
	if err != nil || other.Host == u.Host {
		t.Fatal("two services share a server", err)
	}
	u.Host = other.Host
	if _, err := do(pave.NewSecret(u.String()), "PING"); err == nil {
		t.Error("the password of one service opens the cache of another")
	}
	if !strings.HasPrefix(mine.Version, "redis ") || mine.ExternalID != "" {
		t.Errorf("state: %+v", mine)
	}
	two.Spec = []byte(`{"engine":"memcached"}`)
	if _, err := d.Apply(t.Context(), two); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
		t.Errorf("another engine: %v", err)
	}
	if c := d.Check(t.Context()); !c[0].OK {
		t.Errorf("check: %+v", c)
	}
}

// halfDone puts into the world what a crash between two effects leaves.
func halfDone(t *testing.T, g *rig) {
	r := fresh()
	want := ready(t, g.Driver, r)
	must(t, want.Secrets["url"], "SET", "k", "v")
	folder := func(name string) string { return filepath.Join(g.node.Home, "servers", name) }
	for what, leave := range map[string]func(){
		"wanted no more, not renamed": func() {
			aside := folder(serverID(resource.AsideName(r.ExternalID, r.ID)))
			if err := os.Rename(aside, folder(serverID(r.ExternalID))); err != nil {
				t.Fatal(err)
			}
		},
		"set aside under another name": func() {
			aside := folder(serverID(resource.AsideName(r.ExternalID, r.ID)))
			if err := os.Rename(aside, folder("redis-x~1")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if err := g.SetAside(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		leave()
		if st, err := g.Observe(t.Context(), r); err != nil && pave.CodeOf(err) != pave.NotFound || st.Ready {
			t.Errorf("%s: %+v, %v", what, st, err)
		}
		if diff, err := g.Diff(t.Context(), r); err != nil || !strings.Contains(diff.Lost, "on disk") {
			t.Errorf("%s: it holds %q, %v", what, diff.Lost, err)
		}
		if got := ready(t, g.Driver, r); got.Secrets["url"] != want.Secrets["url"] {
			t.Errorf("%s: it has another URL", what)
		}
		if got := must(t, want.Secrets["url"], "GET", "k"); got != "v" {
			t.Errorf("%s: it holds %v", what, got)
		}
	}
}

func lost(t *testing.T, d *Driver) {
	r := fresh()
	u := ready(t, d, r).Secrets["url"]
	if diff, err := d.Diff(t.Context(), r); err != nil || diff.Lost != "" {
		t.Errorf("of an empty one: %q, %v", diff.Lost, err)
	}
	for _, step := range []struct {
		command string
		want    string
	}{{"SET a 1", `^1 key \(\d+ KB\)$`}, {"MSET b 1 c 2", `^3 keys \(\d+ KB\)$`}, {"MOVE a 5", `^3 keys \(\d+ KB\)$`}, {"FLUSHALL", `^$`}} {
		words := strings.Fields(step.command)
		var args []any
		for _, w := range words[1:] {
			args = append(args, w)
		}
		must(t, u, words[0], args...)
		if diff, err := d.Diff(t.Context(), r); err != nil || !regexp.MustCompile(step.want).MatchString(diff.Lost) {
			t.Errorf("after %s: %q, %v; want %s", step.command, diff.Lost, err, step.want)
		}
	}
	if diff, err := d.Diff(t.Context(), fresh()); err != nil || diff.Lost != "" {
		t.Errorf("of nothing: %q, %v", diff.Lost, err)
	}
}

func scratch(t *testing.T, d *Driver) {
	run := pave.NewID("run")
	u, err := d.Make(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	must(t, u, "SET", "k", "v")
	again, err := d.Make(t.Context(), run)
	if err != nil || again != u || must(t, again, "GET", "k") != "v" {
		t.Errorf("made again: %v", err)
	}
	found, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if strings.Contains(f.ExternalID, "scratch") || strings.Contains(f.ID, run) {
			t.Errorf("the sweep sees %+v", f)
		}
	}
	for range 2 {
		if err := d.Drop(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := do(u, "PING"); err == nil {
		t.Error("dropped it answers")
	}
}

// noPassword reads all files of a node: its logs, what it wants, configurations
// and data of servers. A password is in none of them.
func noPassword(t *testing.T, home string) {
	files := 0
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it went while we looked
		}
		data, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(data), canary) {
			t.Errorf("%s holds a password", path)
		}
		files++
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files, %v", files, err)
	}
}

// The server of a cache, the node and both are killed under load: it is back with
// what was written, under the same URL.
func TestChaos(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := fresh()
	before := ready(t, g.Driver, r)
	load := newLoad(before.Secrets["url"])
	defer load.stop()
	server := func() node.ServerStatus {
		st, err := g.Node.Server(t.Context(), serverID(r.ExternalID))
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	for round, kill := range []func(){
		func() { _ = syscall.Kill(server().PID, syscall.SIGKILL) },
		func() { g.node.Kill(t) },
		func() { _ = syscall.Kill(server().PID, syscall.SIGKILL); g.node.Kill(t) },
		func() { _ = syscall.Kill(server().PID, syscall.SIGTERM) },
	} {
		load.more(t, 500)
		pid := server().PID
		kill()
		eventually(t, "another process serves", func() bool {
			st, err := g.Node.Server(t.Context(), serverID(r.ExternalID))
			return err == nil && st.Ready && st.PID != pid
		})
		load.more(t, 500)
		if missing := load.missing(t); len(missing) > 0 {
			t.Errorf("round %d: %d of the keys written are lost, such as %s", round, len(missing), missing[0])
		}
		if now := ready(t, g.Driver, r); now.Secrets["url"] != before.Secrets["url"] {
			t.Errorf("round %d: it has another URL", round)
		}
		if procs := job.Find(func(p job.Proc) bool { return strings.HasPrefix(p.Dir(), g.node.Home) && p.Env("PAVE_ITEM") != "" }); len(procs) != 1 {
			t.Errorf("round %d: %d processes, want 1", round, len(procs))
		}
	}
}

// A load writes keys without end and knows which were acknowledged.
type load struct {
	url  pave.Secret
	end  context.CancelFunc
	wg   sync.WaitGroup
	mu   sync.Mutex
	keys []string
}

func newLoad(url pave.Secret) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{url: url, end: cancel}
	for worker := range 4 {
		l.wg.Go(func() {
			for n := 0; ctx.Err() == nil; time.Sleep(5 * time.Millisecond) { // while it is dead, try again
				c, err := redis.DialURL(url.Reveal())
				if err != nil {
					continue
				}
				for ; ctx.Err() == nil && err == nil; n++ {
					key := fmt.Sprintf("key:%d:%d", worker, n)
					if _, err = c.Do("SET", key, key); err == nil {
						l.mu.Lock()
						l.keys = append(l.keys, key)
						l.mu.Unlock()
						time.Sleep(time.Millisecond)
					}
				}
				c.Close()
			}
		})
	}
	return l
}

func (l *load) stop() { l.end(); l.wg.Wait() }

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.keys)
}

// more waits until so many further keys are written.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	want := l.count() + n
	eventually(t, "the load goes on", func() bool { return l.count() >= want })
}

// missing returns the keys that were acknowledged and are not there.
func (l *load) missing(t *testing.T) (out []string) {
	t.Helper()
	l.mu.Lock()
	keys := append([]string{}, l.keys...)
	l.mu.Unlock()
	args := make([]any, len(keys))
	for i, k := range keys {
		args[i] = k
	}
	values, err := redis.Strings(do(l.url, "MGET", args...))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		if v != keys[i] {
			out = append(out, keys[i])
		}
	}
	return out
}
