package postgres

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/node/nodetest"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) { nodetest.Main(m) }

// canary is in every password: it must never be found where passwords do not
// belong.
const canary = "pvcnry-postgres-"

var derive = nodetest.Derive(canary)

// newDriver returns a driver over a node of its own, which runs no server yet.
// Without PostgreSQL the test is skipped, but never in CI.
func newDriver(t *testing.T) *Driver {
	t.Helper()
	_, _, err := node.FindPostgres()
	nodetest.Need(t, err)
	return &Driver{Node: nodetest.Start(t).Client, Derive: derive}
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
	nodetest.Eventually(t, 40*time.Second, what, ok)
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
