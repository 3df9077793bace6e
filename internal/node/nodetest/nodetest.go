// Package nodetest gives the tests of drivers a node of their own, as a process beside
// the test.
package nodetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
)

// variable says of a process that it is the node of a home.
const variable = "PAVE_NODETEST_HOME"

// Main runs the tests of a package; of the process that one of them started it is the
// node.
func Main(m *testing.M) {
	home := os.Getenv(variable)
	if home == "" {
		os.Exit(m.Run())
	}
	n, err := node.New(node.Options{Home: home, KeyFile: home + "-key/node.key", Socket: socket(home), RouterAddr: "127.0.0.1:0",
		Version: "test", Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err == nil {
		err = n.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

func socket(home string) string { return filepath.Join(home, "run", "node.sock") }

// A Node is a node that ends with its test.
type Node struct {
	*node.Client
	Home string
	cmd  *exec.Cmd
}

// Start starts a node, which runs no server yet.
func Start(t *testing.T) *Node {
	t.Helper()
	// Not t.TempDir: its parent is 0700, which the users of servers cannot pass.
	dir, err := os.MkdirTemp("", "pave-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_ = os.Chmod(dir, 0o711)
	n := &Node{Home: filepath.Join(dir, "home")}
	n.Client = node.Dial(socket(n.Home))
	n.start(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Error(err)
			_ = n.cmd.Process.Kill()
		}
		_ = n.cmd.Wait()
	})
	return n
}

func (n *Node) start(t *testing.T) {
	t.Helper()
	n.cmd = exec.Command("/proc/self/exe")
	n.cmd.Env = append(os.Environ(), variable+"="+n.Home)
	n.cmd.Stderr = t.Output()
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, time.Minute, "the node answers", func() bool { _, err := n.Info(t.Context()); return err == nil })
}

// Kill ends the node with SIGKILL and starts the next one.
func (n *Node) Kill(t *testing.T) {
	t.Helper()
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
	n.start(t)
}

// Need skips a test whose server is not on this machine, but never in CI.
func Need(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err, pave.HintOf(err))
	default:
		t.Skip(err)
	}
}

// Derive makes secrets that all begin with canary.
func Derive(canary string) func(purpose, id string) pave.Secret {
	return func(purpose, id string) pave.Secret {
		sum := sha256.Sum256([]byte(purpose + "\x00" + id))
		return pave.NewSecret(canary + hex.EncodeToString(sum[:]))
	}
}

// Eventually waits until ok, and fails the test where that is not within a time.
func Eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
