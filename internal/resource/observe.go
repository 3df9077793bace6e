package resource

import (
	"context"
	"errors"
	"time"

	pave "github.com/pave-platform/pave"
)

// Observe looks at every live resource of a service now and returns what it saw,
// with what was seen kept in the journal. A provider that does not answer is a
// reason on its resource, not an error.
func (c *Controller) Observe(ctx context.Context, service string) ([]pave.Resource, error) {
	records, err := c.List(ctx, c.db, service)
	if err != nil {
		return nil, err
	}
	out := []pave.Resource{}
	for _, r := range records {
		view := r.View()
		if r.Live() {
			c.look(ctx, r, &view)
		}
		out = append(out, view)
	}
	return out, nil
}

func (c *Controller) look(ctx context.Context, r Record, view *pave.Resource) {
	d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
	if err != nil {
		view.Ready, view.Reason = false, err.Error()
		return
	}
	res := Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Spec: r.Spec}
	if l, ok := As[Looker](d); ok {
		view.Look = l.Look(res)
	}
	if r.State == pave.ResourcePlanned {
		return
	}
	st, err := d.Observe(ctx, res)
	view.Ready, view.Reason, view.Observed = st.Ready, st.Reason, time.Now().UTC()
	if err != nil {
		view.Ready, view.Reason = false, reason(err)
	}
	if err := c.Observed(ctx, r.ID, view.Ready, view.Reason, view.Observed); err != nil {
		c.log.Warn("observation not kept", "resource", r.ID, "err", err)
	}
}

func reason(err error) string {
	if pave.CodeOf(err) == pave.NotFound {
		return "missing: it vanished outside pave"
	}
	return err.Error()
}

// Sweep compares the journal with the world. It deletes what carries our marker
// but is wanted by nobody (an effect of a step that was overtaken), deletes for
// good what was set aside and is kept no longer, and looks at everything else.
// A provider that does not answer is skipped and named in the error.
func (c *Controller) Sweep(ctx context.Context, busy func(run string) bool) (Report, error) {
	records, err := c.List(ctx, c.db, "")
	if err != nil {
		return Report{}, err
	}
	var rep Report
	var errs []error
	for kind, providers := range c.Drivers {
		for provider, d := range providers {
			if err := c.sweepOrphans(ctx, kind, provider, d, records, &rep, busy); err != nil {
				errs = append(errs, err)
			}
		}
	}
	errs = append(errs, c.sweepKept(ctx, records, &rep))
	return rep, errors.Join(errs...)
}

// Report says what a sweep did.
type Report struct {
	Orphans []string // external names of things deleted since nobody wants them
	Expired []string // external names of things kept long enough
}

func (c *Controller) sweepOrphans(ctx context.Context, kind, provider string, d Driver, records []Record, rep *Report, busy func(string) bool) error {
	lister, ok := As[Lister](d)
	if !ok {
		return nil
	}
	found, err := lister.List(ctx)
	if err != nil {
		return pave.Errorf(pave.CodeOf(err), "list %s by %s: %w", kind, provider, err)
	}
	known := map[string]bool{}
	for _, r := range records {
		known[r.ID] = true
	}
	for _, f := range found {
		if known[f.ID] {
			continue
		}
		// Only what the journal once gave an id to is ours to delete.
		r, err := c.Get(ctx, c.db, f.ID)
		if err != nil || busy(r.Run) {
			continue
		}
		c.log.Warn("orphan deleted", "kind", kind, "provider", provider, "external", f.ExternalID, "resource", f.ID)
		if err := d.Delete(ctx, Resource{ID: r.ID, Ref: r.Ref, ExternalID: f.ExternalID, Spec: r.Spec}); err != nil {
			return err
		}
		rep.Orphans = append(rep.Orphans, f.ExternalID)
	}
	return nil
}

func (c *Controller) sweepKept(ctx context.Context, records []Record, rep *Report) error {
	for _, r := range records {
		if r.State != pave.ResourceAside || r.KeptUntil.After(time.Now()) {
			continue
		}
		d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
		if err != nil {
			return err
		}
		step := "expire"
		if _, err := c.intend(ctx, r, "sweep", step, string(pave.ActionDelete), "pave"); err != nil {
			return err
		}
		if err := d.Delete(ctx, Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Spec: r.Spec}); err != nil {
			return err
		}
		if err := c.retire(ctx, r, "sweep", step, string(pave.ActionDelete), pave.ResourceGone, time.Time{}); err != nil {
			return err
		}
		rep.Expired = append(rep.Expired, r.ExternalID)
	}
	return nil
}
