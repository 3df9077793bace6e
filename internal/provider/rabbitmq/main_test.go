package rabbitmq

import (
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/node/nodetest"
	"github.com/pave-platform/pave/internal/resource"
)

// TestMain is also the node that tests start.
func TestMain(m *testing.M) { nodetest.Main(m) }

// canary is in every password: it must never be found where passwords do not belong.
const canary = "pvcnry-rabbit-"

var derive = nodetest.Derive(canary)

// newDriver starts a node and returns a driver over it. Without RabbitMQ the test is
// skipped, but never in CI.
func newDriver(t *testing.T) *Driver {
	t.Helper()
	_, _, err := node.FindRabbitMQ()
	nodetest.Need(t, err)
	return &Driver{Node: nodetest.Start(t).Client, Derive: derive}
}

var names atomic.Int64

func fresh() resource.Resource {
	name := fmt.Sprintf("shop%d", names.Add(1))
	ref := pave.Ref{Kind: pave.KindQueue, Env: "production", Service: pave.Name(name), Name: name}
	return resource.Resource{ID: pave.NewID("res"), Ref: ref, ExternalID: resource.ExternalName(ref), Spec: []byte(`{"engine":"rabbitmq"}`)}
}

func with(r resource.Resource, credentials int) resource.Resource {
	r.Spec = fmt.Appendf(nil, `{"engine":"rabbitmq","credentials":%d}`, credentials)
	return r
}

// ready does what the controller does until a queue is ready.
func ready(t *testing.T, d *Driver, r resource.Resource) resource.State {
	t.Helper()
	st, err := d.Apply(t.Context(), r)
	eventually(t, r.ExternalID+" is ready", func() bool {
		if err != nil && pave.CodeOf(err) != pave.Unavailable {
			t.Fatal(err)
		}
		if err != nil || !st.Ready {
			st, err = d.Apply(t.Context(), r)
		}
		return err == nil && st.Ready
	})
	return st
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	nodetest.Eventually(t, 3*time.Minute, what, ok)
}

// do has a program with a URL do something in a channel.
func do(address pave.Secret, what func(*amqp.Channel) error) error {
	c, err := amqp.DialConfig(address.Reveal(), amqp.Config{Dial: amqp.DefaultDial(20 * time.Second)})
	if err != nil {
		return err
	}
	defer c.Close()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	return what(ch)
}

func must(t *testing.T, address pave.Secret, what func(*amqp.Channel) error) {
	t.Helper()
	if err := do(address, what); err != nil {
		t.Fatal(err)
	}
}

// declare makes a durable queue.
func declare(name string) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, nil)
		return err
	}
}

// publish puts n lasting messages into a queue, and waits until the server has them.
func publish(name string, n int) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		if err := ch.Confirm(false); err != nil {
			return err
		}
		for range n {
			c, err := ch.PublishWithDeferredConfirm("", name, false, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("m")})
			if err != nil {
				return err
			}
			if !c.Wait() {
				return errors.New("not confirmed")
			}
		}
		return nil
	}
}

// waiting is how many messages a queue has.
func waiting(t *testing.T, address pave.Secret, name string) (n int) {
	t.Helper()
	must(t, address, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		n = q.Messages
		return err
	})
	return n
}

// administer calls the management API.
func administer(t *testing.T, d *Driver, method, path string, body any) {
	t.Helper()
	s, err := d.open(t.Context(), false)
	if err == nil {
		err = s.call(t.Context(), method, path, body, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// elsewhere is a URL with another virtual host.
func elsewhere(t *testing.T, from pave.Secret, vhost string) pave.Secret {
	t.Helper()
	u, err := url.Parse(from.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + vhost
	return pave.NewSecret(u.String())
}
