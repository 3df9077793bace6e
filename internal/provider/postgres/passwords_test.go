package postgres

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/node"
)

// watchActivity looks, until stop, at what every connection runs: whoever may see
// it must see no password.
func watchActivity(t *testing.T, d *Driver) (stop func()) {
	t.Helper()
	s, err := d.open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	looks := 0
	group.Go(func() {
		defer s.close(context.Background())
		for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			var n int
			err := s.conn.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity
				WHERE query LIKE '%' || $1 || $2 || '%' AND pid <> pg_backend_pid()`, canary[:5], canary[5:]).Scan(&n)
			if err != nil || n != 0 {
				t.Errorf("%d statements hold a password, %v", n, err)
				return
			}
			looks++
		}
	})
	return func() {
		cancel()
		group.Wait()
		if looks == 0 {
			t.Error("nobody looked at what runs")
		}
	}
}

// noPasswordInLog reads all that the server wrote, every statement with it.
func noPasswordInLog(t *testing.T, d *Driver) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	lines, verifiers := 0, 0
	for line, err := range d.Node.Logs(ctx, node.LogQuery{Server: serverID, Tail: 1 << 20}) {
		if err != nil {
			t.Fatal(err)
		}
		lines++
		if strings.Contains(line.Text, "PASSWORD 'SCRAM-SHA-256$") {
			verifiers++
		}
		if strings.Contains(line.Text, canary) {
			t.Fatalf("the server's log holds a password: %s", line.Text)
		}
	}
	if verifiers == 0 {
		t.Errorf("of %d lines none sets a password: the log does not show statements", lines)
	}
}
