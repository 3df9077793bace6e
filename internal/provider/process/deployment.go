// Package process runs deployments on the node of this machine: releases as
// supervised processes, behind its router, with a workload identity each.
package process

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Trees says where the tree of a release lies.
type Trees interface{ Tree(release string) string }

// Deployment makes resources of kind deployment.
type Deployment struct {
	Node  *node.Client
	Trees Trees
	// OwnUID says that the node is root and each service runs as its own user.
	OwnUID bool
}

var (
	_ resource.Driver  = Deployment{}
	_ resource.Lister  = Deployment{}
	_ resource.Checker = Deployment{}
	_ resource.Looker  = Deployment{}
)

// Observe says whether the wanted release serves.
func (d Deployment) Observe(ctx context.Context, r resource.Resource) (resource.State, error) {
	if r.ID == "" {
		return resource.State{}, pave.Errorf(pave.NotFound, "no deployment %s", r.ExternalID)
	}
	var spec resource.DeploymentSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	w, err := d.Node.Workload(ctx, r.ID)
	if err != nil {
		return resource.State{}, err
	}
	return stateOf(spec, w), nil
}

// Apply hands the release to the node, which brings it up beside the one that
// serves. A release that failed is tried again.
func (d Deployment) Apply(ctx context.Context, r resource.Resource) (resource.State, error) {
	var spec resource.DeploymentSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return resource.State{}, err
	}
	if spec.Release == "" {
		return resource.State{}, pave.Errorf(pave.Conflict, "%s has no release yet", r.Ref)
	}
	w := node.Workload{ID: r.ID, ServiceID: r.Service, Calls: spec.Calls, Service: string(spec.Service), Env: string(spec.Env), Generation: spec.Generation(),
		Dir: d.Trees.Tree(spec.Release), Command: spec.Command, Replicas: spec.Replicas, ReadyPath: spec.Ready,
		ReadyTimeout: time.Minute, Vars: variables(spec), Secrets: map[string]pave.Secret{}, Limits: node.Limits{MemoryMB: spec.MemoryMB}}
	if d.OwnUID {
		w.UID = spec.UID
	}
	for _, in := range r.Inputs {
		switch in.Ref.Kind {
		case pave.KindIdentity:
			w.Identity = in.ID
		case pave.KindSecret:
			w.Secrets[in.Outputs["key"]] = in.Secrets["value"]
		}
	}
	now, err := d.Node.Workload(ctx, r.ID)
	switch {
	case err == nil && now.State == node.StateFailed && now.Wanted == w.Generation:
		w.Attempt = pave.NewID("try")
	case err == nil && now.Wanted == w.Generation:
		w.Attempt = now.Attempt
	case err != nil && pave.CodeOf(err) != pave.NotFound:
		return resource.State{}, err
	}
	st, err := d.Node.PutWorkload(ctx, w)
	if err != nil {
		return resource.State{}, err
	}
	return stateOf(spec, st), nil
}

// variables are what a service may know of its surroundings; secrets come apart.
func variables(s resource.DeploymentSpec) map[string]string {
	out := map[string]string{}
	if s.MemoryMB > 0 {
		out["GOMEMLIMIT"] = fmt.Sprintf("%dMiB", max(1, s.MemoryMB*9/10)) // so that Go collects before the limit ends it
	}
	if s.CPU > 0 {
		out["GOMAXPROCS"] = fmt.Sprint((s.CPU + 999) / 1000)
	}
	maps.Copy(out, s.Vars)
	maps.Copy(out, map[string]string{"SERVICE_NAME": string(s.Service), "PAVE_ENVIRONMENT": string(s.Env),
		"PAVE_TEAM": string(s.Team), "PAVE_RELEASE": fmt.Sprint(s.Number), "SERVICE_VERSION": fmt.Sprint(s.Number), "HOST": "127.0.0.1"})
	return out
}

func stateOf(spec resource.DeploymentSpec, w node.WorkloadStatus) resource.State {
	ready := 0
	for _, i := range w.Replicas {
		if i.Ready && isOf(i.Generation, spec) {
			ready++
		}
	}
	st := resource.State{Version: spec.Release, Reason: w.Reason, Outputs: map[string]string{"release": releaseOf(w.Serving)}}
	st.Ready = w.State == node.StateRunning && isOf(w.Serving, spec) && ready > 0 && ready <= max(1, spec.Replicas)
	if w.State == node.StateFailed && isOf(w.Wanted, spec) {
		st.Failed, st.Notes = true, w.LastLines
		st.Reason = fmt.Sprintf("release %d did not become ready: %s", spec.Number, w.Reason)
	}
	if !st.Ready && st.Reason == "" {
		st.Reason = fmt.Sprintf("%d of %d replicas of release %d are ready", ready, spec.Replicas, spec.Number)
	}
	st.Summary = fmt.Sprintf("release %d, %d %s, healthy", spec.Number, ready, plural(ready, "replica"))
	return st
}

// isOf reports whether a generation is that of a spec. Those of an older pave are
// named by the release alone.
func isOf(generation string, spec resource.DeploymentSpec) bool {
	return generation == spec.Generation() || generation == spec.Release
}

// releaseOf is the release of a generation.
func releaseOf(generation string) string {
	release, _, _ := strings.Cut(generation, "-")
	return release
}

func plural(n int, word string) string {
	switch {
	case n == 1:
		return word
	case strings.HasSuffix(word, "s"):
		return word + "es"
	}
	return word + "s"
}

// Delete drains and stops the processes.
func (d Deployment) Delete(ctx context.Context, r resource.Resource) error {
	return d.Node.DeleteWorkload(ctx, r.ID)
}

// List returns all workloads of the node.
func (d Deployment) List(ctx context.Context) ([]resource.Found, error) {
	all, err := d.Node.Workloads(ctx)
	var out []resource.Found
	for _, w := range all {
		out = append(out, resource.Found{ID: w.ID, ExternalID: w.Service + "_" + w.Env})
	}
	return out, err
}

// Check says whether the node answers.
func (d Deployment) Check(ctx context.Context) []pave.Check {
	c := pave.Check{Name: "node"}
	info, err := d.Node.Info(ctx)
	if err != nil {
		c.Detail, c.Fix = err.Error(), "pave up"
		return []pave.Check{c}
	}
	c.OK, c.Detail = true, fmt.Sprintf("pid %d, router at %s, version %s", info.PID, info.Router, info.Version)
	return []pave.Check{c}
}

// Look names commands that show more.
func (d Deployment) Look(r resource.Resource) []string {
	return []string{fmt.Sprintf("pave logs %s --env %s", r.Ref.Service, r.Ref.Env), fmt.Sprintf("pave status %s", r.Ref.Service)}
}
