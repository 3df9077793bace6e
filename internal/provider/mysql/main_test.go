package mysql

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/node/nodetest"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) { nodetest.Main(m) }

// canary is in every password: it must never be found where passwords do not belong.
const canary = "pvcnry-mysql-"

var derive = nodetest.Derive(canary)

// newDriver starts a node and returns a driver over it. Without MariaDB the test is
// skipped, but never in CI.
func newDriver(t *testing.T) *Driver {
	t.Helper()
	_, _, err := node.FindMySQL()
	nodetest.Need(t, err)
	return &Driver{Node: nodetest.Start(t).Client, Derive: derive}
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
	nodetest.Eventually(t, 60*time.Second, what, ok)
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
