package process

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Route makes resources of kind route: a host name of the router and a stable
// loopback port.
type Route struct{ Node *node.Client }

var (
	_ resource.Driver = Route{}
	_ resource.Lister = Route{}
	_ resource.Looker = Route{}
)

// Observe says whether requests reach a replica.
func (d Route) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if r.ID == "" {
		return resource.State{}, d.free(ctx, r)
	}
	st, err := d.Node.Route(ctx, r.ID)
	if err != nil {
		return resource.State{}, err
	}
	return routeState(st), nil
}

// free is NotFound, or Conflict where another route has the host already.
func (d Route) free(ctx context.Context, r resource.Resource) error {
	var spec resource.RouteSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return err
	}
	all, err := d.Node.Routes(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Host == spec.Host {
			return pave.Errorf(pave.Conflict, "host %s belongs to another route (%s)", spec.Host, other.ID).
				WithHint("choose another name")
		}
	}
	return pave.Errorf(pave.NotFound, "no route %s", spec.Host)
}

// Apply leads the host to the deployment.
func (d Route) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.RouteSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	target, ok := r.Input(pave.KindDeployment)
	if !ok {
		return resource.State{}, pave.Errorf(pave.Conflict, "route %s has no deployment yet", spec.Host)
	}
	st, err := d.Node.PutRoute(ctx, node.Route{ID: r.ID, Host: spec.Host, Also: spec.Also, Workload: target.ID})
	if err != nil {
		return resource.State{}, err
	}
	return routeState(st), nil
}

func routeState(s node.RouteStatus) resource.State {
	st := resource.State{Ready: s.Ready && s.Listener, Summary: s.Host,
		Outputs: map[string]string{"host": s.Host, "address": fmt.Sprintf("http://127.0.0.1:%d", s.Port), "workload": s.Workload}}
	switch {
	case !s.Listener:
		st.Reason = fmt.Sprintf("port %d is taken by another program", s.Port)
	case !s.Ready:
		st.Reason = "no replica is ready"
	}
	return st
}

// Delete closes the route.
func (d Route) Delete(ctx context.Context, r resource.Resource) error {
	return d.Node.DeleteRoute(ctx, r.ID)
}

// List returns all routes of the node.
func (d Route) List(ctx context.Context) ([]resource.Found, error) {
	all, err := d.Node.Routes(ctx)
	var out []resource.Found
	for _, r := range all {
		out = append(out, resource.Found{ID: r.ID, ExternalID: r.Host})
	}
	return out, err
}

// Look names commands that show more.
func (d Route) Look(r resource.Resource) []string {
	var spec resource.RouteSpec
	if json.Unmarshal(r.Spec, &spec) != nil {
		return nil
	}
	return []string{"pave status " + string(r.Ref.Service)}
}
