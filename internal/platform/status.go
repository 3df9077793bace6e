package platform

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
)

// Status says what a service is doing now, as observed in this call.
func (p *Platform) Status(ctx context.Context, name string) (pave.Status, error) {
	svc, err := p.Service(ctx, name)
	if err != nil {
		return pave.Status{}, err
	}
	st := pave.Status{Service: svc.Name, Team: svc.Team, Observed: time.Now().UTC(),
		Deployments: []pave.Deployment{}, Infrastructure: []pave.Resource{}, Drift: []pave.Resource{}}
	resources, err := p.observed(ctx, svc.ID)
	if err != nil {
		return st, err
	}
	live, err := p.Releases.Live(ctx, svc.ID)
	if err != nil {
		return st, err
	}
	traffic := p.traffic(ctx)
	for _, env := range svc.Environments {
		st.Deployments = append(st.Deployments, p.deployment(ctx, svc, env, live, resources, traffic))
	}
	for _, r := range resources {
		if len(r.Drift) > 0 {
			st.Drift = append(st.Drift, r)
		}
		if !rolledOut(r.Ref) && r.State != pave.ResourceAside {
			st.Infrastructure = append(st.Infrastructure, r)
		}
	}
	if err := p.harvestCalls(ctx); err != nil {
		p.Log.Warn("calls were not counted up to now", "err", err)
	}
	if st.Undeclared, err = p.undeclared(ctx, svc.ID); err != nil {
		return st, err
	}
	run, err := p.Engine.Get(ctx, svc.LastRun)
	if err == nil && run.State != pave.RunDone {
		st.Run = &run
	}
	if last, err := p.lastPipeline(ctx, svc.ID); err == nil && st.Run == nil && last.run.ID != "" && last.run.State != pave.RunDone {
		if run, err := p.Engine.Get(ctx, last.run.ID); err == nil && run.State != pave.RunDone {
			st.Run = &run // what was pushed last is on its way, or did not make it
		}
	}
	st.Status = overall(svc, st)
	return st, nil
}

// overall is one word for a service: that of its worst environment.
func overall(svc pave.Service, st pave.Status) string {
	if len(svc.Environments) == 0 {
		return "deleting"
	}
	worst := "live"
	for _, d := range st.Deployments {
		switch {
		case d.Health == "down" && d.Release == nil && st.Run != nil && !st.Run.State.Ended():
			return "starting"
		case d.Health == "down":
			worst = "down"
		case d.Health == "degraded" && worst == "live":
			worst = "degraded"
		}
	}
	for _, r := range st.Infrastructure {
		if !r.Ready && worst == "live" {
			worst = "degraded"
		}
	}
	return worst
}

// deployment is what is observed of one environment.
func (p *Platform) deployment(ctx context.Context, svc pave.Service, env pave.Name, live map[pave.Name]pave.Release,
	resources []pave.Resource, traffic map[string]*pave.Traffic) pave.Deployment {
	d := pave.Deployment{Environment: env, URL: p.Addresses.Service(svc.Name, env), Sync: "progressing",
		Health: "down", Instances: []pave.Instance{}}
	if r, ok := live[env]; ok {
		d.Release = &r
	}
	for _, r := range resources {
		if r.Ref.Env != env || r.State != pave.ResourcePresent {
			continue
		}
		switch r.Ref.Kind {
		case pave.KindRoute:
			d.Address, d.Traffic = r.Outputs["address"], traffic[r.ID]
		case pave.KindDeployment:
			p.processes(ctx, r, &d)
		}
	}
	return d
}

// processes fills in what the node sees of a deployment.
func (p *Platform) processes(ctx context.Context, r pave.Resource, d *pave.Deployment) {
	w, err := p.Node.Workload(ctx, r.ID)
	if err != nil {
		d.Health, d.Reason = "unknown", reasonOf(err)
		return
	}
	ready := 0
	for _, i := range w.Replicas {
		if i.Generation == w.Serving && i.Ready {
			ready++
		}
		d.Instances = append(d.Instances, pave.Instance{Name: i.Instance, PID: i.PID, Port: i.Port, Ready: i.Ready,
			Restarts: i.Restarts, Started: i.Started, LastExit: i.LastExit})
	}
	d.Reason, d.LastLines = w.Reason, w.LastLines
	switch w.State {
	case node.StateRunning:
		d.Sync = "synced"
	case node.StateFailed:
		d.Sync = "failed"
	}
	switch {
	case ready == 0:
		d.Health = "down"
	case w.State == node.StateRunning && ready < len(d.Instances):
		d.Health = "degraded"
	default:
		d.Health = "healthy"
	}
}

func reasonOf(err error) string {
	if pave.CodeOf(err) == pave.NotFound {
		return "the node knows nothing of it"
	}
	return err.Error()
}

