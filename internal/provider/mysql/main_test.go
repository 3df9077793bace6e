package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) {
	if home := os.Getenv("MYSQL_TEST_NODE"); home != "" {
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
const canary = "pvcnry-mysql-"

func derive(purpose, id string) pave.Secret {
	sum := sha256.Sum256([]byte(purpose + "\x00" + id))
	return pave.NewSecret(canary + hex.EncodeToString(sum[:]))
}

// newDriver starts a node and returns a driver over it. Without MariaDB the test is
// skipped, but never in CI.
func newDriver(t *testing.T) *Driver {
	t.Helper()
	if _, _, err := node.FindMySQL(); err != nil {
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
	cmd.Env = append(os.Environ(), "MYSQL_TEST_NODE="+home)
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
	ref := pave.Ref{Kind: pave.KindDatabase, Env: "production", Service: pave.Name(name), Name: name}
	return resource.Resource{ID: pave.NewID("res"), Ref: ref, ExternalID: resource.ExternalName(ref), Spec: []byte(`{"engine":"mysql"}`)}
}

func with(r resource.Resource, credentials int) resource.Resource {
	r.Spec = fmt.Appendf(nil, `{"engine":"mysql","credentials":%d}`, credentials)
	return r
}

// ready does what the controller does until a database is ready.
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
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// as runs statements with a URL, as a program would, and returns the first column of what
// the last one answers.
func as(t *testing.T, address pave.Secret, statements ...string) (string, error) {
	t.Helper()
	u, err := url.Parse(address.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	cfg := config("tcp", u.Host, u.User.Username(), password)
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	db, conn, err := connect(t.Context(), cfg)
	if err != nil {
		return "", err
	}
	defer db.Close()
	defer conn.Close()
	return query(t, conn, statements...)
}

func query(t *testing.T, conn *sql.Conn, statements ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	for _, text := range statements {
		out.Reset()
		rows, err := conn.QueryContext(t.Context(), text)
		if err != nil {
			return "", fmt.Errorf("%s: %w", text, err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(sql.NullString)
			}
			if err := rows.Scan(values...); err != nil {
				return "", err
			}
			fmt.Fprintln(&out, values[0].(*sql.NullString).String)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return "", fmt.Errorf("%s: %w", text, err)
		}
	}
	return out.String(), nil
}

func must(t *testing.T, address pave.Secret, statements ...string) string {
	t.Helper()
	out, err := as(t, address, statements...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// admin runs statements as root.
func admin(t *testing.T, d *Driver, statements ...string) string {
	t.Helper()
	var s *session
	eventually(t, "root comes in", func() (ok bool) { var err error; s, err = d.open(t.Context(), true); return err == nil })
	defer s.close()
	out, err := query(t, s.conn, statements...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// elsewhere is a URL with another database.
func elsewhere(t *testing.T, from pave.Secret, database string) pave.Secret {
	t.Helper()
	u, err := url.Parse(from.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return pave.NewSecret(u.String())
}
