package webhook

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
)

const (
	// sendTime bounds one attempt.
	sendTime = 20 * time.Second
	// lease is how long a server has a delivery that it is sending.
	lease = sendTime + 10*time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 64 << 10
	// At most so many are under way, and so many to one webhook.
	maxRunning, maxRunningEach = 16, 2
	// maxWait bounds how long a receiver may ask for patience.
	maxWait = time.Hour
)

// schedule is how long after each failed attempt the next one comes: ten more within
// a day and a half.
var schedule = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 20 * time.Hour}

// look makes the sender look at once.
func (h *Webhooks) look() {
	select {
	case h.due <- struct{}{}:
	default: // it will
	}
}

// send sends what is due until ctx ends.
func (h *Webhooks) send(ctx context.Context, mine func() bool) {
	var group sync.WaitGroup
	defer group.Wait()
	for ctx.Err() == nil {
		if !mine() {
			sleep(ctx, time.Second)
			continue
		}
		if err := h.sendDue(ctx, &group); err != nil && ctx.Err() == nil {
			h.Log.Warn("send deliveries", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-h.due:
		case <-time.After(time.Second):
		}
	}
}

// sendDue begins what is due and has room.
func (h *Webhooks) sendDue(ctx context.Context, group *sync.WaitGroup) error {
	rows, err := h.DB.Query(ctx, `SELECT webhook FROM deliveries WHERE state = 'pending' AND next <= $1
		GROUP BY webhook ORDER BY MIN(next) LIMIT 500`, time.Now())
	hooks, err := store.Collect(rows, err, func(s store.Scanner) (id string, err error) { return id, s.Scan(&id) })
	if err != nil {
		return err
	}
	for _, hook := range hooks {
		room := h.room(hook)
		if room == 0 {
			continue
		}
		rows, err := h.DB.Query(ctx, `SELECT id FROM deliveries WHERE webhook = $1 AND state = 'pending' AND next <= $2 ORDER BY next, id LIMIT $3`,
			hook, time.Now(), room)
		due, err := store.Collect(rows, err, func(s store.Scanner) (id string, err error) { return id, s.Scan(&id) })
		if err != nil {
			return err
		}
		for _, id := range due {
			h.count(hook, 1)
			group.Go(func() {
				defer func() { h.count(hook, -1); h.look() }()
				if err := h.attempt(ctx, id); err != nil && ctx.Err() == nil {
					h.Log.Warn("send a delivery", "delivery", id, "err", err)
				}
			})
		}
	}
	return nil
}

func (h *Webhooks) count(hook string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running[""] += n
	if h.running[hook] += n; h.running[hook] == 0 {
		delete(h.running, hook)
	}
}

// room is how many more may be sent to a webhook now.
func (h *Webhooks) room(hook string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(0, min(maxRunning-h.running[""], maxRunningEach-h.running[hook]))
}

// attempt takes a delivery and sends it once. Another server, or this one after its
// death, takes it again when the lease is over.
func (h *Webhooks) attempt(ctx context.Context, id string) error {
	n, err := h.DB.Exec(ctx, `UPDATE deliveries SET attempts = attempts + 1, next = $1 WHERE id = $2 AND state = 'pending' AND next <= $3`,
		time.Now().Add(lease), id, time.Now())
	if err != nil || n == 0 {
		return err
	}
	var hook, body string
	var attempts int
	err = h.DB.QueryRow(ctx, `SELECT webhook, body, attempts FROM deliveries WHERE id = $1`, id).Scan(&hook, &body, &attempts)
	if err != nil {
		return err
	}
	w, err := scan(h.DB.QueryRow(ctx, `SELECT `+columns+` FROM webhooks w WHERE w.id = $1`, hook))
	if errors.Is(err, sql.ErrNoRows) || err == nil && !w.Disabled.IsZero() {
		return h.end(ctx, id, attempts, pave.DeliveryFailed, 0, "the webhook is disabled")
	}
	if err != nil {
		return err
	}
	if err := h.stillMay(ctx, w); err != nil {
		if pave.CodeOf(err) == pave.Denied {
			return h.disable(ctx, w.ID, "who made it may no longer: "+err.Error())
		}
		return err
	}
	return h.settle(ctx, w, id, attempts, h.post(ctx, w, id, []byte(body)))
}

// stillMay asks whether who made a webhook may still have it: access that has ended
// ends here too.
func (h *Webhooks) stillMay(ctx context.Context, w pave.Webhook) error {
	p, err := h.Access.PrincipalOf(ctx, w.Actor)
	if err != nil {
		return err
	}
	if w.Team != "" {
		t, _, err := h.Access.TeamNamed(ctx, h.DB, w.Team)
		if err != nil {
			return err
		}
		w.Team = t.Name
	}
	perm, o := object(w)
	return h.Access.May(pave.WithPrincipal(ctx, p), perm, o)
}

// outcome is what came of an attempt.
type outcome struct {
	status int
	err    string
	wait   time.Duration // that the receiver asked for
}

// post sends a message once.
func (h *Webhooks) post(ctx context.Context, w pave.Webhook, id string, body []byte) outcome {
	secret, err := h.secretOf(ctx, w.ID)
	if err != nil {
		return outcome{err: err.Error()}
	}
	now := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return outcome{err: err.Error()}
	}
	for k, v := range map[string]string{"Content-Type": "application/json", "User-Agent": "pave/" + h.Version, "Webhook-Id": id,
		"Webhook-Timestamp": strconv.FormatInt(now.Unix(), 10), "Webhook-Signature": signature(secret, id, now, body)} {
		req.Header.Set(k, v)
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return outcome{err: withoutURL(err)}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection may be used again
	o := outcome{status: resp.StatusCode}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		o.err = "the receiver answered " + resp.Status[:min(len(resp.Status), 60)]
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
			o.wait = min(time.Duration(n)*time.Second, maxWait)
		}
	}
	return o
}

