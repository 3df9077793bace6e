package redis

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/node/nodetest"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) { nodetest.Main(m) }

// canary is in every password: it must never be found where passwords do not
// belong.
const canary = "pvcnry-redis-"

var derive = nodetest.Derive(canary)

// A rig is a driver over a node of its own.
type rig struct {
	*Driver
	node *nodetest.Node
}

// newRig starts a node. Without Redis the test is skipped, but never in CI.
func newRig(t *testing.T) *rig {
	t.Helper()
	_, _, err := node.FindRedis()
	nodetest.Need(t, err)
	n := nodetest.Start(t)
	return &rig{&Driver{Node: n.Client, Derive: derive}, n}
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
	nodetest.Eventually(t, 40*time.Second, what, ok)
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
