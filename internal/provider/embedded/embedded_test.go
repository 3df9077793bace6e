package embedded

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// A client is what a service does with one kind.
type client struct {
	put   func(address pave.Secret, key, value string) error
	get   func(address pave.Secret, key string) (string, error)
	empty string // what would be lost of a fresh one
	lost  string // pattern of what two puts are
}

func (c client) fill(t *testing.T, address pave.Secret, key, value string) {
	t.Helper()
	if err := c.put(address, key, value); err != nil {
		t.Fatal(err)
	}
}

func (c client) has(t *testing.T, address pave.Secret, key, want string) {
	t.Helper()
	if got, err := c.get(address, key); err != nil || got != want {
		t.Errorf("%s is %q, %v; want %q", key, got, err, want)
	}
}

// TestStores runs what may share a node on one.
func TestStores(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, k := range []struct {
		d *Driver
		c client
	}{{g.nats, queues}, {g.s3, buckets}} {
		each := func(name string, f func(*testing.T, *rig, *Driver, client)) {
			t.Run(k.d.engine+" "+name, func(t *testing.T) { t.Parallel(); f(t, g, k.d, k.c) })
		}
		each("contract", contract)
		each("walls between services", walls)
		each("what would be lost", lost)
		each("rotation", rotation)
		each("visits", visits)
		each("scratch", scratch)
		each("half done", halfDone)
	}
}

func contract(t *testing.T, g *rig, d *Driver, c client) {
	resourcetest.Run(t, resourcetest.Config{
		New:    func(*testing.T) (resource.Driver, func() resource.Resource) { return d, d.fresh },
		Change: func(r resource.Resource) resource.Resource { return with(d, r, 1) },
		Foreign: func(t *testing.T, r resource.Resource) func() string {
			dir := filepath.Join(g.node.Home, "servers", d.serverID(r.ExternalID))
			if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "data", "theirs"), []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
			return func() string { return contents(dir) }
		},
		Fill: func(t *testing.T, _ resource.Resource, st resource.State) { c.fill(t, st.Secrets["url"], "k", "v") },
		Seen: func(t *testing.T, _ resource.Resource, st resource.State) string {
			v, err := c.get(st.Secrets["url"], "k")
			return fmt.Sprint(st.Secrets["url"].Reveal(), v, err == nil)
		},
		Within: 60 * time.Second,
	})
}

func contents(dir string) (out string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		out += path
		if err == nil && !d.IsDir() {
			data, err := os.ReadFile(path)
			out += string(data)
			return err
		}
		return err
	})
	return fmt.Sprint(out, err)
}

// walls: credentials of one service open nothing of another one, and nobody gets in
// without.
func walls(t *testing.T, g *rig, d *Driver, c client) {
	mine, theirs := ready(t, d, d.fresh()), ready(t, d, d.fresh())
	c.fill(t, theirs.Secrets["url"], "k", "theirs")
	port := ":" + theirs.Outputs["port"]
	at := strings.Replace(mine.Secrets["url"].Reveal(), ":"+mine.Outputs["port"], port, 1)
	at = strings.Replace(at, "/"+mine.Outputs["name"], "/"+theirs.Outputs["name"], 1)
	wrong := strings.Replace(theirs.Secrets["url"].Reveal(), theirs.Secrets["password"].Reveal(), "wrong", 1)
	for what, address := range map[string]string{"another service's": at, "a wrong": wrong} {
		if got, err := c.get(pave.NewSecret(address), "k"); err == nil {
			t.Errorf("%s password reads %q", what, got)
		}
		if err := c.put(pave.NewSecret(address), "k", "mine"); err == nil {
			t.Errorf("%s password writes", what)
		}
	}
	c.has(t, theirs.Secrets["url"], "k", "theirs")
	other := d.fresh()
	other.Spec = []byte(`{"engine":"kafka"}`)
	if _, err := d.Apply(t.Context(), other); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
		t.Errorf("another engine: %v", err)
	}
	public := d.fresh()
	public.Spec = fmt.Appendf(nil, `{"engine":%q,"public":true}`, d.engine)
	if _, err := d.Apply(t.Context(), public); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
		t.Errorf("a public one: %v", err)
	}
	noPassword(t, g.node.Home, mine.Secrets["password"].Reveal(), theirs.Secrets["password"].Reveal())
}

