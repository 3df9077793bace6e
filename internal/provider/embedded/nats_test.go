package embedded

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

const subjects = "jobs."

// queues keeps each key as a subject of one stream.
var queues = client{
	put: func(address pave.Secret, key, value string) error {
		return jet(address, func(ctx context.Context, _ *nats.Conn, js jetstream.JetStream) error {
			_, err := js.Publish(ctx, subjects+key, []byte(value))
			if errors.Is(err, jetstream.ErrNoStreamResponse) {
				if _, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "JOBS", Subjects: []string{subjects + ">"}}); err == nil {
					_, err = js.Publish(ctx, subjects+key, []byte(value))
				}
			}
			return err
		})
	},
	get: func(address pave.Secret, key string) (value string, err error) {
		return value, jet(address, func(ctx context.Context, _ *nats.Conn, js jetstream.JetStream) error {
			s, err := js.Stream(ctx, "JOBS")
			if err != nil {
				return err
			}
			m, err := s.GetLastMsgForSubject(ctx, subjects+key)
			if err == nil {
				value = string(m.Data)
			}
			return err
		})
	},
	lost: `^1 stream, 2 messages \(\d+ KB\)$`,
}

func jet(address pave.Secret, do func(context.Context, *nats.Conn, jetstream.JetStream) error) error {
	c, err := nats.Connect(address.Reveal(), nats.Timeout(5*time.Second), nats.NoReconnect())
	if err != nil {
		return err
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return do(ctx, c, js)
}

// Who is shut out has no connection any more, and who only looks takes nothing from a
// group of subscribers.
func TestQueueConnections(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.nats.fresh()
	old := ready(t, g.nats, r).Secrets["url"]
	gone := make(chan struct{})
	c, err := nats.Connect(old.Reveal(), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(gone) }))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	now := with(g.nats, r, 1)
	ready(t, g.nats, now)
	if err := g.nats.Revoke(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Error("a connection of old credentials lives on")
	}
	look, err := g.nats.Connect(t.Context(), now, resource.Visit{ID: pave.NewID("con"), ReadOnly: true, Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 10)
	v, err := nats.Connect(look.Reveal(), nats.NoReconnect(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := v.Subscribe("jobs.>", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.QueueSubscribe("jobs.>", "workers", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := v.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-refused:
		if !strings.Contains(err.Error(), "workers") || len(refused) > 0 {
			t.Errorf("refused: %v, and %d more", err, len(refused))
		}
	case <-time.After(30 * time.Second):
		t.Error("who only looks takes from a group")
	}
}
