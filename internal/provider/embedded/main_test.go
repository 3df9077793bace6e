package embedded

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	servers "github.com/pave-platform/pave/internal/embedded"
	"github.com/pave-platform/pave/internal/node/nodetest"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start, and the servers that it starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "node" && os.Args[2] == "serve" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := servers.Serve(ctx, os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	nodetest.Main(m)
}

// canary is in every password: it must never be found where passwords do not belong.
const canary = "pvcnry-embedded-"

var derive = nodetest.Derive(canary)

// A rig is both drivers over a node of their own.
type rig struct {
	nats, s3 *Driver
	node     *nodetest.Node
}

func newRig(t *testing.T) *rig {
	t.Helper()
	n := nodetest.Start(t)
	return &rig{NATS(n.Client, derive), S3(n.Client, derive), n}
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
	nodetest.Eventually(t, 60*time.Second, what, ok)
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
