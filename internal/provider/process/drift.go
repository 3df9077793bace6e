package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

var (
	_ resource.Drifter = Deployment{}
	_ resource.Drifter = Route{}
	_ resource.Drifter = Identity{}
)

// Drift says whether the node runs what was applied. A process that ends the node
// starts again by itself.
func (d Deployment) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	var spec resource.DeploymentSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return nil, err
	}
	w, err := d.Node.Workload(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	if !isOf(w.Wanted, spec) {
		return []string{fmt.Sprintf("the node is to run %s, not %s", w.Wanted, spec.Generation())}, nil
	}
	if n := len(w.Replicas); w.State == node.StateRunning && n != max(1, spec.Replicas) && isOf(w.Serving, spec) {
		return []string{fmt.Sprintf("the node runs %d %s, not %d", n, plural(n, "process"), spec.Replicas)}, nil
	}
	return nil, nil
}

// Drift says whether the host leads where it was led to.
func (d Route) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	var spec resource.RouteSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return nil, err
	}
	st, err := d.Node.Route(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	var out []string
	if st.Host != spec.Host {
		out = append(out, fmt.Sprintf("the host is %s, not %s", st.Host, spec.Host))
	}
	if was := r.Outputs["workload"]; was != "" && st.Workload != was {
		out = append(out, "it leads to another deployment")
	}
	if address := fmt.Sprintf("http://127.0.0.1:%d", st.Port); r.Outputs["address"] != "" && address != r.Outputs["address"] {
		out = append(out, fmt.Sprintf("the address is %s, not %s", address, r.Outputs["address"]))
	}
	return out, nil
}

// Drift says whether the token lies where the service looks for it.
func (d Identity) Drift(ctx context.Context, r resource.Resource) ([]string, error) {
	st, err := d.Node.Identity(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(st.Path); errors.Is(err, fs.ErrNotExist) {
		return []string{"its token is gone"}, nil
	}
	return nil, nil
}
