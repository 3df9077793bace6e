package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
)

// log is a log of events in memory.
type log struct {
	mu     sync.Mutex
	events []pave.Event
	told   []string
	grown  chan struct{}
}

func (l *log) add(typ, service string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, pave.Event{Seq: int64(len(l.events) + 1), Type: typ, Service: service, Run: "run_1", At: time.Now(), Data: json.RawMessage(`{"title":"x"}`)})
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *log) Events(_ context.Context, f pave.EventFilter) (out []pave.Event, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Seq > f.After && len(out) < f.Limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (l *log) WaitEvents(ctx context.Context, _ int64) error {
	l.mu.Lock()
	grown := l.grown
	l.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-grown:
	case <-time.After(50 * time.Millisecond):
	}
	return ctx.Err()
}

func (l *log) Owner(_ context.Context, service string) (pave.Service, error) {
	team, _, _ := strings.Cut(service, "-")
	return pave.Service{ID: service, Name: pave.Name(service), Team: pave.Name(team)}, nil
}

func (l *log) TellTx(_ *store.Tx, typ string, _ any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, typ)
	return nil
}

// A receiver checks signatures by the published rules with its own code, and answers
// as it is told to.
type receiver struct {
	t      *testing.T
	mu     sync.Mutex
	secret string
	// failFirst: nothing is taken the first time.
	failFirst bool
	answer    func(n int) int // status of the nth message
	got       []string        // ids, in order
	types     []string
	*httptest.Server
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, answer: func(int) int { return 204 }}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id, stamp := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || math.Abs(float64(time.Now().Unix()-at)) > 300 {
		r.t.Errorf("timestamp %q", stamp)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secret, "whsec_"))
	if err != nil {
		r.t.Error(err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	good := false
	for _, sig := range strings.Fields(req.Header.Get("webhook-signature")) {
		version, value, _ := strings.Cut(sig, ",")
		sum, err := base64.StdEncoding.DecodeString(value)
		good = good || version == "v1" && err == nil && hmac.Equal(sum, mac.Sum(nil))
	}
	if !good || req.Method != "POST" || req.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("%s %s: signature %q of %s is wrong", req.Method, req.Header.Get("Content-Type"), req.Header.Get("webhook-signature"), body)
	}
	var m struct {
		Type      string
		Timestamp time.Time
		Data      map[string]any
	}
	if err := json.Unmarshal(body, &m); err != nil || m.Timestamp.IsZero() || m.Data == nil {
		r.t.Errorf("body %s: %v", body, err)
	}
	r.got, r.types = append(r.got, id), append(r.types, m.Type)
	status := r.answer(len(r.got))
	if r.failFirst && !slices.Contains(r.got[:len(r.got)-1], id) {
		status = 500
	}
	if status == 301 {
		http.Redirect(w, req, "http://127.0.0.1:1/", status)
	} else {
		w.WriteHeader(status)
	}
}

func (r *receiver) seen() ([]string, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.got...), append([]string{}, r.types...)
}

// A bench is a store with an admin, a lead of team web and events.
type bench struct {
	t      *testing.T
	db     *store.DB
	access *access.Access
	key    *seal.Key
	log    *log
	admin  context.Context
	lead   context.Context
	hooks  *Webhooks
	end    func()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "pave.db"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, db: db, access: access.New(db), log: &log{grown: make(chan struct{})}}
	if b.key, err = seal.LoadOrCreate(filepath.Join(dir, "keys", "key")); err != nil {
		t.Fatal(err)
	}
	root, err := b.access.EnsureUser(t.Context(), "root", true)
	if err != nil {
		t.Fatal(err)
	}
	lena, err := b.access.EnsureUser(t.Context(), "lena", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.access.EnsureTeam(t.Context(), "web", lena.ID, "run_0"); err != nil {
		t.Fatal(err)
	}
	b.admin = pave.WithPrincipal(t.Context(), pave.Principal{User: root})
	b.lead = pave.WithPrincipal(t.Context(), pave.Principal{User: lena, Teams: []pave.Membership{{Team: "web", Role: pave.RoleLead}}})
	b.start()
	t.Cleanup(func() { b.end(); db.Close() })
	return b
}

