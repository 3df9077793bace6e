package resource

import (
	"context"
	"time"

	pave "github.com/pave-platform/pave"
)

// A Visit is a person who comes into what holds data, for a while.
type Visit struct {
	ID       string
	ReadOnly bool
	Until    time.Time
}

// A Connector lets people in with credentials of their own.
type Connector interface {
	// Connect makes the credentials of a visit and returns their address.
	Connect(ctx context.Context, r Resource, v Visit) (pave.Secret, error)
	// Disconnect ends a visit, with what it has open. Absence is success.
	Disconnect(ctx context.Context, r Resource, id string) error
}

// Connect lets a person into a resource. Conflict where its provider cannot.
func (c *Controller) Connect(ctx context.Context, id string, v Visit) (pave.Secret, error) {
	r, d, err := c.connector(ctx, id)
	if err != nil {
		return pave.Secret{}, err
	}
	if d == nil {
		return pave.Secret{}, pave.Errorf(pave.Conflict, "provider %s of %s lets nobody in", r.Provider, r.Ref).WithHint("pave explain %s", r.Ref.Service)
	}
	return d.Connect(ctx, c.asApplied(r), v)
}

// Disconnect ends a visit. Absence is success.
func (c *Controller) Disconnect(ctx context.Context, id, visit string) error {
	r, d, err := c.connector(ctx, id)
	if err != nil || d == nil || r.State == pave.ResourceGone {
		return err
	}
	return d.Disconnect(ctx, c.asApplied(r), visit)
}

func (c *Controller) connector(ctx context.Context, id string) (Record, Connector, error) {
	r, err := c.Get(ctx, c.db, id)
	if err != nil {
		return r, nil, err
	}
	d, err := c.Drivers.Get(r.Ref.Kind, r.Provider)
	if err != nil {
		return r, nil, err
	}
	connector, _ := As[Connector](d)
	return r, connector, nil
}
