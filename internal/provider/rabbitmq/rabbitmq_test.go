package rabbitmq

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/resource/resourcetest"
)

// TestServer runs all that there is on one server, which takes seconds to start, and
// kills that at the end.
func TestServer(t *testing.T) {
	t.Parallel()
	d := newDriver(t)
	unstarted(t, d)
	ready(t, d, fresh())
	t.Run("beside each other", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *Driver){
			"contract": contract, "walls between services": walls, "set aside": setAside, "rotation": rotation, "visits": visits, "drift": drift, "scratch": scratch,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, d) })
		}
	})
	t.Run("killed", func(t *testing.T) { killed(t, d) })
	for line, err := range d.Node.Logs(t.Context(), node.LogQuery{Server: serverID, Tail: 1 << 20}) {
		if err != nil || strings.Contains(line.Text, canary) {
			t.Fatalf("the server's log: %q, %v", line.Text, err)
		}
	}
}

// unstarted: a server that nobody started is not started to look.
func unstarted(t *testing.T, d *Driver) {
	if _, err := d.Observe(t.Context(), fresh()); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("without a server: %v", err)
	}
	if found, err := d.List(t.Context()); err != nil || found != nil {
		t.Errorf("without a server: %v, %v", found, err)
	}
	if err := d.Delete(t.Context(), fresh()); err != nil {
		t.Errorf("without a server: %v", err)
	}
	if c := d.Check(t.Context()); !c[0].OK || !strings.HasPrefix(c[0].Detail, "RabbitMQ ") {
		t.Errorf("check: %+v", c)
	}
}

func contract(t *testing.T, d *Driver) {
	resourcetest.Run(t, resourcetest.Config{
		New: func(*testing.T) (resource.Driver, func() resource.Resource) { return d, fresh },
		Foreign: func(t *testing.T, r resource.Resource) func() string {
			administer(t, d, "PUT", path("vhosts", r.ExternalID), map[string]any{"description": "theirs"})
			administer(t, d, "PUT", path("users", r.ExternalID), map[string]any{"password": "theirs", "tags": ""})
			administer(t, d, "PUT", path("permissions", r.ExternalID, r.ExternalID), everything)
			theirs := pave.NewSecret("amqp://" + r.ExternalID + ":theirs@" + address(t, d) + "/" + r.ExternalID)
			must(t, theirs, declare("q"))
			must(t, theirs, publish("q", 2))
			return func() string { return strings.Repeat("m", waiting(t, theirs, "q")) }
		},
		Fill: func(t *testing.T, _ resource.Resource, st resource.State) {
			must(t, st.Secrets["url"], declare("q"))
			must(t, st.Secrets["url"], publish("q", 3))
		},
		Seen: func(t *testing.T, _ resource.Resource, st resource.State) string {
			out := st.Secrets["url"].Reveal()
			must(t, st.Secrets["url"], func(*amqp.Channel) error { return nil })
			if do(st.Secrets["url"], func(ch *amqp.Channel) error {
				_, err := ch.QueueDeclarePassive("q", true, false, false, false, nil)
				return err
			}) == nil {
				out += strings.Repeat("m", waiting(t, st.Secrets["url"], "q"))
			}
			return out
		},
		Within: 3 * time.Minute,
	})
}

func address(t *testing.T, d *Driver) string {
	t.Helper()
	u := ready(t, d, fresh()).Outputs
	return u["host"] + ":" + u["port"]
}