// start runs webhooks as a server does; end stops them, as a death would.
func (b *bench) start() {
	b.t.Helper()
	var err error
	b.hooks, err = New(Options{DB: b.db, Access: b.access, Key: b.key, Events: b.log, Allow: []string{"127.0.0.1"}, Log: slog.New(slog.DiscardHandler),
		Schedule: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}, GiveUp: time.Hour})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.hooks.Run(ctx, func() bool { return true }) }()
	b.end = func() { cancel(); <-done }
}

func (b *bench) hook(r *receiver, team string, events ...string) pave.NewWebhook {
	b.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	w, err := b.hooks.CreateWebhook(b.admin, pave.WebhookRequest{URL: r.URL + "/hook", Events: events, Team: team})
	if err != nil {
		b.t.Fatal(err)
	}
	r.secret = w.Secret
	return w
}

func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%s: not after 60 s", what)
		}
	}
}

func TestDelivers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r, other := newReceiver(t), newReceiver(t)
	w := b.hook(r, "", "run.*")
	b.hook(other, "web", "run.done")
	r.answer = func(n int) int { return []int{500, 301, 204}[min(n-1, 2)] } // twice it is not taken
	b.log.add("run.done", "web-shop")
	b.log.add("step.done", "web-shop")
	b.log.add("run.done", "ops-side")
	b.until("delivered", func() bool {
		all, err := b.hooks.Deliveries(b.admin, w.ID, pave.DeliveryFilter{})
		return err == nil && len(all) == 2 && all[0].State == pave.DeliveryDelivered && all[1].State == pave.DeliveryDelivered
	})
	ids, types := r.seen()
	distinct := map[string]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	if len(ids) != 4 || len(distinct) != 2 || types[0] != "run.done" {
		t.Errorf("an id stays the same however often it is sent: %v %v", ids, types)
	}
	b.until("of the team", func() bool { got, _ := other.seen(); return len(got) == 1 })
	d, err := b.hooks.TestWebhook(b.admin, w.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.until("test", func() bool { _, types := r.seen(); return types[len(types)-1] == "webhook.test" })
	if _, err := b.hooks.Redeliver(b.admin, w.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	b.until("again", func() bool { got, _ := r.seen(); n := len(got); return n == 6 && got[n-1] == got[n-2] })
	var kept string
	if err := b.db.QueryRow(t.Context(), `SELECT secret FROM webhooks WHERE id = $1`, w.ID).Scan(&kept); err != nil || strings.Contains(kept, strings.TrimPrefix(w.Secret, "whsec_")) {
		t.Errorf("the secret is kept sealed: %v", err)
	}
}

// TestNoLoss: servers die again and again between an event and its delivery; each
// event comes at least once, under one id.
func TestNoLoss(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := newReceiver(t)
	w := b.hook(r, "", "*")
	r.failFirst = true
	const events = 60
	for n := range events {
		b.log.add("run.started", "web-shop")
		if n%6 == 5 {
			b.end()
			b.start()
			// What the dead server had in hand is free when its lease is over.
			if _, err := b.db.Exec(t.Context(), `UPDATE deliveries SET next = 0 WHERE state = 'pending'`); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.until("all", func() bool {
		all, err := b.hooks.Deliveries(b.admin, w.ID, pave.DeliveryFilter{})
		done := 0
		for _, d := range all {
			if d.State == pave.DeliveryDelivered {
				done++
			}
		}
		return err == nil && len(all) == events && done == events
	})
	distinct := map[string]bool{}
	ids, _ := r.seen()
	for _, id := range ids {
		distinct[id] = true
	}
	if len(distinct) != events {
		t.Errorf("%d ids for %d events", len(distinct), events)
	}
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gone, dead := newReceiver(t), newReceiver(t)
	one, two := b.hook(gone, "", "run.done"), b.hook(dead, "", "run.done")
	gone.answer, dead.answer = func(int) int { return 410 }, func(int) int { return 500 }
	b.log.add("run.done", "web-shop")
	state := func(id string) pave.Webhook {
		w, err := b.hooks.Webhook(b.admin, id)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	b.until("410 disables", func() bool { return !state(one.ID).Disabled.IsZero() })
	b.until("given up", func() bool {
		all, err := b.hooks.Deliveries(b.admin, two.ID, pave.DeliveryFilter{})
		return err == nil && len(all) == 1 && all[0].State == pave.DeliveryFailed && all[0].Attempts == 4
	})
	if w := state(two.ID); !w.Disabled.IsZero() {
		t.Errorf("one lost delivery disables nothing: %+v", w)
	}
	if _, err := b.db.Exec(t.Context(), `UPDATE webhooks SET failing = $1 WHERE id = $2`, time.Now().Add(-2*time.Hour), two.ID); err != nil {
		t.Fatal(err)
	}
	b.log.add("run.done", "web-shop")
	b.until("long failure disables", func() bool {
		w := state(two.ID)
		return !w.Disabled.IsZero() && strings.Contains(w.Reason, "nothing was taken since")
	})
	b.until("told", func() bool {
		b.log.mu.Lock()
		defer b.log.mu.Unlock()
		return len(b.log.told) == 2 && b.log.told[0] == "webhook.disabled"
	})
	if _, err := b.hooks.TestWebhook(b.admin, two.ID); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("test of a disabled one: %v", err)
	}
	dead.answer = func(int) int { return 200 }
	if _, err := b.hooks.SetWebhook(b.admin, two.ID, pave.WebhookChange{Enable: true}); err != nil {
		t.Fatal(err)
	}
	b.log.add("run.done", "web-shop")
	b.until("on again", func() bool {
		all, err := b.hooks.Deliveries(b.admin, two.ID, pave.DeliveryFilter{})
		return err == nil && all[0].State == pave.DeliveryDelivered
	})
}

// TestRights: a lead has the webhooks of their team; with the right of who made one,
// it ends.
func TestRights(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := newReceiver(t)
	if _, err := b.hooks.CreateWebhook(b.lead, pave.WebhookRequest{URL: r.URL, Events: []string{"*"}}); pave.CodeOf(err) != pave.Denied {
		t.Errorf("all services, as a lead: %v", err)
	}
	if _, err := b.hooks.CreateWebhook(b.lead, pave.WebhookRequest{URL: r.URL, Events: []string{"*"}, Team: "ops"}); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("another team: %v", err)
	}
	b.hook(r, "", "*")
	w, err := b.hooks.CreateWebhook(b.lead, pave.WebhookRequest{URL: r.URL, Events: []string{"*"}, Team: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := b.hooks.Webhooks(b.lead); err != nil || len(all) != 1 || all[0].ID != w.ID {
		t.Errorf("a lead sees their own: %v %v", all, err)
	}
	if _, err := b.access.Suspend(b.admin, "lena", true); err != nil {
		t.Fatal(err)
	}
	b.log.add("run.done", "web-shop")
	b.until("ended with the right", func() bool {
		now, err := b.hooks.Webhook(b.admin, w.ID)
		return err == nil && strings.Contains(now.Reason, "may no longer")
	})
}

func TestBadWebhooks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, url := range []string{"", "x", "ftp://example.com", "https://", "https://u:p@example.com/", "https://example.com/#x", "https://10.0.0.1/", "http://localhost/",
		"http://2130706433/", "http://[::1]/", "http://metadata.google.internal/", "https://example.com/\r\nX: y", "https://example.com/" + strings.Repeat("a", 2000), "javascript:alert(1)"} {
		if _, err := b.hooks.CreateWebhook(b.admin, pave.WebhookRequest{URL: url, Events: []string{"*"}}); pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
			t.Errorf("%.60q: %v", url, err)
		}
	}
	for _, events := range [][]string{nil, {"run.don"}, {"run"}, {""}, make([]string, 21)} {
		if _, err := b.hooks.CreateWebhook(b.admin, pave.WebhookRequest{URL: "https://example.com/", Events: events}); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("%v: %v", events, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"https://example.com/x", "http://[::1]:1/", "https://a@b/", "//x", "https://\x00/", "http://0x7f.1/"} {
		f.Add(s)
	}
	h := &Webhooks{}
	f.Fuzz(func(t *testing.T, url string) {
		if err := h.checkURL(url); err != nil && (pave.CodeOf(err) != pave.Invalid || strings.ContainsAny(err.Error(), "\r\n\x1b")) {
			t.Errorf("%q: %v", url, err)
		}
	})
}
