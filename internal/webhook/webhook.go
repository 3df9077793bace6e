// Package webhook tells other systems of events, in the form of Standard Webhooks.
//
// The log of events is the outbox: a cursor in the store says how far it has been
// turned into deliveries, and moves in the transaction that writes them, so that a
// server that dies at any point loses none. A delivery keeps its id however often it
// is sent; receivers tell doubles by it. The package knows neither runs nor services.
package webhook

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/httpc"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
)

// Events is the log that webhooks tell of, as the platform itself sees it.
type Events interface {
	Events(ctx context.Context, f pave.EventFilter) ([]pave.Event, error)
	// WaitEvents returns when an event later than after may exist, or ctx ends.
	WaitEvents(ctx context.Context, after int64) error
	// Owner is the service of an id, a deleted one too; NotFound for none.
	Owner(ctx context.Context, service string) (pave.Service, error)
	// TellTx adds an event of no run in a transaction.
	TellTx(tx *store.Tx, typ string, data any) error
}

// Options are the parts of webhooks.
type Options struct {
	DB     *store.DB
	Access *access.Access
	Key    *seal.Key
	Events Events
	// Allow lists private addresses that may be told; see httpc.Options.
	Allow   []string
	Version string
	Log     *slog.Logger
	// Schedule is how long after each failed attempt the next one comes; nil is
	// that of this package.
	Schedule []time.Duration
	// GiveUp is how long a webhook may take nothing before it is disabled; 0 is
	// three days.
	GiveUp time.Duration
}

// Webhooks implements pave.Webhooks. It must be made by New.
type Webhooks struct {
	Options
	http *http.Client
	due  chan struct{} // capacity 1: look for deliveries

	mu      sync.Mutex
	running map[string]int // deliveries under way, by webhook
}

var _ pave.Webhooks = (*Webhooks)(nil)

const (
	maxURL     = 2000
	maxPerTeam = 50 // webhooks of one team, and of the platform
)

// New returns the webhooks of a store. They are told of nothing until Run.
func New(o Options) (*Webhooks, error) {
	if o.Schedule == nil {
		o.Schedule = schedule
	}
	if o.GiveUp == 0 {
		o.GiveUp = 3 * 24 * time.Hour
	}
	c, err := httpc.New(httpc.Options{Allow: o.Allow, Timeout: sendTime, MaxBytes: maxAnswer})
	if err != nil {
		return nil, err
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Webhooks{Options: o, http: c, due: make(chan struct{}, 1), running: map[string]int{}}, nil
}

const columns = `w.id, w.url, w.events, w.team, w.actor, w.created, w.disabled, w.reason`

func scan(row store.Scanner) (pave.Webhook, error) {
	var w pave.Webhook
	var events string
	err := row.Scan(&w.ID, &w.URL, &events, &w.Team, &w.Actor, store.Stamp(&w.Created), store.Stamp(&w.Disabled), &w.Reason)
	w.Events = strings.Split(events, ",")
	return w, err
}

// object is what somebody must be lead of, or admin, to have to do with a webhook.
func object(w pave.Webhook) (access.Permission, access.Object) {
	if w.Team == "" {
		return access.Admin, access.Platform
	}
	return access.Lead, access.Team(w.Team)
}

// all are the webhooks there are, with their teams as they are called now.
func (h *Webhooks) all(ctx context.Context) ([]pave.Webhook, error) {
	rows, err := h.DB.Query(ctx, `SELECT `+columns+` FROM webhooks w ORDER BY w.id`)
	list, err := store.Collect(rows, err, scan)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Team == "" {
			continue
		}
		t, _, err := h.Access.TeamNamed(ctx, h.DB, list[i].Team)
		if err != nil {
			return nil, err
		}
		list[i].Team = t.Name
	}
	return list, nil
}

