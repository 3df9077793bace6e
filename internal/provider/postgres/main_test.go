package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

	"github.com/jackc/pgx/v5"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) {
	if home := os.Getenv("POSTGRES_TEST_NODE"); home != "" {
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
const canary = "pvcnry-postgres-"

func derive(purpose, id string) pave.Secret {
	sum := sha256.Sum256([]byte(purpose + "\x00" + id))
	return pave.NewSecret(canary + hex.EncodeToString(sum[:]))
}

// newDriver returns a driver over a node of its own, which runs no server yet.
// Without PostgreSQL the test is skipped, but never in CI.
func newDriver(t *testing.T) *Driver {
	t.Helper()
	if _, _, err := node.FindPostgres(); err != nil {
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
	cmd.Env = append(os.Environ(), "POSTGRES_TEST_NODE="+home)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := node.Dial(socket(home))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); err != nil {
			t.Error(err)
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	})
	eventually(t, "the node answers", func() bool { _, err := c.Info(t.Context()); return err == nil })
	return &Driver{Node: c, Derive: derive}
}

// newServer returns a driver whose server is up, and writes every statement into
// its log.
func newServer(t *testing.T) *Driver {
	t.Helper()
	d := newDriver(t)
	r := fresh()
	ready(t, d, r)
	if err := d.Delete(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	admin(t, d, "ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM SET log_connections = on",
		"ALTER SYSTEM SET log_min_duration_statement = 0", "SELECT pg_reload_conf()")
	return d
}

var names atomic.Int64

func fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	ref := pave.Ref{Kind: pave.KindDatabase, Env: "production", Service: pave.Name(name), Name: name}
	return resource.Resource{ID: pave.NewID("res"), Ref: ref, ExternalID: resource.ExternalName(ref), Spec: []byte(`{"engine":"postgresql"}`)}
}

// ready does what the controller does until a database is ready.
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

// admin runs statements as superuser and returns the first column of the last
// one's rows, one a line.
func admin(t *testing.T, d *Driver, statements ...string) string {
	t.Helper()
	s, err := d.open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close(t.Context())
	out, err := query(t, s.conn, statements...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// as runs statements with a URL, likewise.
func as(t *testing.T, url string, statements ...string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	return query(t, conn, statements...)
}

func query(t *testing.T, conn *pgx.Conn, statements ...string) (string, error) {
	t.Helper()
	out := ""
	for _, text := range statements {
		rows, err := conn.Query(t.Context(), text, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return "", fmt.Errorf("%s: %w", text, err)
		}
		out = ""
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				return "", err
			}
			out += fmt.Sprintln(values[0])
		}
		if err := rows.Err(); err != nil {
			return "", fmt.Errorf("%s: %w", text, err)
		}
	}
	return out, nil
}

func must(t *testing.T, url string, statements ...string) string {
	t.Helper()
	out, err := as(t, url, statements...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// elsewhere is a URL with another database.
func elsewhere(t *testing.T, from, database string) string {
	t.Helper()
	u, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}
