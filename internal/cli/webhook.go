package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// webhookDetail is what describe shows of a webhook.
type webhookDetail struct {
	pave.Webhook
	Deliveries []pave.Delivery `json:"deliveries"` // newest first
}

// webhooks is their kind.
func webhooks() kind {
	k := of(func(ctx context.Context, c *client.Client, _ query) ([]pave.Webhook, error) { return c.Webhooks(ctx) },
		func(w pave.Webhook) []string { return []string{shortID(w.ID), w.ID} }, webhookColumns).
		as("webhook", "webhooks", "addresses that are told of events", "whk_01JD4T9XK2M7", global)
	k.one = func(ctx context.Context, c *client.Client, id string) (any, error) { return c.Webhook(ctx, id) }
	k.detail = webhookDetail{}
	k.found = func(ctx context.Context, c *client.Client, id string, _ query) (any, error) {
		w, err := c.Webhook(ctx, id)
		if err != nil {
			return nil, err
		}
		all, err := c.Deliveries(ctx, w.ID, pave.DeliveryFilter{Limit: 20})
		return webhookDetail{w, all}, err
	}
	return k
}

func webhookColumns(w pave.Webhook) []column {
	state := "on"
	if !w.Disabled.IsZero() {
		state = "disabled"
	}
	return []column{{"ID", shortID(w.ID), false}, {"URL", w.URL, false}, {"EVENTS", strings.Join(w.Events, ","), false},
		{"TEAM", dash(string(w.Team)), false}, {"STATE", state, false}, {"AGE", w.Created, false}, {"ACTOR", w.Actor, true}, {"REASON", w.Reason, true}}
}

