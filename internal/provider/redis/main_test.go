package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) {
	if home := os.Getenv("REDIS_TEST_NODE"); home != "" {
		if err := runNode(home); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		return
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

// canary is in every password: it must never be found where passwords do not
// belong.
const canary = "pvcnry-redis-"

func derive(purpose, id string) pave.Secret {
	sum := sha256.Sum256([]byte(purpose + "\x00" + id))
	return pave.NewSecret(canary + hex.EncodeToString(sum[:]))
}

// A rig is a driver over a node of its own.
type rig struct {
	*Driver
	home string
	cmd  *exec.Cmd
}

// newRig starts a node. Without Redis the test is skipped, but never in CI.
func newRig(t *testing.T) *rig {
	t.Helper()
	if _, _, err := node.FindRedis(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err, pave.HintOf(err))
		}
		t.Skip(err)
	}
	// Not t.TempDir: its parent is 0700, which the server's user cannot pass.
	dir, err := os.MkdirTemp("", "pave-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o711)
	g := &rig{home: filepath.Join(dir, "home")}
	g.Driver = &Driver{Node: node.Dial(socket(g.home)), Derive: derive}
	g.start(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := g.Node.Shutdown(ctx); err != nil {
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
	g.cmd.Env = append(os.Environ(), "REDIS_TEST_NODE="+g.home)
	g.cmd.Stderr = t.Output()
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node answers", func() bool { _, err := g.Node.Info(t.Context()); return err == nil })
}

// killNode ends the node with SIGKILL and starts the next one.
func (g *rig) killNode(t *testing.T) {
	t.Helper()
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait()
	g.start(t)
}

var names atomic.Int64

func fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	ref := pave.Ref{Kind: pave.KindCache, Env: "production", Service: pave.Name(name), Name: name}
	return resource.Resource{ID: pave.NewID("res"), Ref: ref, ExternalID: resource.ExternalName(ref), Spec: []byte(`{"engine":"redis"}`)}
}

// ready does what the controller does until a cache is ready.
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
	for end := time.Now().Add(40 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// do runs one command with a URL.
func do(url pave.Secret, command string, args ...any) (any, error) {
	c, err := redis.DialURL(url.Reveal(), redis.DialConnectTimeout(within), redis.DialReadTimeout(within))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	answer, err := c.Do(command, args...)
	if b, ok := answer.([]byte); ok {
		return string(b), err
	}
	return answer, err
}

func must(t *testing.T, url pave.Secret, command string, args ...any) any {
	t.Helper()
	answer, err := do(url, command, args...)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return answer
}
