package node

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pave-platform/pave"
)

// needPostgres skips without PostgreSQL, but never in CI.
func needPostgres(t *testing.T) {
	t.Helper()
	if _, _, err := FindPostgres(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err, pave.HintOf(err))
		}
		t.Skip(err)
	}
}

func awaitServer(t *testing.T, c *Client, ok func(ServerStatus) bool) (s ServerStatus) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s, _ = c.Server(t.Context(), "postgres"); s.Ready && ok(s) {
			return s
		}
	}
	t.Fatalf("the server stays %+v", s)
	return s
}

func any_(ServerStatus) bool { return true }

func sql(t *testing.T, dsn, statement string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}

func socketDSN(s ServerStatus) string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", s.SocketDir, s.Port)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	b := newBench(t)
	if _, err := b.PutServer(t.Context(), Server{ID: "postgres", Kind: "postgres"}); err != nil {
		t.Fatal(err)
	}
	st := awaitServer(t, b.Client, any_)
	if st.Port == 0 || st.Version == "" || st.PID == 0 {
		t.Errorf("status %+v", st)
	}
	admin := socketDSN(st)
	if err := sql(t, admin, "CREATE ROLE app LOGIN PASSWORD 'pvcnry-pg-1'"); err != nil {
		t.Fatal(err)
	}
	if err := sql(t, admin, "ALTER ROLE postgres PASSWORD 'pvcnry-pg-2'"); err != nil {
		t.Fatal(err)
	}
	tcp := "postgres://%s@127.0.0.1:%d/postgres?sslmode=disable"
	if err := sql(t, fmt.Sprintf(tcp, "app:pvcnry-pg-1", st.Port), "SELECT 1"); err != nil {
		t.Errorf("a role with its password is refused: %v", err)
	}
	for reason, who := range map[string]string{
		"the superuser comes by the socket alone": "postgres:pvcnry-pg-2",
		"a wrong password is no password":         "app:wrong",
	} {
		if err := sql(t, fmt.Sprintf(tcp, who, st.Port), "SELECT 1"); err == nil {
			t.Errorf("%s, but got in", reason)
		}
	}
	if err := sql(t, strings.Replace(admin, "user=postgres", "user=app", 1), "SELECT 1"); err == nil {
		t.Error("another role came in by the socket")
	}
	again, err := b.PutServer(t.Context(), Server{ID: "postgres", Kind: "postgres"})
	if err != nil || again.PID != st.PID {
		t.Errorf("put again: %+v, %v, want the same process", again, err)
	}
	if _, err := b.PutServer(t.Context(), Server{ID: "pg2", Kind: "postgres", Port: st.Port}); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a second server on the same port: %v", err)
	}
	if _, err := b.PutServer(t.Context(), Server{ID: "db", Kind: "oracle"}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("an unknown kind: %v", err)
	}
	_ = syscall.Kill(st.PID, syscall.SIGKILL)
	next := awaitServer(t, b.Client, func(s ServerStatus) bool { return s.PID != st.PID })
	if err := sql(t, admin, "ALTER ROLE app CONNECTION LIMIT 5"); err != nil || next.Port != st.Port {
		t.Errorf("after a crash: %v, %+v", err, next)
	}
	if err := b.DeleteServer(t.Context(), "postgres"); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(b.opts.Home + "/servers")
	if len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "postgres~") {
		t.Errorf("data was not kept aside: %v", entries)
	}
}