func (a *app) createWebhook() *cobra.Command {
	cmd := &cobra.Command{
		Use: "webhook URL", Aliases: []string{"webhooks"}, Short: "Tell an address of events; the secret is shown once",
		Long: "Tell an address of events as they happen, in the form of Standard Webhooks: the headers webhook-id,\n" +
			"webhook-timestamp and webhook-signature. The secret that signs is printed once, alone on stdout. A lead\n" +
			"gets the events of their team's services with --team, an admin those of all. What is not taken is\n" +
			"sent again for more than a day; a receiver tells doubles by webhook-id.",
		Example: examples("pave create webhook https://ci.example.com/pave --events run.done,run.stopped --team payment-squad",
			`pave create webhook https://chat.example.com/hook --events "run.*"`),
		Args: exactly("the address"),
	}
	r := pave.WebhookRequest{}
	cmd.Flags().StringSliceVar(&r.Events, "events", nil, "`TYPES` of events, with commas; run.* is a family, * all")
	cmd.Flags().StringVar(&r.Team, "team", "", "whose services it is about; all without")
	complete(cmd, "events", fixed(append(pave.WebhookEvents, "run.*", "step.*", "*")...))
	complete(cmd, "team", teamNames)
	v := viewFlags(cmd, pave.NewWebhook{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if len(r.Events) == 0 {
			return usagef("%s needs --events", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		r.URL = args[0]
		w, err := a.api().CreateWebhook(cmd.Context(), r)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, w)
		}
		fmt.Fprintln(a.out, w.Secret)
		a.say("webhook %s is on; this secret signs what it sends and is not shown again", shortID(w.ID))
		a.say("pave test webhook %s", shortID(w.ID))
		return nil
	}
	return cmd
}

func (a *app) setWebhook() *cobra.Command {
	cmd := &cobra.Command{
		Use: "webhook ID", Aliases: []string{"webhooks"}, Short: "Change a webhook, or let a disabled one go on",
		Long: "Change the address or the events of a webhook, or let one go on that was disabled since nothing\n" +
			"was taken for days. Its secret stays.",
		Example: examples("pave set webhook whk_01JD4T9XK2M7 --enable", "pave set webhook whk_01JD4T9XK2M7 --events run.stopped"),
		Args:    exactly("the id of a webhook"),
	}
	r := pave.WebhookChange{}
	cmd.Flags().StringVar(&r.URL, "url", "", "its `ADDRESS`")
	cmd.Flags().StringSliceVar(&r.Events, "events", nil, "`TYPES` of events, with commas")
	cmd.Flags().BoolVar(&r.Enable, "enable", false, "let it go on")
	complete(cmd, "events", fixed(append(pave.WebhookEvents, "run.*", "step.*", "*")...))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if r.URL == "" && len(r.Events) == 0 && !r.Enable {
			return usagef("%s needs --url, --events or --enable", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		w, err := a.api().SetWebhook(cmd.Context(), args[0], r)
		if err != nil {
			return err
		}
		state := "is on"
		if !w.Disabled.IsZero() {
			state = "is disabled"
		}
		fmt.Fprintf(a.out, "Webhook %s %s, told of %s.\n", shortID(w.ID), state, strings.Join(w.Events, ", "))
		return nil
	}
	return cmd
}

func (a *app) deleteWebhook() *cobra.Command {
	return &cobra.Command{
		Use: "webhook ID", Aliases: []string{"webhooks"}, Short: "End a webhook",
		Long:    "End a webhook: its address is told of nothing any more, and what was sent is forgotten.",
		Example: examples("pave delete webhook whk_01JD4T9XK2M7", "pave delete webhook whk_01JD4T9XK2M7 && pave list webhooks"),
		Args:    exactly("the id of a webhook"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.api().DeleteWebhook(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Webhook %s is gone.\n", oneLine(args[0]))
			return nil
		},
	}
}

func (a *app) test() *cobra.Command {
	cmd := &cobra.Command{
		Use: "test KIND", Short: "Try something out", Long: "Send a message to a webhook and say what came of it.",
		Example: examples("pave test webhook whk_01JD4T9XK2M7", "pave test webhook --help"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	hook := &cobra.Command{
		Use: "webhook ID", Aliases: []string{"webhooks"}, Short: "Send a message to a webhook and say what came of it",
		Long:    "Send a message of the type webhook.test to a webhook and wait for what its receiver answers.",
		Example: examples("pave test webhook whk_01JD4T9XK2M7", "pave test webhook whk_01JD4T9XK2M7 && pave describe webhook whk_01JD4T9XK2M7"),
		Args:    exactly("the id of a webhook"),
	}
	hook.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := a.api().TestWebhook(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.delivered(cmd.Context(), d)
	}
	cmd.AddCommand(hook)
	return cmd
}

func (a *app) redeliver() *cobra.Command {
	return &cobra.Command{
		Use: "redeliver WEBHOOK DELIVERY", Short: "Send a delivery of a webhook once more",
		Long: "Send a delivery of a webhook once more and wait for what its receiver answers. The message keeps\n" +
			"its id, so that a receiver that has it does nothing twice.",
		Example: examples("pave redeliver whk_01JD4T9XK2M7 msg_01JD4TAXK2M7BBBBBBBBBBBBBB", "pave describe webhook whk_01JD4T9XK2M7"),
		Args:    exactly("the id of a webhook", "the id of a delivery"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.api().Redeliver(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return a.delivered(cmd.Context(), d)
		},
	}
}

// deliveryPatience is how long the first attempt of a delivery is waited for.
const deliveryPatience = 30 * time.Second

// delivered waits for the first attempt of a delivery and says what came of it.
func (a *app) delivered(ctx context.Context, d pave.Delivery) error {
	for end := time.Now().Add(deliveryPatience); time.Now().Before(end); {
		now, err := a.api().Delivery(ctx, d.Webhook, d.ID)
		if err != nil {
			return err
		}
		switch {
		case now.State == pave.DeliveryDelivered:
			fmt.Fprintf(a.out, "Delivered: %s was answered with %d.\n", now.ID, now.Status)
			return nil
		case now.Error != "":
			return pave.Errorf(pave.Unavailable, "%s was not taken: %s", now.ID, oneLine(now.Error)).
				WithHint("pave describe webhook %s shows each delivery; what was not taken is sent again", shortID(now.Webhook))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return pave.Errorf(pave.Unavailable, "%s has no answer after %s", d.ID, deliveryPatience).WithHint("pave describe webhook %s", shortID(d.Webhook))
}
