package rabbitmq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) {
	if home := os.Getenv("RABBITMQ_TEST_NODE"); home != "" {
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

// canary is in every password: it must never be found where passwords do not belong.
const canary = "pvcnry-rabbit-"

func derive(purpose, id string) pave.Secret {
	sum := sha256.Sum256([]byte(purpose + "\x00" + id))
	return pave.NewSecret(canary + hex.EncodeToString(sum[:]))
}

// newDriver starts a node and returns a driver over it. Without RabbitMQ the test is
// skipped, but never in CI.
func newDriver(t *testing.T) *Driver {
	t.Helper()
	if _, _, err := node.FindRabbitMQ(); err != nil {
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
	home := filepath.Join(dir, "home")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "RABBITMQ_TEST_NODE="+home)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &Driver{Node: node.Dial(socket(home)), Derive: derive}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := d.Node.Shutdown(ctx); err != nil {
			t.Error(err)
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	})
	eventually(t, "the node answers", func() bool { _, err := d.Node.Info(t.Context()); return err == nil })
	return d
}

var names atomic.Int64

func fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	ref := pave.Ref{Kind: pave.KindQueue, Env: "production", Service: pave.Name(name), Name: name}
	return resource.Resource{ID: pave.NewID("res"), Ref: ref, ExternalID: resource.ExternalName(ref), Spec: []byte(`{"engine":"rabbitmq"}`)}
}

func with(r resource.Resource, credentials int) resource.Resource {
	r.Spec = fmt.Appendf(nil, `{"engine":"rabbitmq","credentials":%d}`, credentials)
	return r
}

// ready does what the controller does until a queue is ready.
func ready(t *testing.T, d *Driver, r resource.Resource) resource.State {
	t.Helper()
	st, err := d.Apply(t.Context(), r)
	eventually(t, r.ExternalID+" is ready", func() bool {
		if err != nil && pave.CodeOf(err) != pave.Unavailable {
			t.Fatal(err)
		}
		if err != nil || !st.Ready {
			st, err = d.Apply(t.Context(), r)
		}
		return err == nil && st.Ready
	})
	return st
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// do has a program with a URL do something in a channel.
func do(address pave.Secret, what func(*amqp.Channel) error) error {
	c, err := amqp.DialConfig(address.Reveal(), amqp.Config{Dial: amqp.DefaultDial(20 * time.Second)})
	if err != nil {
		return err
	}
	defer c.Close()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	return what(ch)
}

func must(t *testing.T, address pave.Secret, what func(*amqp.Channel) error) {
	t.Helper()
	if err := do(address, what); err != nil {
		t.Fatal(err)
	}
}

// declare makes a durable queue.
func declare(name string) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, nil)
		return err
	}
}

// publish puts n lasting messages into a queue, and waits until the server has them.
func publish(name string, n int) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		for range n {
			c, err := ch.PublishWithDeferredConfirm("", name, false, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("m")})
			if err != nil {
				return err
			}
			if !c.Wait() {
				return errors.New("not confirmed")
			}
		}
		return nil
	}
}

// waiting is how many messages a queue has.
func waiting(t *testing.T, address pave.Secret, name string) (n int) {
	t.Helper()
	must(t, address, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		n = q.Messages
		return err
	})
	return n
}

// administer calls the management API.
func administer(t *testing.T, d *Driver, method, path string, body any) {
	t.Helper()
	s, err := d.open(t.Context(), false)
	if err == nil {
		err = s.call(t.Context(), method, path, body, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// elsewhere is a URL with another virtual host.
func elsewhere(t *testing.T, from pave.Secret, vhost string) pave.Secret {
	t.Helper()
	u, err := url.Parse(from.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + vhost
	return pave.NewSecret(u.String())
}
