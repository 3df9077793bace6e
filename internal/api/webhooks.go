package api

import (
	"context"
	"net/http"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
)

type byDelivery struct {
	ID       string `path:"id"`
	Delivery string `path:"delivery" maxLength:"60"`
}

func byWebhookID(w pave.Webhook) string { return w.ID }

// webhookRoutes are about addresses that are told of events: a lead has those of
// their team, an admin all.
func (s *server) webhookRoutes() {
	w := s.Webhooks
	handle(s, operation{"GET", "/v1/webhooks", "list-webhooks", "Webhooks that the caller has to do with", access.Lead, 0, nil},
		func(ctx context.Context, in *pageOnly) (*list[pave.Webhook], error) {
			return paged(in.Page, byWebhookID)(w.Webhooks(ctx))
		})
	handle(s, operation{"POST", "/v1/webhooks", "create-webhook", "Tell an address of events; the secret is shown once", access.Lead, http.StatusCreated, nil},
		func(ctx context.Context, in *struct{ Body pave.WebhookRequest }) (*one[pave.NewWebhook], error) {
			return oneOf(w.CreateWebhook(ctx, in.Body))
		})
	handle(s, operation{"GET", "/v1/webhooks/{id}", "get-webhook", "A webhook", access.Lead, 0, nil},
		func(ctx context.Context, in *byID) (*one[pave.Webhook], error) { return oneOf(w.Webhook(ctx, in.ID)) })
	handle(s, operation{"PUT", "/v1/webhooks/{id}", "set-webhook", "Change a webhook, or let a disabled one go on", access.Lead, 0, nil},
		func(ctx context.Context, in *struct {
			ID   string `path:"id"`
			Body pave.WebhookChange
		}) (*one[pave.Webhook], error) {
			return oneOf(w.SetWebhook(ctx, in.ID, in.Body))
		})
	handle(s, operation{"DELETE", "/v1/webhooks/{id}", "delete-webhook", "End a webhook and forget its deliveries", access.Lead, http.StatusNoContent, nil},
		func(ctx context.Context, in *byID) (*noContent, error) { return nil, w.DeleteWebhook(ctx, in.ID) })
	handle(s, operation{"POST", "/v1/webhooks/{id}/test", "test-webhook", "Send a message of the type webhook.test", access.Lead, http.StatusCreated, nil},
		func(ctx context.Context, in *byID) (*one[pave.Delivery], error) {
			return oneOf(w.TestWebhook(ctx, in.ID))
		})
	handle(s, operation{"GET", "/v1/webhooks/{id}/deliveries", "list-deliveries", "What was sent to a webhook, newest first", access.Lead, 0, nil},
		func(ctx context.Context, in *struct {
			Page
			ID string `path:"id"`
		}) (*list[pave.Delivery], error) {
			out, err := listOf(w.Deliveries(ctx, in.ID, pave.DeliveryFilter{Limit: in.Limit, Cursor: in.Cursor}))
			if n := len(out.Body.Items); err == nil && n > 0 && n == in.Limit {
				out.Body.Next = out.Body.Items[n-1].ID
			}
			return out, err
		})
	handle(s, operation{"GET", "/v1/webhooks/{id}/deliveries/{delivery}", "get-delivery", "A delivery", access.Lead, 0, nil},
		func(ctx context.Context, in *byDelivery) (*one[pave.Delivery], error) {
			return oneOf(w.Delivery(ctx, in.ID, in.Delivery))
		})
	handle(s, operation{"POST", "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", "redeliver", "Send a delivery once more", access.Lead, 0, nil},
		func(ctx context.Context, in *byDelivery) (*one[pave.Delivery], error) {
			return oneOf(w.Redeliver(ctx, in.ID, in.Delivery))
		})
}
