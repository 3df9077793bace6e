package platform

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

// Owner is the service of an id, a deleted one too; it asks nobody's permission.
func (p *Platform) Owner(ctx context.Context, service string) (pave.Service, error) {
	return p.serviceByID(ctx, p.DB, service)
}

// TellTx adds an event of no run in the transaction of what it tells of.
func (p *Platform) TellTx(tx *store.Tx, typ string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	p.Engine.Tell(tx, pave.Event{Type: typ, Actor: "pave", At: time.Now().UTC(), Data: raw})
	return nil
}