func walls(t *testing.T, d *Driver) {
	one, two := fresh(), fresh()
	first := ready(t, d, one)
	url := first.Secrets["url"]
	must(t, url, declare("q"))
	ready(t, d, two)
	for _, vhost := range []string{two.ExternalID, ""} {
		if err := do(elsewhere(t, url, vhost), declare("q")); err == nil {
			t.Errorf("%s is let into %q", one.ExternalID, vhost)
		}
	}
	if err := do(pave.NewSecret(strings.Replace(url.Reveal(), canary, "wrong-", 1)), declare("q")); err == nil {
		t.Error("a wrong password is good")
	}
	s, err := d.open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	s.password = d.passwordOf(one, 0)
	if err := s.call(t.Context(), "GET", path("whoami"), nil, nil); err == nil {
		t.Error("its password is the administrator's")
	}
	if first.Outputs["user"] != one.ExternalID || !strings.HasPrefix(first.Version, "rabbitmq ") || first.ExternalID != "" {
		t.Errorf("state: %+v", first)
	}
	if _, err := d.Apply(t.Context(), resource.Resource{ID: "res_1", Spec: []byte(`{"engine":"nats"}`)}); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("another engine: %v", err)
	}
}

func setAside(t *testing.T, d *Driver) {
	r := fresh()
	url := ready(t, d, r).Secrets["url"]
	must(t, url, declare("one"))
	must(t, url, declare("two"))
	must(t, url, publish("one", 31))
	if diff, err := d.Diff(t.Context(), r); err != nil || diff.Lost != "2 queues, 31 messages" {
		t.Errorf("it holds %q, %v", diff.Lost, err)
	}
	open, err := amqp.Dial(url.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := d.SetAside(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an open connection ends", func() bool { return open.IsClosed() })
	if err := do(url, declare("three")); err == nil {
		t.Error("a new connection is let in")
	}
	heir := fresh()
	heir.Ref, heir.ExternalID = r.Ref, r.ExternalID
	if st := ready(t, d, heir); st.Outputs["vhost"] != r.ExternalID+"~2" || do(st.Secrets["url"], declare("mine")) != nil {
		t.Errorf("the next of that name is %+v", st.Outputs)
	}
	if err := d.Delete(t.Context(), heir); err != nil {
		t.Fatal(err)
	}
	if got := ready(t, d, r).Secrets["url"]; got != url || waiting(t, url, "one") != 31 {
		t.Error("brought back it is another")
	}
}

// rotation: old and new users let in side by side, and after Revoke the old one is shut
// out, with the connections it has.
func rotation(t *testing.T, d *Driver) {
	r := fresh()
	urls := []pave.Secret{ready(t, d, r).Secrets["url"]}
	must(t, urls[0], declare("q"))
	for number := 1; number <= 2; number++ {
		now := with(r, number)
		open, err := amqp.Dial(urls[number-1].Reveal())
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
		urls = append(urls, ready(t, d, now).Secrets["url"])
		for _, u := range urls[number-1:] {
			must(t, u, declare("q"))
		}
		for _, want := range []bool{true, false, false} {
			if stale, err := d.Stale(t.Context(), now); err != nil || stale != want {
				t.Errorf("credentials %d: stale %v, %v; want %v", number, stale, err, want)
			}
			if err := d.Revoke(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "a connection of old credentials ends", func() bool { return open.IsClosed() })
		for i, u := range urls {
			if err := do(u, declare("q")); (err == nil) != (i == number) {
				t.Errorf("after rotation %d credentials %d: %v", number, i, err)
			}
		}
		if again := ready(t, d, now); again.Secrets["url"] != urls[number] {
			t.Error("applied again it has another URL")
		}
	}
}

// visits: visitors have the rights that were asked for until Disconnect.
func visits(t *testing.T, d *Driver) {
	r := fresh()
	u := ready(t, d, r).Secrets["url"]
	must(t, u, declare("q"))
	must(t, u, publish("q", 1))
	visit := func(readOnly bool) (string, pave.Secret) {
		id := pave.NewID("con")
		url, err := d.Connect(t.Context(), r, resource.Visit{ID: id, ReadOnly: readOnly, Until: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return id, url
	}
	reader, read := visit(true)
	writer, write := visit(false)
	must(t, write, publish("q", 1))
	for what, try := range map[string]func(*amqp.Channel) error{"declare": declare("other"), "publish": publish("q", 1),
		"get": func(ch *amqp.Channel) error { _, _, err := ch.Get("q", true); return err }} {
		if err := do(read, try); err == nil {
			t.Errorf("a reader may %s", what)
		}
	}
	now := with(r, 1)
	url := ready(t, d, now).Secrets["url"]
	if err := d.Revoke(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	must(t, write, publish("q", 1))
	for _, id := range []string{reader, writer, reader} {
		if err := d.Disconnect(t.Context(), now, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := do(write, declare("q")); err == nil || waiting(t, url, "q") != 3 {
		t.Errorf("after the visit: %v", err)
	}
	if err := d.SetAside(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Connect(t.Context(), now, resource.Visit{ID: pave.NewID("con")}); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("a visit to what is set aside: %v", err)
	}
}

// drift: what somebody changes by hand is told, and Apply makes it good.
func drift(t *testing.T, d *Driver) {
	for want, change := range map[string]func(*testing.T, string){
		"nobody can log in":        func(t *testing.T, name string) { administer(t, d, "DELETE", path("permissions", name, name), nil) },
		"its user has lost rights": func(t *testing.T, name string) { administer(t, d, "PUT", path("permissions", name, name), rights{}) },
		"guest may come in": func(t *testing.T, name string) {
			administer(t, d, "PUT", path("users", "guest"), map[string]any{"password": "guest", "tags": ""})
			administer(t, d, "PUT", path("permissions", name, "guest"), everything)
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r := fresh()
			url := ready(t, d, r).Secrets["url"]
			if got, err := d.Drift(t.Context(), r); err != nil || len(got) > 0 {
				t.Fatalf("at first: %q, %v", got, err)
			}
			change(t, r.ExternalID)
			if got, err := d.Drift(t.Context(), r); err != nil || !slices.Equal(got, []string{want}) {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
			ready(t, d, r)
			if _, err := d.Apply(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if got, err := d.Drift(t.Context(), r); err != nil || len(got) > 0 {
				t.Errorf("after Apply: %q, %v", got, err)
			}
			must(t, url, declare("q"))
		})
	}
	r := fresh()
	url := ready(t, d, r).Secrets["url"]
	administer(t, d, "PUT", path("users", r.ExternalID), map[string]any{"password": "by hand", "tags": "pave," + r.ID + ",administrator"})
	if got, err := d.Drift(t.Context(), r); err != nil || len(got) != 2 {
		t.Errorf("with another password and tag: %q, %v", got, err)
	}
	ready(t, d, r)
	if _, err := d.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	must(t, url, declare("q"))
}

func scratch(t *testing.T, d *Driver) {
	run := pave.NewID("run")
	url, err := d.Make(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	must(t, url, declare("q"))
	if again, err := d.Make(t.Context(), run); err != nil || again != url {
		t.Errorf("made again: %v", err)
	}
	found, err := d.List(t.Context())
	if err != nil || slices.ContainsFunc(found, func(f resource.Found) bool { return strings.Contains(f.ID, run) }) {
		t.Errorf("the sweep sees %v, %v", found, err)
	}
	for range 2 {
		if err := d.Drop(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	if err := do(url, declare("q")); err == nil {
		t.Error("it is there after Drop")
	}
}

// killed: a server that is killed is back by itself, with all that was confirmed.
func killed(t *testing.T, d *Driver) {
	r := fresh()
	url := ready(t, d, r).Secrets["url"]
	must(t, url, declare("q"))
	must(t, url, publish("q", 5))
	st, err := d.Node.Server(t.Context(), serverID)
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(-st.PID, syscall.SIGKILL)
	eventually(t, "it is back", func() bool {
		now, err := d.Node.Server(t.Context(), serverID)
		return err == nil && now.Ready && now.PID != st.PID
	})
	eventually(t, "it is seen", func() bool {
		now, err := d.Observe(t.Context(), r)
		return err == nil && now.Ready && now.Secrets["url"] == url
	})
	if n := waiting(t, url, "q"); n != 5 {
		t.Errorf("after a kill it has %d messages", n)
	}
}
