package webhook

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

const deliveryColumns = `id, webhook, type, seq, state, attempts, status, error, next, created, ended`

func scanDelivery(row store.Scanner) (pave.Delivery, error) {
	var d pave.Delivery
	err := row.Scan(&d.ID, &d.Webhook, &d.Type, &d.Event, &d.State, &d.Attempts, &d.Status, &d.Error,
		store.Stamp(&d.Next), store.Stamp(&d.Created), store.Stamp(&d.Ended))
	return d, err
}

// Deliveries returns what was sent to a webhook, newest first.
func (h *Webhooks) Deliveries(ctx context.Context, id string, f pave.DeliveryFilter) ([]pave.Delivery, error) {
	w, err := h.Webhook(ctx, id)
	if err != nil {
		return nil, err
	}
	if f.Limit <= 0 || f.Limit > 200 {
		f.Limit = 200
	}
	rows, err := h.DB.Query(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE webhook = $1 AND (CAST($2 AS TEXT) = '' OR id < $2)
		ORDER BY id DESC LIMIT $3`, w.ID, f.Cursor, f.Limit)
	return store.Collect(rows, err, scanDelivery)
}

// Delivery returns one.
func (h *Webhooks) Delivery(ctx context.Context, id, delivery string) (pave.Delivery, error) {
	w, err := h.Webhook(ctx, id)
	if err != nil {
		return pave.Delivery{}, err
	}
	d, err := scanDelivery(h.DB.QueryRow(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE webhook = $1 AND id = $2`, w.ID, delivery))
	if errors.Is(err, sql.ErrNoRows) {
		return d, pave.Errorf(pave.NotFound, "no delivery %q of webhook %s", clip(delivery), w.ID).WithHint("pave describe webhook %.16s", w.ID)
	}
	return d, err
}

// TestWebhook sends a message of its own type.
func (h *Webhooks) TestWebhook(ctx context.Context, id string) (pave.Delivery, error) {
	w, err := h.Webhook(ctx, id)
	if err != nil {
		return pave.Delivery{}, err
	}
	if !w.Disabled.IsZero() {
		return pave.Delivery{}, pave.Errorf(pave.Conflict, "webhook %s is disabled: %s", w.ID, w.Reason).WithHint("pave set webhook %.16s --enable", w.ID)
	}
	body, err := json.Marshal(message{"webhook.test", time.Now().UTC(), map[string]string{"webhook": w.ID}})
	if err != nil {
		return pave.Delivery{}, err
	}
	d := newDelivery(w, "webhook.test", 0, body)
	err = h.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := h.Access.AuditTx(ctx, tx, "test webhook", "webhook:"+w.ID, ""); err != nil {
			return err
		}
		return insert(ctx, tx, d)
	})
	h.look()
	return d.Delivery, err
}

// Redeliver sends a delivery once more, from its first attempt.
func (h *Webhooks) Redeliver(ctx context.Context, id, delivery string) (pave.Delivery, error) {
	d, err := h.Delivery(ctx, id, delivery)
	if err != nil {
		return d, err
	}
	if w, err := h.Webhook(ctx, id); err != nil || !w.Disabled.IsZero() {
		if err == nil {
			err = pave.Errorf(pave.Conflict, "webhook %s is disabled: %s", w.ID, w.Reason).WithHint("pave set webhook %.16s --enable", w.ID)
		}
		return d, err
	}
	err = h.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := h.Access.AuditTx(ctx, tx, "redeliver", "webhook:"+d.Webhook, d.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE deliveries SET state = $1, attempts = 0, next = $2, error = '', status = 0, ended = 0 WHERE id = $3`,
			pave.DeliveryPending, time.Now(), d.ID)
		return err
	})
	h.look()
	if err != nil {
		return d, err
	}
	return h.Delivery(ctx, id, d.ID)
}
