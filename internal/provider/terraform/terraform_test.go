package terraform

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/test/tofu"
)

// values are a vault that has what tests put there.
type held map[string]pave.Secret

func (h held) Get(_ context.Context, id string) (pave.Secret, error) { return h[id], nil }

// A rig is a driver over a node of its own, with a provider and a server for it.
type rig struct {
	*Driver
	dir  string
	pg   *storetest.Server
	bind pave.Module
}

// newRig builds the provider. It takes a while: only make test-real does it.
func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("PAVE_TEST_REAL=1 (make test-real) runs this")
	}
	program := tofu.Find(t)
	dir, err := os.MkdirTemp("/tmp", "pvf") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	mirror := filepath.Join(dir, "mirror", "registry.terraform.io/pave-platform/pavetest/0.1.0", runtime.GOOS+"_"+runtime.GOARCH)
	build := exec.Command("go", "build", "-o", filepath.Join(mirror, "terraform-provider-pavetest_v0.1.0"), ".")
	build.Dir = "../../../tools/terraform-provider-pavetest"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(dir, "mirror", "registry.opentofu.org"), os.DirFS(filepath.Join(dir, "mirror", "registry.terraform.io"))); err != nil {
		t.Fatal(err) // where OpenTofu looks
	}
	home := filepath.Join(dir, "node")
	n, err := node.New(node.Options{Home: home, KeyFile: filepath.Join(dir, "key"), Socket: filepath.Join(dir, "s"), RouterAddr: "127.0.0.1:0",
		Version: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() { end(); <-done })
	client := node.Dial(filepath.Join(dir, "s"))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := client.Info(t.Context()); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	key, err := seal.LoadOrCreate(filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{dir: dir, pg: storetest.NewServer(t)}
	uid := 0
	if os.Geteuid() == 0 {
		uid = 69998
	}
	g.Driver = &Driver{Kind: pave.KindDatabase, Program: program, Node: client, Dir: filepath.Join(dir, "terraform"), UID: uid, Key: key, Env: map[string]string{"PATH": os.Getenv("PATH")},
		Vault: held{"url": pave.NewSecret(g.pg.URL("postgres")), "faults": pave.NewSecret(g.faults())}}
	g.bind = g.keep(t, filepath.Join(dir, "mirror"))
	return g
}

func (g *rig) faults() string { return filepath.Join(g.dir, "faults") }

// fault lets the provider fail at a place; "" ends that.
func (g *rig) fault(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(g.faults(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (g *rig) keep(t *testing.T, mirror string) pave.Module {
	t.Helper()
	kept, err := g.Keep(t.Context(), pave.KindDatabase, pave.BindRequest{Source: "test", Archive: zipped(t, os.DirFS(module)), Mirror: mirror}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := *kept.Binding.Module
	m.Secrets = map[string]string{"PAVETEST_URL": "url", "PAVETEST_FAULTS": "faults"}
	return m
}

func (g *rig) fresh() resource.Resource {
	id := pave.NewID("res")
	r := resource.Resource{ID: id, Ref: pave.Ref{Kind: pave.KindDatabase, Env: "staging", Service: "shop", Name: "shop"},
		ExternalID: "shop_" + strings.ToLower(id[len(id)-10:])}
	return with(r, g.bind)
}

func with(r resource.Resource, m pave.Module) resource.Resource {
	r.Spec = marshal(map[string]any{"engine": "postgresql", "team": "web", "module": m})
	return r
}

func (g *rig) query(t *testing.T, query string) string {
	t.Helper()
	out, err := exec.Command("psql", "-Atc", query, g.pg.URL("postgres")).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", query, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The suite of all drivers, with the real binary. What is foreign is known only once it is
// applied: see TestForeign.
func TestConformance(t *testing.T) {
	g := newRig(t)
	resourcetest.Run(t, resourcetest.Config{
		New: func(*testing.T) (resource.Driver, func() resource.Resource) { return g.Driver, g.fresh },
		Change: func(r resource.Resource) resource.Resource {
			m := g.bind
			m.Set = map[string]any{"connections": 7}
			return with(r, m)
		},
		Seen: func(t *testing.T, r resource.Resource, st resource.State) string {
			return fmt.Sprint(st.Secrets["url"].Reveal(), g.query(t, "SELECT rolconnlimit FROM pg_roles WHERE rolname = '"+r.ExternalID+"'"),
				g.query(t, "SELECT count(*) FROM pg_database WHERE datname = '"+r.ExternalID+"'"))
		},
		Within: time.Minute,
	})
}

func TestFaults(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		fault string
		code  pave.Code
		left  string // roles, databases
	}{
		{"role.create fail", pave.Invalid, "0 0"},
		{"role.create die", pave.Unavailable, "0 0"},
		{"role.create.after die", pave.Unavailable, "1 0"},
		{"database.create fail", pave.Invalid, "1 0"},
		{"database.create.after die", pave.Unavailable, "1 1"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			r := g.fresh()
			g.fault(t, c.fault)
			st, err := g.Apply(t.Context(), r)
			if pave.CodeOf(err) != c.code || pave.HintOf(err) == "" || len(st.Notes) == 0 {
				t.Errorf("%v (%s, %q), want %s", err, pave.CodeOf(err), st.Notes, c.code)
			}
			there := func() string {
				return g.query(t, "SELECT count(*) FROM pg_roles WHERE rolname = '"+r.ExternalID+"'") + " " +
					g.query(t, "SELECT count(*) FROM pg_database WHERE datname = '"+r.ExternalID+"'")
			}
			if got := there(); got != c.left {
				t.Errorf("roles and databases: %s, want %s", got, c.left)
			}
			g.fault(t, "")
			if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready || there() != "1 1" {
				t.Errorf("the next try: %+v, %v, there are %s", st, err, there())
			}
			if err := g.Delete(t.Context(), r); err != nil || there() != "0 0" {
				t.Errorf("%v, there are %s", err, there())
			}
		})
	}
}

func TestForeign(t *testing.T) {
	g := newRig(t)
	r := g.fresh()
	g.query(t, `CREATE ROLE "`+r.ExternalID+`"`)
	if _, err := g.Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := g.Delete(t.Context(), r); err != nil || g.query(t, "SELECT count(*) FROM pg_roles WHERE rolname = '"+r.ExternalID+"'") != "1" {
		t.Errorf("what is foreign is gone: %v", err)
	}
}

// Somebody else holds the lock of the state: a further try is worth it, and nothing is
// broken off.
func TestLocked(t *testing.T) {
	g := newRig(t)
	r := g.fresh()
	if _, err := g.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(g.folder(r.ID), stateFile), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Apply(t.Context(), r); pave.CodeOf(err) != pave.Unavailable || !strings.Contains(err.Error(), "lock") {
		t.Errorf("locked: %v", err)
	}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_UNLCK}); err != nil {
		t.Fatal(err)
	}
	if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready {
		t.Errorf("free again: %+v, %v", st, err)
	}
}

// A plan that would destroy something is carried out only where it was shown.
func TestShown(t *testing.T) {
	g := newRig(t)
	r := g.fresh()
	if _, err := g.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if drift, err := g.Drift(t.Context(), r); err != nil || len(drift) > 0 {
		t.Errorf("drift of what was just made: %q, %v", drift, err)
	}
	m := g.bind
	m.Set = map[string]any{"name": r.ExternalID + "_2"}
	m.Fill = map[string]string{"pave_id": "id", "environment": "environment"}
	r = with(r, m)
	lines, err := g.Plan(t.Context(), r)
	if err != nil || len(lines) != 2 || !strings.HasPrefix(lines[0], "! ") {
		t.Fatalf("%q, %v", lines, err)
	}
	if _, err := g.Apply(t.Context(), r); pave.CodeOf(err) != pave.Conflict || !strings.Contains(err.Error(), lines[0]) {
		t.Errorf("not shown: %v", err)
	}
	r.Shown = lines
	if st, err := g.Apply(t.Context(), r); err != nil || !st.Ready {
		t.Errorf("shown: %+v, %v", st, err)
	}
	for _, name := range []string{stateFile, varsFile, outputsFile} {
		if info, err := os.Stat(filepath.Join(g.folder(r.ID), name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
