package pave

import (
	"context"
	"time"
)

// A Webhook is an address that is told of events, in the form of Standard Webhooks.
type Webhook struct {
	ID       string    `json:"id"`
	URL      string    `json:"url"`
	Events   []string  `json:"events"`         // types, "run.*" or "*"
	Team     Name      `json:"team,omitempty"` // whose services it is about; "" is all
	Actor    string    `json:"actor"`          // who made it; it ends with their right to
	Created  time.Time `json:"created"`
	Disabled time.Time `json:"disabled,omitzero"`
	Reason   string    `json:"reason,omitempty"` // why it is disabled
}

// A NewWebhook is a webhook with the secret that signs what it sends, shown once.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret"`
}

// WebhookRequest asks for a webhook.
type WebhookRequest struct {
	URL    string   `json:"url"`
	Events []string `json:"events"`
	Team   string   `json:"team,omitempty"` // "" asks for all services
}

// WebhookChange is what is to be otherwise with a webhook; zero fields stay.
type WebhookChange struct {
	URL    string   `json:"url,omitempty"`
	Events []string `json:"events,omitempty"`
	Enable bool     `json:"enable,omitempty"` // let a disabled one go on
}

// States of a delivery.
const (
	DeliveryPending   = "pending"   // not yet, or to be tried again
	DeliveryDelivered = "delivered" // its receiver said so
	DeliveryFailed    = "failed"    // given up
)

// A Delivery is one event on its way to one webhook. Its ID is that of the message
// and stays the same however often it is sent.
type Delivery struct {
	ID       string    `json:"id"`
	Webhook  string    `json:"webhook"`
	Type     string    `json:"type"`
	Event    int64     `json:"event,omitempty"` // seq
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	Status   int       `json:"status,omitempty"` // of the last answer
	Error    string    `json:"error,omitempty"`  // of the last attempt
	Next     time.Time `json:"next,omitzero"`    // when it is tried again
	Created  time.Time `json:"created"`
	Ended    time.Time `json:"ended,omitzero"`
}

// DeliveryFilter narrows deliveries, newest first.
type DeliveryFilter struct {
	Limit  int    // at most 200; 0 is 200
	Cursor string // id of the last of the page before
}

// WebhookEvents are the types of events that webhooks can be told of.
var WebhookEvents = []string{"run.started", "run.done", "run.stopped", "run.canceled",
	"step.started", "step.waiting", "step.retry", "step.done", "step.failed", "webhook.disabled"}

// Webhooks tell other systems of events. The caller is the principal of the context:
// a lead for the services of their team, an admin for all. Errors: Invalid, NotFound,
// Conflict, Denied.
type Webhooks interface {
	Webhooks(ctx context.Context) ([]Webhook, error)
	// Webhook finds by id, or by a prefix of it that is unique.
	Webhook(ctx context.Context, id string) (Webhook, error)
	CreateWebhook(ctx context.Context, r WebhookRequest) (NewWebhook, error)
	SetWebhook(ctx context.Context, id string, r WebhookChange) (Webhook, error)
	DeleteWebhook(ctx context.Context, id string) error
	// TestWebhook sends a message of the type webhook.test.
	TestWebhook(ctx context.Context, id string) (Delivery, error)
	Deliveries(ctx context.Context, id string, f DeliveryFilter) ([]Delivery, error)
	Delivery(ctx context.Context, id, delivery string) (Delivery, error)
	// Redeliver sends a delivery once more, from its first attempt.
	Redeliver(ctx context.Context, id, delivery string) (Delivery, error)
}