// traffic is what the router counted, by route. Without a node there is none.
func (p *Platform) traffic(ctx context.Context) map[string]*pave.Traffic {
	out := map[string]*pave.Traffic{}
	all, err := p.Node.Metrics(ctx)
	if err != nil {
		p.Log.Warn("no metrics of the router", "err", err)
		return out
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, m := range all {
		out[m.Route] = &pave.Traffic{Requests: int64(m.Requests), Errors: int64(m.Errors), PerSecond: m.PerSecond,
			P50: ms(m.P50), P95: ms(m.P95), P99: ms(m.P99), Since: m.Since}
	}
	return out
}

// Explain lists each resource of a service, observed now, with commands that
// show more.
func (p *Platform) Explain(ctx context.Context, name string) ([]pave.Resource, error) {
	svc, err := p.serviceEver(ctx, name)
	if err != nil {
		return nil, err
	}
	return p.observed(ctx, svc.ID)
}

// Resources returns the journal of a service ("" for all), without looking anew.
func (p *Platform) ListResources(ctx context.Context, service string) ([]pave.Resource, error) {
	id := ""
	if service != "" {
		svc, err := p.serviceEver(ctx, service)
		if err != nil {
			return nil, err
		}
		id = svc.ID
	}
	visible, err := p.visible(ctx)
	if err != nil {
		return nil, err
	}
	records, err := p.Resources.List(ctx, p.DB, id)
	out := []pave.Resource{}
	for _, r := range records {
		if visible == nil || slices.Contains(visible, r.Service) {
			out = append(out, r.View())
		}
	}
	return out, err
}

// ListReleases returns the releases of a service, newest first.
func (p *Platform) ListReleases(ctx context.Context, service string) ([]pave.Release, error) {
	svc, err := p.serviceEver(ctx, service)
	if err != nil {
		return nil, err
	}
	return p.Releases.List(ctx, svc.ID)
}

// Entities returns what was discovered of a service ("" for all).
func (p *Platform) Entities(ctx context.Context, service string) ([]pave.Entity, error) {
	id := ""
	if service != "" {
		svc, err := p.serviceNamed(ctx, service)
		if err != nil {
			return nil, err
		}
		id = svc.ID
	}
	visible, err := p.visible(ctx)
	if err != nil {
		return nil, err
	}
	all, err := p.Catalog.List(ctx, id)
	return slices.DeleteFunc(all, func(e pave.Entity) bool { return visible != nil && !slices.Contains(visible, e.Service) }), err
}

// Audit returns rows of the audit log.
func (p *Platform) Audit(ctx context.Context, f pave.AuditFilter) ([]pave.AuditEntry, error) {
	if err := p.Access.May(ctx, access.Admin, access.Platform); err != nil {
		return nil, err
	}
	return p.Access.Audit(ctx, f)
}

// Logs streams what the processes of a service write in one environment.
func (p *Platform) Logs(ctx context.Context, service string, q pave.LogQuery, each func(pave.LogLine) error) error {
	svc, err := p.Service(ctx, service)
	if err != nil {
		return err
	}
	env, err := p.environmentOf(ctx, transition{service: svc, to: pave.Wanted{Environments: svc.Environments}}, q.Env)
	if err != nil {
		return err
	}
	rec, err := p.Resources.Live(ctx, p.DB, svc.ID, pave.Ref{Kind: pave.KindDeployment, Env: env, Service: svc.Name, Name: string(svc.Name)})
	if err != nil {
		return pave.Errorf(pave.NotFound, "nothing of %s runs in %s yet", service, env).WithHint("pave status %s", service)
	}
	lq := node.LogQuery{Workload: rec.ID, Follow: q.Follow, Tail: q.Tail}
	if lq.Tail == 0 {
		lq.Tail = 100
	}
	if q.Since != "" {
		if lq.Since, err = strconv.ParseInt(q.Since, 10, 64); err != nil {
			return pave.BadField("since", q.Since, "is no cursor", "a cursor comes with every line")
		}
	}
	for l, err := range p.Node.Logs(ctx, lq) {
		if err != nil {
			return err
		}
		if err := each(pave.LogLine{Cursor: fmt.Sprint(l.Cursor), At: l.At, Source: l.Source, Stream: l.Stream, Text: l.Text}); err != nil {
			return err
		}
	}
	return nil
}

// Doctor runs every check there is: those of the providers, then those of the
// server itself.
func (p *Platform) Doctor(ctx context.Context) (out []pave.Check, err error) {
	add := func(checks []pave.Check) {
		for _, c := range checks {
			if !slices.ContainsFunc(out, func(have pave.Check) bool { return have.Name == c.Name }) {
				out = append(out, c)
			}
		}
	}
	for _, check := range p.Checks {
		add(check(ctx))
	}
	out = append(append(out, p.systems.checks()...), p.checkBindings(ctx)...)
	for _, kind := range slices.Concat([]string{pave.KindRepository}, pave.BackingKinds, []string{pave.KindDeployment, pave.KindRoute, pave.KindIdentity, pave.KindSecret}) {
		drivers := p.Resources.Drivers[kind]
		for _, name := range slices.Sorted(maps.Keys(drivers)) {
			d := drivers[name]
			c, ok := resource.As[resource.Checker](d)
			if !ok {
				continue
			}
			checks := c.Check(ctx)
			if pave.OnThisMachine(kind, name) && name != pave.LocalProvider(kind) {
				if checks, err = p.whereUsed(ctx, kind, name, checks); err != nil {
					return nil, err
				}
			}
			add(checks)
		}
	}
	return out, nil
}

// whereUsed makes nothing of what fails of an engine that no service has: it need not be
// on every machine.
func (p *Platform) whereUsed(ctx context.Context, kind, provider string, checks []pave.Check) ([]pave.Check, error) {
	all, err := p.Resources.List(ctx, p.DB, "")
	used := slices.ContainsFunc(all, func(r resource.Record) bool { return r.Ref.Kind == kind && r.Provider == provider })
	for i, c := range checks {
		if !used && !c.OK {
			checks[i] = pave.Check{Name: c.Name, OK: true, Detail: "no service has one; before the first: " + c.Fix}
		}
	}
	return checks, err
}
