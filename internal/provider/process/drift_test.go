package process

import (
	"os"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// What the node runs otherwise than it was told is named, and made good by the next
// Apply; that processes see other values makes another generation.
func TestDrift(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.deployments()
	r := newResource(pave.KindDeployment, "shop", deploymentSpec("shop", "rel_1", 1))
	drift := func(what, want string) {
		t.Helper()
		got, err := d.Drift(t.Context(), r)
		if err != nil || (want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "; "), want) {
			t.Errorf("%s: %q, %v; want %q", what, got, err, want)
		}
	}
	ready(t, d, r)
	drift("as applied", "")
	other := r
	spec := deploymentSpec("shop", "rel_1", 1)
	spec.Vars = map[string]string{"GREETING": "hello"}
	other.Spec = mustJSON(spec)
	ready(t, d, other)
	drift("other variables", "the node is to run rel_1-")
	ready(t, d, r)
	drift("applied again", "")

	more := spec
	more.Replicas = 3
	if spec.Generation() != more.Generation() || spec.Generation() == deploymentSpec("shop", "rel_1", 1).Generation() {
		t.Error("a generation is what processes see, not how many there are")
	}
}

func TestIdentityDrift(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := Identity{Node: b.node, Issuer: func() string { return "http://127.0.0.1:7070" }, OwnUID: os.Geteuid() == 0}
	r := newResource(pave.KindIdentity, "shop", resource.IdentitySpec{Service: "shop", Env: "production", Team: "web", UID: uid})
	ready(t, d, r)
	var st node.IdentityStatus
	st, err := b.node.Identity(t.Context(), r.ID)
	if err != nil || os.Remove(st.Path) != nil {
		t.Fatal(st.Path, err)
	}
	if got, err := d.Drift(t.Context(), r); err != nil || len(got) != 1 {
		t.Errorf("without its token: %q, %v", got, err)
	}
	ready(t, d, r)
	if got, err := d.Drift(t.Context(), r); err != nil || len(got) != 0 {
		t.Errorf("applied again: %q, %v", got, err)
	}
}