// Webhooks returns those that the caller has to do with.
func (h *Webhooks) Webhooks(ctx context.Context) ([]pave.Webhook, error) {
	all, err := h.all(ctx)
	out := []pave.Webhook{}
	for _, w := range all {
		perm, o := object(w)
		switch err := h.Access.May(ctx, perm, o); {
		case err == nil:
			out = append(out, h.named(ctx, w))
		case pave.CodeOf(err) != pave.Denied:
			return nil, err
		}
	}
	return out, err
}

// Webhook returns one. Who may not know of its team is told that there is none.
func (h *Webhooks) Webhook(ctx context.Context, id string) (pave.Webhook, error) {
	none := pave.Errorf(pave.NotFound, "no webhook %q", clip(id)).WithHint("pave list webhooks")
	all, err := h.all(ctx)
	if err != nil {
		return pave.Webhook{}, err
	}
	found := slices.DeleteFunc(all, func(w pave.Webhook) bool { return w.ID != id && (len(id) < 12 || !strings.HasPrefix(w.ID, id)) })
	if len(found) != 1 {
		return pave.Webhook{}, none
	}
	w := found[0]
	perm, o := object(w)
	if err := h.Access.May(ctx, perm, o); err != nil {
		if sees, serr := h.Access.Sees(ctx, access.Team(w.Team)); w.Team != "" && (serr != nil || !sees) {
			return pave.Webhook{}, none
		}
		return pave.Webhook{}, err
	}
	return h.named(ctx, w), nil
}

// named tells the actor by name; one that is gone stays an id.
func (h *Webhooks) named(ctx context.Context, w pave.Webhook) pave.Webhook {
	if p, err := h.Access.PrincipalOf(ctx, w.Actor); err == nil {
		w.Actor = p.User.Name
	}
	return w
}

// CreateWebhook makes a webhook of a team, or of all services.
func (h *Webhooks) CreateWebhook(ctx context.Context, r pave.WebhookRequest) (pave.NewWebhook, error) {
	w := pave.NewWebhook{Webhook: pave.Webhook{ID: pave.NewID("whk"), URL: r.URL, Created: time.Now().UTC().Truncate(time.Microsecond)}}
	if r.Team == "" {
		if err := h.Access.May(ctx, access.Admin, access.Platform); err != nil {
			return w, err
		}
	} else {
		team, err := h.Access.TeamFor(ctx, access.Lead, r.Team)
		if err != nil {
			return w, err
		}
		w.Team = team.Name
	}
	var err error
	if w.Events, err = checkEvents(r.Events); err != nil {
		return w, err
	}
	if err := h.checkURL(r.URL); err != nil {
		return w, err
	}
	who, _ := pave.PrincipalFrom(ctx)
	w.Actor, w.Secret = who.User.Name, newSecret()
	sealed, err := h.Key.Seal(pave.NewSecret(w.Secret))
	if err != nil {
		return w, err
	}
	return w, h.DB.Tx(ctx, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM webhooks WHERE team = $1`, string(w.Team)).Scan(&n); err != nil {
			return err
		}
		if n >= maxPerTeam {
			return pave.Errorf(pave.Conflict, "there are %d webhooks already", n).WithHint("pave delete webhook ID")
		}
		if err := h.Access.AuditTx(ctx, tx, "create webhook", "webhook:"+w.ID, origin(w.URL)+" "+strings.Join(w.Events, ",")); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO webhooks (id, url, events, team, secret, actor, created, disabled, reason, failing)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', 0)`, w.ID, w.URL, strings.Join(w.Events, ","), string(w.Team),
			base64.StdEncoding.EncodeToString(sealed), who.User.ID, w.Created)
		return err
	})
}

