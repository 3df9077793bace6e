package gitea

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// events are what the words of githost are called here, and words what the server calls
// an event back.
var (
	events = map[string][]string{"push": {"push"}, "change": {"pull_request", "pull_request_sync"}, "run": {"workflow_run", "status"}}
	words  = map[string]string{"push": "push", "create": "push", "delete": "push", "pull_request": "change", "pull_request_sync": "change",
		"workflow_run": "run", "status": "run"}
)

type hook struct {
	ID     int64             `json:"id"`
	Active bool              `json:"active"`
	Config map[string]string `json:"config"`
	Events []string          `json:"events"`
}

// Hook finds the webhook that calls a URL.
func (h *Host) Hook(ctx context.Context, name, url string) (githost.Hook, error) {
	all, err := h.hooks(ctx, name, url)
	if err != nil {
		return githost.Hook{}, err
	}
	if len(all) == 0 {
		return githost.Hook{}, pave.Errorf(pave.NotFound, "repository %s/%s has no webhook to %s", h.org, name, url)
	}
	out := githost.Hook{URL: url, Active: all[0].Active}
	for _, word := range []string{"push", "change", "run"} {
		if slices.Contains(all[0].Events, events[word][0]) || word == "run" && slices.Contains(all[0].Events, "status") {
			out.Events = append(out.Events, word)
		}
	}
	return out, nil
}

func (h *Host) hooks(ctx context.Context, name, url string) ([]hook, error) {
	all, err := list[hook](ctx, h.api, h.repo(name, "hooks"))
	return slices.DeleteFunc(all, func(k hook) bool { return k.Config["url"] != url }), err
}

// SetHook makes it so. A server takes the secret of a webhook once, when it is made: one
// that is there is replaced, the new one first, so that no call is missed.
func (h *Host) SetHook(ctx context.Context, name string, want githost.Hook, secret pave.Secret) error {
	old, err := h.hooks(ctx, name, want.URL)
	if err != nil {
		return err
	}
	var on []string
	for _, word := range []string{"push", "change", "run"} {
		if want.Events == nil || slices.Contains(want.Events, word) {
			on = append(on, events[word]...)
		}
	}
	in := map[string]any{"type": "gitea", "active": want.Active, "events": on,
		"config": map[string]string{"url": want.URL, "content_type": "json", "secret": secret.Reveal()}}
	if err := h.call(ctx, http.MethodPost, h.repo(name, "hooks"), in, nil); err != nil {
		return err
	}
	return h.dropHooks(ctx, name, old)
}

func (h *Host) dropHooks(ctx context.Context, name string, all []hook) error {
	for _, k := range all {
		if err := h.drop(ctx, h.repo(name, "hooks", number(k.ID))); err != nil {
			return err
		}
	}
	return nil
}

// Hooks are the URLs that webhooks call.
func (h *Host) Hooks(ctx context.Context, name string) (out []string, err error) {
	all, err := list[hook](ctx, h.api, h.repo(name, "hooks"))
	for _, k := range all {
		out = append(out, k.Config["url"])
	}
	return out, err
}

// DropHook takes those of a URL away.
func (h *Host) DropHook(ctx context.Context, name, url string) error {
	all, err := h.hooks(ctx, name, url)
	if err != nil {
		return err
	}
	return h.dropHooks(ctx, name, all)
}

// Verify checks the signature of a call.
func (h *Host) Verify(header http.Header, body []byte, secret pave.Secret) (delivery, event string, err error) {
	of := func(name string) string { return or(header.Get("X-Gitea-"+name), header.Get("X-Forgejo-"+name)) }
	got, err := hex.DecodeString(of("Signature"))
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	if err != nil || secret.Reveal() == "" || !hmac.Equal(got, mac.Sum(nil)) {
		return "", "", pave.Errorf(pave.Denied, "the signature of the webhook is not good")
	}
	if delivery = of("Delivery"); delivery == "" {
		return "", "", pave.Errorf(pave.Invalid, "the webhook says no delivery")
	}
	event = of("Event")
	return delivery, or(words[event], event), nil
}
