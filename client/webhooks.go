package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pave-platform/pave"
)

func webhook(id string) string { return "/v1/webhooks/" + url.PathEscape(id) }

// Webhooks returns the webhooks that the caller has to do with.
func (c *Client) Webhooks(ctx context.Context) ([]pave.Webhook, error) {
	return list[pave.Webhook](ctx, c, "/v1/webhooks", nil)
}

// Webhook returns one.
func (c *Client) Webhook(ctx context.Context, id string) (pave.Webhook, error) {
	return get[pave.Webhook](ctx, c, webhook(id), nil)
}

// CreateWebhook lets an address be told of events. Its secret is returned once.
func (c *Client) CreateWebhook(ctx context.Context, r pave.WebhookRequest) (pave.NewWebhook, error) {
	return send[pave.NewWebhook](ctx, c, http.MethodPost, "/v1/webhooks", r)
}

// SetWebhook changes a webhook, or lets a disabled one go on.
func (c *Client) SetWebhook(ctx context.Context, id string, r pave.WebhookChange) (pave.Webhook, error) {
	return send[pave.Webhook](ctx, c, http.MethodPut, webhook(id), r)
}

// DeleteWebhook ends a webhook.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	return remove(ctx, c, webhook(id))
}

// TestWebhook sends a message of the type webhook.test.
func (c *Client) TestWebhook(ctx context.Context, id string) (pave.Delivery, error) {
	return send[pave.Delivery](ctx, c, http.MethodPost, webhook(id)+"/test", nil)
}

// Deliveries returns one page of what was sent to a webhook, newest first.
func (c *Client) Deliveries(ctx context.Context, id string, f pave.DeliveryFilter) ([]pave.Delivery, error) {
	q := url.Values{}
	setIf(q, "cursor", f.Cursor)
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(f.Limit, maxPage)))
	}
	return page[pave.Delivery](ctx, c, webhook(id)+"/deliveries", q)
}

// Delivery returns one.
func (c *Client) Delivery(ctx context.Context, id, delivery string) (pave.Delivery, error) {
	return get[pave.Delivery](ctx, c, webhook(id)+"/deliveries/"+url.PathEscape(delivery), nil)
}

// Redeliver sends a delivery once more.
func (c *Client) Redeliver(ctx context.Context, id, delivery string) (pave.Delivery, error) {
	return send[pave.Delivery](ctx, c, http.MethodPost, webhook(id)+"/deliveries/"+url.PathEscape(delivery)+"/redeliver", nil)
}
