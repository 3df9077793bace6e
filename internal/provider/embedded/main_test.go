package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	servers "github.com/pave-platform/pave/internal/embedded"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start, and the servers that it starts.
func TestMain(m *testing.M) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if home := os.Getenv("EMBEDDED_TEST_NODE"); home != "" {
		fail(runNode(home))
	}
	if len(os.Args) == 4 && os.Args[1] == "node" && os.Args[2] == "serve" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		fail(servers.Serve(ctx, os.Args[3]))
	}
	os.Exit(m.Run())
}

func runNode(home string) error {
	n, err := node.New(node.Options{Home: home, KeyFile: home + "-key/node.key", Socket: socket(home), RouterAddr: "127.0.0.1:0",
		Version: "test", Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	return n.Run(context.Background())
}

func socket(home string) string { return filepath.Join(home, "run", "node.sock") }

// canary is in every password: it must never be found where passwords do not belong.
const canary = "pvcnry-embedded-"

func derive(purpose, id string) pave.Secret {
	sum := sha256.Sum256([]byte(purpose + "\x00" + id))
	return pave.NewSecret(canary + hex.EncodeToString(sum[:]))
}

// A rig is both drivers over a node of their own.
type rig struct {
	nats, s3 *Driver
	node     *node.Client
	home     string
	cmd      *exec.Cmd
}

func newRig(t *testing.T) *rig {
	t.Helper()
	// Not t.TempDir: its parent is 0700, which the servers' users cannot pass.
	dir, err := os.MkdirTemp("", "pave-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o711)
	g := &rig{home: filepath.Join(dir, "home")}
	g.node = node.Dial(socket(g.home))
	g.nats, g.s3 = NATS(g.node, derive), S3(g.node, derive)
	g.start(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := g.node.Shutdown(ctx); err != nil {
			t.Error(err)
			_ = g.cmd.Process.Kill()
		}
		_ = g.cmd.Wait()
	})
	return g
}

func (g *rig) start(t *testing.T) {
	t.Helper()
	g.cmd = exec.Command("/proc/self/exe")
	g.cmd.Env = append(os.Environ(), "EMBEDDED_TEST_NODE="+g.home)
	g.cmd.Stderr = t.Output()
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node answers", func() bool { _, err := g.node.Info(t.Context()); return err == nil })
}

// killNode ends the node with SIGKILL and starts the next one.
func (g *rig) killNode(t *testing.T) {
	t.Helper()
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	g.start(t)
}

// pid is the process that serves a resource.
func (g *rig) pid(t *testing.T, d *Driver, r resource.Resource) int {
	t.Helper()
	st, err := g.node.Server(t.Context(), d.serverID(r.ExternalID))
	if err != nil {
		t.Fatal(err)
	}
	return st.PID
}

var names atomic.Int64

func (d *Driver) fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	ref := pave.Ref{Kind: d.kind, Env: "production", Service: pave.Name(name), Name: name}
	return with(d, resource.Resource{ID: pave.NewID("res"), Ref: ref, ExternalID: resource.ExternalName(ref)}, 0)
}

// with is a resource with numbered credentials.
func with(d *Driver, r resource.Resource, credentials int) resource.Resource {
	r.Spec = fmt.Appendf(nil, `{"engine":%q,"credentials":%d}`, d.engine, credentials)
	return r
}

// ready does what the controller does until a resource is ready.
func ready(t *testing.T, d *Driver, r resource.Resource) resource.State {
	t.Helper()
	st, err := d.Apply(t.Context(), r)
	eventually(t, r.ExternalID+" is ready", func() bool {
		switch code := pave.CodeOf(err); {
		case code == pave.NotFound, code == pave.Unavailable:
			st, err = d.Apply(t.Context(), r)
		case err != nil:
			t.Fatal(err)
		case !st.Ready:
			st, err = d.Observe(t.Context(), r)
		}
		return err == nil && st.Ready
	})
	return st
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// noPassword reads all files of a node: its logs, what it wants, configurations and data
// of servers. A password is in none of them.
func noPassword(t *testing.T, home string, secrets ...string) {
	files := 0
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == filepath.Join(home, "bin", "pave") { // that is this test
			return nil // it went while we looked
		}
		data, err := os.ReadFile(path)
		for _, s := range append(secrets, canary) {
			if err == nil && strings.Contains(string(data), s) {
				t.Errorf("%s holds a password", path)
			}
		}
		files++
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files, %v", files, err)
	}
}