func lost(t *testing.T, _ *rig, d *Driver, c client) {
	r := d.fresh()
	u := ready(t, d, r).Secrets["url"]
	if diff, err := d.Diff(t.Context(), r); err != nil || diff.Lost != c.empty {
		t.Errorf("of an empty one: %q, %v", diff.Lost, err)
	}
	c.fill(t, u, "a", "1")
	c.fill(t, u, "b", "2")
	if diff, err := d.Diff(t.Context(), r); err != nil || !regexp.MustCompile(c.lost).MatchString(diff.Lost) {
		t.Errorf("after two: %q, %v; want %s", diff.Lost, err, c.lost)
	}
	if err := d.SetAside(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if diff, err := d.Diff(t.Context(), r); err != nil || !strings.Contains(diff.Lost, "on disk") {
		t.Errorf("set aside: %q, %v", diff.Lost, err)
	}
	if diff, err := d.Diff(t.Context(), d.fresh()); err != nil || diff.Lost != "" {
		t.Errorf("of nothing: %q, %v", diff.Lost, err)
	}
}

// rotation: old and new credentials are good side by side without a restart, and after
// Revoke the new ones alone.
func rotation(t *testing.T, g *rig, d *Driver, c client) {
	r := d.fresh()
	urls := []pave.Secret{ready(t, d, r).Secrets["url"]}
	c.fill(t, urls[0], "k", "v")
	before := g.pid(t, d, r)
	for number := 1; number <= 2; number++ {
		now := with(d, r, number)
		urls = append(urls, ready(t, d, now).Secrets["url"])
		for _, u := range urls[number-1:] {
			c.has(t, u, "k", "v")
		}
		for _, want := range []bool{true, false} {
			if stale, err := d.Stale(t.Context(), now); err != nil || stale != want {
				t.Errorf("credentials %d: stale %v, %v; want %v", number, stale, err, want)
			}
			if err := d.Revoke(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		for i, u := range urls {
			if _, err := c.get(u, "k"); (err == nil) != (i == number) {
				t.Errorf("after rotation %d credentials %d: %v", number, i, err)
			}
		}
	}
	if now := g.pid(t, d, r); now != before {
		t.Errorf("it was started again: %d, %d", before, now)
	}
}

func visits(t *testing.T, _ *rig, d *Driver, c client) {
	r := d.fresh()
	u := ready(t, d, r).Secrets["url"]
	c.fill(t, u, "k", "v")
	look := resource.Visit{ID: pave.NewID("con"), ReadOnly: true, Until: time.Now().Add(time.Hour)}
	work := resource.Visit{ID: pave.NewID("con"), Until: time.Now().Add(time.Hour)}
	reader, err := d.Connect(t.Context(), r, look)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := d.Connect(t.Context(), r, work)
	if err != nil {
		t.Fatal(err)
	}
	c.has(t, reader, "k", "v")
	if err := c.put(reader, "k", "changed"); err == nil {
		t.Error("who may read writes")
	}
	c.fill(t, writer, "k", "w")
	c.has(t, u, "k", "w")
	for range 2 {
		for _, v := range []resource.Visit{look, work} {
			if err := d.Disconnect(t.Context(), r, v.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, gone := range []pave.Secret{reader, writer} {
		if _, err := c.get(gone, "k"); err == nil {
			t.Error("a visit that ended reads")
		}
	}
	c.has(t, u, "k", "w")
}

func scratch(t *testing.T, _ *rig, d *Driver, c client) {
	run := pave.NewID("run")
	u, err := d.Make(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	c.fill(t, u, "k", "v")
	again, err := d.Make(t.Context(), run)
	if err != nil || again != u {
		t.Errorf("made again: %v", err)
	}
	c.has(t, again, "k", "v")
	found, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if strings.Contains(f.ExternalID, "scratch") {
			t.Errorf("the sweep sees %+v", f)
		}
	}
	for range 2 {
		if err := d.Drop(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.get(u, "k"); err == nil {
		t.Error("dropped it answers")
	}
}

// halfDone puts into the world what a crash between two effects leaves.
func halfDone(t *testing.T, g *rig, d *Driver, c client) {
	r := d.fresh()
	want := ready(t, d, r)
	c.fill(t, want.Secrets["url"], "k", "v")
	if err := d.SetAside(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	folder := func(name string) string { return filepath.Join(g.node.Home, "servers", name) }
	aside := folder(d.serverID(resource.AsideName(r.ExternalID, r.ID)))
	if err := os.Rename(aside, folder(d.serverID(r.ExternalID))); err != nil { // wanted no more, not renamed
		t.Fatal(err)
	}
	if st, err := d.Observe(t.Context(), r); err != nil && pave.CodeOf(err) != pave.NotFound || st.Ready {
		t.Errorf("%+v, %v", st, err)
	}
	if got := ready(t, d, r); got.Secrets["url"] != want.Secrets["url"] {
		t.Error("it has another URL")
	}
	c.has(t, want.Secrets["url"], "k", "v")
}

// The server, the node and both are killed: it is back with all that was acknowledged,
// under the same address.
func TestChaos(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for _, k := range []struct {
		d *Driver
		c client
	}{{g.nats, queues}, {g.s3, buckets}} {
		r := k.d.fresh()
		before := ready(t, k.d, r)
		u, written := before.Secrets["url"], 0
		for round, kill := range []func(){
			func() { _ = syscall.Kill(g.pid(t, k.d, r), syscall.SIGKILL) },
			func() { g.node.Kill(t) },
			func() { _ = syscall.Kill(g.pid(t, k.d, r), syscall.SIGKILL); g.node.Kill(t) },
			func() { _ = syscall.Kill(g.pid(t, k.d, r), syscall.SIGTERM) },
		} {
			for range 20 {
				k.c.fill(t, u, fmt.Sprint("key", written), "v")
				written++
			}
			pid := g.pid(t, k.d, r)
			kill()
			eventually(t, "another process serves", func() bool {
				st, err := g.node.Server(t.Context(), k.d.serverID(r.ExternalID))
				return err == nil && st.Ready && st.PID != pid
			})
			if now := ready(t, k.d, r); now.Secrets["url"] != u {
				t.Errorf("%s round %d: it has another URL", k.d.engine, round)
			}
			for i := range written {
				k.c.has(t, u, fmt.Sprint("key", i), "v")
			}
			procs := job.Find(func(p job.Proc) bool { return strings.Contains(p.Dir(), k.d.serverID(r.ExternalID)) })
			if len(procs) != 1 {
				t.Errorf("%s round %d: %d processes, want 1", k.d.engine, round, len(procs))
			}
		}
	}
}