// withoutURL is the reason alone: an address may hold a secret.
func withoutURL(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, err.Error())
	return text[:min(len(text), 300)]
}

// settle records what came of an attempt and says when the next one is.
func (h *Webhooks) settle(ctx context.Context, w pave.Webhook, id string, attempts int, o outcome) error {
	if ctx.Err() != nil {
		return nil // the server ends: the delivery is taken again after its lease
	}
	if o.err == "" {
		if _, err := h.DB.Exec(ctx, `UPDATE webhooks SET failing = 0 WHERE id = $1 AND failing > 0`, w.ID); err != nil {
			return err
		}
		return h.end(ctx, id, attempts, pave.DeliveryDelivered, o.status, "")
	}
	if _, err := h.DB.Exec(ctx, `UPDATE webhooks SET failing = $1 WHERE id = $2 AND failing = 0`, time.Now(), w.ID); err != nil {
		return err
	}
	var since time.Time
	if err := h.DB.QueryRow(ctx, `SELECT failing FROM webhooks WHERE id = $1`, w.ID).Scan(store.Stamp(&since)); err != nil {
		return err
	}
	gone := o.status == http.StatusGone
	if attempts > len(h.Schedule) || gone {
		if err := h.end(ctx, id, attempts, pave.DeliveryFailed, o.status, o.err); err != nil {
			return err
		}
	} else {
		wait := h.Schedule[attempts-1]
		wait = cmp.Or(o.wait, wait+time.Duration(rand.Int64N(int64(wait)/5+1)))
		if _, err := h.DB.Exec(ctx, `UPDATE deliveries SET next = $1, status = $2, error = $3 WHERE id = $4 AND state = 'pending' AND attempts = $5`,
			time.Now().Add(wait), o.status, o.err, id, attempts); err != nil {
			return err
		}
	}
	switch {
	case gone:
		return h.disable(ctx, w.ID, "the receiver is gone (410)")
	case !since.IsZero() && time.Since(since) >= h.GiveUp:
		return h.disable(ctx, w.ID, fmt.Sprintf("nothing was taken since %s: %s", since.Format(time.RFC3339), o.err))
	}
	return nil
}

// end notes what an attempt came to, unless the delivery was asked for again meanwhile.
func (h *Webhooks) end(ctx context.Context, id string, attempts int, state string, status int, reason string) error {
	_, err := h.DB.Exec(ctx, `UPDATE deliveries SET state = $1, status = $2, error = $3, ended = $4, next = 0 WHERE id = $5 AND attempts = $6`,
		state, status, reason, time.Now(), id, attempts)
	return err
}

// disable ends a webhook until somebody lets it go on, with an event and a row in
// the audit log.
func (h *Webhooks) disable(ctx context.Context, id, reason string) error {
	return h.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE webhooks SET disabled = $1, reason = $2 WHERE id = $3 AND disabled = 0`, time.Now(), reason, id)
		if err != nil || n == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE deliveries SET state = $1, ended = $2, next = 0,
			error = CASE WHEN error = '' THEN 'the webhook was disabled' ELSE error END WHERE webhook = $3 AND state = 'pending'`,
			pave.DeliveryFailed, time.Now(), id); err != nil {
			return err
		}
		if err := h.Access.AuditTx(ctx, tx, "disable webhook", "webhook:"+id, reason); err != nil {
			return err
		}
		return h.Events.TellTx(tx, "webhook.disabled", map[string]string{"title": "webhook " + id, "reason": reason})
	})
}
