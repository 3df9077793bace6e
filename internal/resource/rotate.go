package resource

import (
	"context"
	"time"

	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/workflow"
)

// The outputs of what has credentials with an end: when they end, and from when on others
// are due, in the form of RFC 3339.
const (
	OutputCredentialsEnd = "credentials_end"
	OutputCredentialsDue = "credentials_due"
)

// Stale reports whether older credentials of a resource are good than it was applied
// with. What knows no credentials has none.
func (c *Controller) Stale(ctx context.Context, service string, ref pave.Ref) (bool, error) {
	r, d, err := c.rotator(ctx, service, ref)
	if err != nil || d == nil {
		return false, err
	}
	return d.Stale(ctx, c.asApplied(r))
}

// Revoke leaves the credentials alone that a resource was applied with, for a step.
func (c *Controller) Revoke(ctx context.Context, t *workflow.Task, service string, ref pave.Ref) error {
	r, d, err := c.rotator(ctx, service, ref)
	if err != nil || d == nil {
		return err
	}
	step := effectKey(t) + "/" + StepKey(ref)
	if _, err := c.intend(ctx, r, t.Run.ID, step, string(pave.ActionUpdate), t.Run.Actor); err != nil {
		return err
	}
	if err := d.Revoke(ctx, c.asApplied(r)); err != nil {
		return err
	}
	workflow.Failpoint(ctx, "before-record")
	_, err = c.db.Exec(ctx, `UPDATE effects SET done = $1 WHERE run = $2 AND step = $3 AND resource = $4 AND action = $5`,
		store.Micros(time.Now()), t.Run.ID, step, r.ID, string(pave.ActionUpdate))
	return err
}

func (c *Controller) asApplied(r Record) Resource {
	return Resource{ID: r.ID, Ref: r.Ref, ExternalID: r.ExternalID, Service: r.Service, Spec: r.Spec}
}

func (c *Controller) rotator(ctx context.Context, service string, ref pave.Ref) (Record, Rotator, error) {
	r, err := c.Live(ctx, c.db, service, ref)
	if err != nil {
		return r, nil, err
	}
	d, err := c.Drivers.Get(ref.Kind, r.Provider)
	if err != nil {
		return r, nil, err
	}
	rotator, _ := As[Rotator](d)
	return r, rotator, nil
}
