package webhook

import (
	"context"
	"encoding/json"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// pageOfEvents is how many events are turned into deliveries in one transaction.
	pageOfEvents = 200
	// maxPending is how many deliveries may wait for one webhook.
	maxPending = 10_000
	// kept is how long a delivery that has ended can be sent again.
	kept = 7 * 24 * time.Hour
)

// message is what a receiver is sent.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// told is the data of a message about an event.
type told struct {
	Seq     int64           `json:"seq"`
	Run     string          `json:"run,omitempty"`
	Step    string          `json:"step,omitempty"`
	Service pave.Name       `json:"service,omitempty"`
	Team    pave.Name       `json:"team,omitempty"`
	Actor   string          `json:"actor"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

// fanOut turns the next events into deliveries and moves the cursor, in one
// transaction. It reports whether there may be more.
func (h *Webhooks) fanOut(ctx context.Context) (cursor int64, more bool, err error) {
	if err := h.DB.QueryRow(ctx, `SELECT seq FROM webhook_cursor WHERE id = 1`).Scan(&cursor); err != nil {
		return 0, false, err
	}
	events, err := h.Events.Events(ctx, pave.EventFilter{After: cursor, Limit: pageOfEvents})
	if err != nil || len(events) == 0 {
		return cursor, false, err
	}
	hooks, err := h.all(ctx)
	if err != nil {
		return cursor, false, err
	}
	deliveries, err := h.deliveriesOf(ctx, hooks, events)
	if err != nil {
		return cursor, false, err
	}
	next := events[len(events)-1].Seq
	err = h.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE webhook_cursor SET seq = $1 WHERE id = 1 AND seq = $2`, next, cursor)
		if err != nil || n == 0 { // another server was quicker
			return err
		}
		for _, d := range deliveries {
			if err := insert(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(deliveries) > 0 {
		h.look()
	}
	return next, len(events) == pageOfEvents, err
}

// delivery is one with its body.
type delivery struct {
	pave.Delivery
	body string
}

func (h *Webhooks) deliveriesOf(ctx context.Context, hooks []pave.Webhook, events []pave.Event) ([]delivery, error) {
	owners := map[string]pave.Service{}
	var out []delivery
	for _, e := range events {
		for _, w := range hooks {
			if !w.Disabled.IsZero() || e.At.Before(w.Created) || !wants(w, e.Type) {
				continue
			}
			owner, known := owners[e.Service]
			if !known && e.Service != "" {
				var err error
				if owner, err = h.Events.Owner(ctx, e.Service); err != nil && pave.CodeOf(err) != pave.NotFound {
					return nil, err
				}
				owners[e.Service] = owner
			}
			if w.Team != "" && owner.Team != w.Team {
				continue
			}
			body, err := json.Marshal(message{e.Type, e.At, told{e.Seq, e.Run, e.Step, owner.Name, owner.Team, e.Actor, e.Data}})
			if err != nil {
				return nil, err
			}
			out = append(out, newDelivery(w, e.Type, e.Seq, body))
		}
	}
	return out, nil
}

func newDelivery(w pave.Webhook, typ string, seq int64, body []byte) delivery {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return delivery{pave.Delivery{ID: pave.NewID("msg"), Webhook: w.ID, Type: typ, Event: seq, State: pave.DeliveryPending,
		Created: now, Next: now}, string(body)}
}

func insert(ctx context.Context, tx *store.Tx, d delivery) error {
	_, err := tx.Exec(ctx, `INSERT INTO deliveries (id, webhook, seq, type, body, state, attempts, next, status, error, created, ended)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 0, '', $8, 0)`, d.ID, d.Webhook, d.Event, d.Type, d.body, d.State, d.Next, d.Created)
	return err
}

// Run turns events into deliveries and sends them until ctx ends. Of several servers
// on a store the one does it for which mine says so.
func (h *Webhooks) Run(ctx context.Context, mine func() bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.send(ctx, mine)
	}()
	for pruned := (time.Time{}); ctx.Err() == nil; {
		if !mine() {
			sleep(ctx, time.Second)
			continue
		}
		cursor, more, err := h.fanOut(ctx)
		if err != nil && ctx.Err() == nil {
			h.Log.Warn("turn events into deliveries", "err", err)
			sleep(ctx, time.Second)
			continue
		}
		if time.Since(pruned) > time.Hour {
			pruned = time.Now()
			if err := h.prune(ctx); err != nil && ctx.Err() == nil {
				h.Log.Warn("prune deliveries", "err", err)
			}
		}
		if !more {
			if err := h.Events.WaitEvents(ctx, cursor); err != nil {
				sleep(ctx, time.Second)
			}
		}
	}
	<-done
}

// prune forgets deliveries that ended long ago, and disables a webhook for which too
// many wait.
func (h *Webhooks) prune(ctx context.Context) error {
	if _, err := h.DB.Exec(ctx, `DELETE FROM deliveries WHERE ended > 0 AND ended < $1`, time.Now().Add(-kept)); err != nil {
		return err
	}
	rows, err := h.DB.Query(ctx, `SELECT webhook FROM deliveries WHERE state = 'pending' GROUP BY webhook HAVING COUNT(*) > $1`, maxPending)
	full, err := store.Collect(rows, err, func(s store.Scanner) (id string, err error) { return id, s.Scan(&id) })
	for _, id := range full {
		if err := h.disable(ctx, id, "too many deliveries wait for it"); err != nil {
			return err
		}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
