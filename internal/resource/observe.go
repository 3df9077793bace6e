package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Observe looks at every live resource of a service now and returns what it saw,
// with what was seen kept in the journal. Where the service is settled, no run works
// on it, it looks for drift too. A provider that does not answer is a reason on its
// resource, not an error.
func (c *Controller) Observe(ctx context.Context, service string, settled bool) ([]pave.Resource, error) {
	records, err := c.List(ctx, c.db, service)
	if err != nil {
		return nil, err
	}
	out := []pave.Resource{}
	for _, r := range records {
		view := r.View()
		if r.Live() {
			view, _ = c.Look(ctx, r, settled)
		}
		out = append(out, view)
	}
	return out, nil
}

// Look is Observe for one live resource. The error is what its provider said to the look,
// or that it said nothing; the view tells of it too.
func (c *Controller) Look(ctx context.Context, r Record, settled bool) (view pave.Resource, err error) {
	view = r.View()
	d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
	if err != nil {
		view.Ready, view.Reason = false, err.Error()
		return view, err
	}
	res := Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Spec: r.Spec}
	view.Look = lookAt(d, res)
	if r.State == pave.ResourcePlanned {
		return view, nil
	}
	st, err := d.Observe(ctx, res)
	view.Ready, view.Reason, view.Observed = st.Ready, st.Reason, store.Time(store.Micros(time.Now()))
	if err != nil {
		view.Ready, view.Reason = false, reason(err)
	}
	if err := c.Observed(ctx, r.ID, view.Ready, view.Reason, view.Observed); err != nil {
		c.log.Warn("observation not kept", "resource", r.ID, "err", err)
	}
	if settled {
		c.lookForDrift(ctx, d, r, err, &view)
	}
	return view, err
}

// lookForDrift notes where the world differs otherwise than it did.
func (c *Controller) lookForDrift(ctx context.Context, d Driver, r Record, observed error, view *pave.Resource) {
	drift, known := c.drift(ctx, d, r, observed, false)
	if !known || slices.Equal(drift, r.Drift) {
		return
	}
	var err error
	if view.Drift, view.DriftSince, err = c.drifted(ctx, r, drift, view.Observed); err != nil {
		c.log.Warn("drift not kept", "resource", r.ID, "err", err)
	}
}

// lookAt names the commands that show more of a resource: people may come into those that
// let them in.
func lookAt(d Driver, r Resource) (out []string) {
	if _, ok := As[Connector](d); ok {
		out = append(out, fmt.Sprintf("pave connect %s %s --env %s", r.Ref.Service, r.Ref.Kind, r.Ref.Env))
	}
	if l, ok := As[Looker](d); ok {
		out = append(out, l.Look(r)...)
	}
	return out
}

// drift says how the world differs from what was applied; known is false where the
// provider does not answer. Fresh is a look of now, where one costs too much for each minute.
func (c *Controller) drift(ctx context.Context, d Driver, r Record, observed error, fresh bool) (drift []string, known bool) {
	switch pave.CodeOf(observed) {
	case "":
	case pave.NotFound:
		return []string{"it is gone"}, true
	case pave.Conflict:
		return []string{observed.Error()}, true
	default:
		return nil, false
	}
	drifter, ok := As[Drifter](d)
	if !ok {
		return nil, true
	}
	drift, err := drifter.Drift(ctx, Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Spec: r.Spec, Outputs: r.Outputs, Fresh: fresh})
	if err != nil {
		c.log.Debug("drift not known", "resource", r.ID, "err", err)
	}
	return drift, err == nil
}

func reason(err error) string {
	if pave.CodeOf(err) == pave.NotFound {
		return "missing: it vanished outside pave"
	}
	return err.Error()
}

// Sweep compares the journal with the world. It deletes what carries our marker
// but is wanted by nobody (an effect of a step that was overtaken), and deletes
// for good what was set aside and is kept no longer. What a busy run works on
// stays. A provider that does not answer is skipped and named in the error.
func (c *Controller) Sweep(ctx context.Context, busy func(run string) bool) (Report, error) {
	records, err := c.List(ctx, c.db, "")
	if err != nil {
		return Report{}, err
	}
	var rep Report
	var errs []error
	for kind, providers := range c.Drivers {
		for provider, d := range providers {
			errs = append(errs, c.sweepOrphans(ctx, kind, provider, d, &rep, busy))
		}
	}
	for _, r := range records {
		if r.State == pave.ResourceAside && !r.KeptUntil.After(time.Now()) && !busy(r.Run) {
			errs = append(errs, c.expire(ctx, r.ID, &rep))
		}
	}
	return rep, errors.Join(errs...)
}

// Report says what a sweep did.
type Report struct {
	Orphans []string // external names of things deleted since nobody wants them
	Expired []string // external names of things kept long enough
}

// The run, and the actor, of what a sweep does in the journal.
const (
	sweepRun   = "sweep"
	sweepActor = "pave"
)

func (c *Controller) sweepOrphans(ctx context.Context, kind, provider string, d Driver, rep *Report, busy func(string) bool) error {
	lister, ok := As[Lister](d)
	if !ok || !c.due(kind+" "+provider, d) {
		return nil
	}
	found, err := lister.List(ctx)
	if err != nil {
		return pave.Errorf(pave.CodeOf(err), "list %s by %s: %w", kind, provider, err)
	}
	var errs []error
	for _, f := range found {
		// Only what the journal gave an id to and knows to be gone is ours to
		// delete. It is asked after the world was: what was made meanwhile is known.
		r, err := c.Get(ctx, c.db, f.ID)
		if err != nil || r.State != pave.ResourceGone || busy(r.Run) {
			continue
		}
		c.log.Warn("orphan deleted", "kind", kind, "provider", provider, "external", f.ExternalID, "resource", f.ID)
		r.ExternalID = f.ExternalID
		if err := c.sweepAway(ctx, d, r, "orphan"); err != nil {
			errs = append(errs, err)
			continue
		}
		rep.Orphans = append(rep.Orphans, f.ExternalID)
	}
	return errors.Join(errs...)
}

// due reports whether a lister may be asked, and notes that it is.
func (c *Controller) due(name string, d Driver) bool {
	sparing, ok := As[Sparing](d)
	if !ok {
		return true
	}
	now := time.Now()
	if last, asked := c.listed.Load(name); asked && now.Sub(last.(time.Time)) < sparing.ListEvery() {
		return false
	}
	c.listed.Store(name, now)
	return true
}

// expire deletes what was set aside, unless it was brought back since it was seen.
func (c *Controller) expire(ctx context.Context, id string, rep *Report) error {
	r, err := c.Get(ctx, c.db, id)
	if err != nil || r.State != pave.ResourceAside {
		return err
	}
	d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
	if err != nil {
		return err
	}
	if err := c.sweepAway(ctx, d, r, "expire"); err != nil {
		return err
	}
	rep.Expired = append(rep.Expired, r.ExternalID)
	return nil
}

// sweepAway deletes a resource for good, with its rows in the journal before and
// after.
func (c *Controller) sweepAway(ctx context.Context, d Driver, r Record, step string) error {
	if _, err := c.intend(ctx, r, sweepRun, step, string(pave.ActionDelete), sweepActor); err != nil {
		return err
	}
	if err := d.Delete(ctx, Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Spec: r.Spec}); err != nil {
		return pave.Errorf(pave.CodeOf(err), "delete %s %s: %w", r.Ref.Kind, r.ExternalID, err)
	}
	return c.retire(ctx, r, sweepRun, step, string(pave.ActionDelete), pave.ResourceGone, time.Time{})
}