// SetWebhook changes a webhook, or lets a disabled one go on as the caller's.
func (h *Webhooks) SetWebhook(ctx context.Context, id string, r pave.WebhookChange) (pave.Webhook, error) {
	w, err := h.Webhook(ctx, id)
	if err != nil {
		return w, err
	}
	if r.URL != "" {
		if err := h.checkURL(r.URL); err != nil {
			return w, err
		}
		w.URL = r.URL
	}
	if len(r.Events) > 0 {
		if w.Events, err = checkEvents(r.Events); err != nil {
			return w, err
		}
	}
	who, _ := pave.PrincipalFrom(ctx)
	err = h.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := h.Access.AuditTx(ctx, tx, "set webhook", "webhook:"+w.ID, origin(w.URL)+" "+strings.Join(w.Events, ",")); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE webhooks SET url = $1, events = $2 WHERE id = $3`, w.URL, strings.Join(w.Events, ","), w.ID); err != nil || !r.Enable {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE webhooks SET disabled = 0, reason = '', failing = 0, actor = $1 WHERE id = $2`, who.User.ID, w.ID)
		return err
	})
	if err != nil {
		return w, err
	}
	return h.Webhook(ctx, w.ID)
}

// DeleteWebhook ends a webhook and forgets its deliveries.
func (h *Webhooks) DeleteWebhook(ctx context.Context, id string) error {
	w, err := h.Webhook(ctx, id)
	if err != nil {
		return err
	}
	return h.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := h.Access.AuditTx(ctx, tx, "delete webhook", "webhook:"+w.ID, origin(w.URL)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM deliveries WHERE webhook = $1`, w.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM webhooks WHERE id = $1`, w.ID)
		return err
	})
}

// checkURL says of an address what can be said before it is dialled.
func (h *Webhooks) checkURL(text string) error {
	bad := func(rule string) error {
		return pave.BadField("url", text, rule, "https://example.com/hooks/pave")
	}
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return bad("is longer than 2000 characters")
	case err != nil || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 }):
		return bad("is not an address")
	case u.Scheme != "https" && u.Scheme != "http":
		return bad("is neither https nor http")
	case u.Hostname() == "" || u.Opaque != "":
		return bad("names no host")
	case u.User != nil:
		return bad("holds a user: signatures prove who sends")
	case u.Fragment != "":
		return bad("has a fragment, which is never sent")
	}
	if err := httpc.Refuses(h.Allow, u); err != nil {
		return &pave.Error{Code: pave.Invalid, Message: "url: " + err.Error(), Hint: pave.HintOf(err),
			Fields: []pave.FieldError{{Field: "url", Value: clip(text), Message: "leads into a private network"}}}
	}
	return nil
}

// checkEvents says whether all words are events, or families of them.
func checkEvents(words []string) ([]string, error) {
	families := []string{"*", "run.*", "step.*", "webhook.*"}
	known := append(slices.Clone(pave.WebhookEvents), families...)
	if len(words) == 0 || len(words) > 20 {
		return nil, pave.BadField("events", strings.Join(words, ","), "must be 1 to 20 types of events", "run.done,run.stopped or run.*")
	}
	out := slices.Clone(words)
	for _, w := range out {
		if slices.Contains(known, w) {
			continue
		}
		hint := "one of " + strings.Join(known, ", ")
		if near := pave.DidYouMean(w, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, pave.BadField("events", w, "is not a type of event", hint)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// wants reports whether a webhook is told of a type.
func wants(w pave.Webhook, typ string) bool {
	family, _, _ := strings.Cut(typ, ".")
	return slices.Contains(w.Events, typ) || slices.Contains(w.Events, family+".*") || slices.Contains(w.Events, "*")
}

// origin is the part of an address that may be told: paths may hold a secret.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func newSecret() string {
	raw := make([]byte, 32)
	rand.Read(raw)
	return secretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// secretOf opens the secret of a webhook.
func (h *Webhooks) secretOf(ctx context.Context, id string) ([]byte, error) {
	var text string
	err := h.DB.QueryRow(ctx, `SELECT secret FROM webhooks WHERE id = $1`, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pave.Errorf(pave.NotFound, "no webhook %q", id)
	}
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	secret, err := h.Key.Open(sealed)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), secretPrefix))
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
