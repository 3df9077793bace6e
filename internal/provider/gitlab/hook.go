package gitlab

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// Hook finds the webhook that calls a URL. One that a server gave up is not active.
func (h *Host) Hook(ctx context.Context, name, url string) (githost.Hook, error) {
	all, err := h.hooks(ctx, name, url)
	if err != nil {
		return githost.Hook{}, err
	}
	if len(all) == 0 {
		return githost.Hook{}, pave.Errorf(pave.NotFound, "project %s has no webhook to %s", h.path(name), url)
	}
	k := all[0]
	out := githost.Hook{URL: url, Active: alive(k)}
	for word, on := range map[string]bool{"push": k.PushEvents, "change": k.MergeRequestsEvents, "run": k.PipelineEvents} {
		if on {
			out.Events = append(out.Events, word)
		}
	}
	slices.Sort(out.Events)
	return out, nil
}

func alive(k *gitlab.ProjectHook) bool { return k.AlertStatus == "" || k.AlertStatus == "executable" }

// Hooks are the URLs that webhooks call.
func (h *Host) Hooks(ctx context.Context, name string) (out []string, err error) {
	all, err := h.allHooks(ctx, name)
	for _, k := range all {
		out = append(out, k.URL)
	}
	return out, err
}

// DropHook takes those of a URL away.
func (h *Host) DropHook(ctx context.Context, name, url string) error {
	return h.SetHook(ctx, name, githost.Hook{URL: url}, pave.Secret{})
}

func (h *Host) hooks(ctx context.Context, name, url string) ([]*gitlab.ProjectHook, error) {
	all, err := h.allHooks(ctx, name)
	return slices.DeleteFunc(all, func(k *gitlab.ProjectHook) bool { return k.URL != url }), err
}

func (h *Host) allHooks(ctx context.Context, name string) ([]*gitlab.ProjectHook, error) {
	all, err := pages(firstPage(), func(o gitlab.ListOptions) ([]*gitlab.ProjectHook, *gitlab.Response, error) {
		return h.api.Projects.ListProjectHooks(h.path(name), &gitlab.ListProjectHooksOptions{ListOptions: o}, with(ctx))
	})
	return all, h.failed("webhooks of "+h.path(name), err)
}

// SetHook makes it so. A server has no switch for a webhook: one that is not to be active
// is not there, and one that it gave up is made anew.
func (h *Host) SetHook(ctx context.Context, name string, want githost.Hook, secret pave.Secret) error {
	old, err := h.hooks(ctx, name, want.URL)
	if err != nil {
		return err
	}
	kept := false
	for _, k := range old {
		if want.Active && alive(k) && !kept {
			kept = true
			_, _, err = h.api.Projects.EditProjectHook(h.path(name), k.ID, hooked(want, secret), with(ctx))
		} else {
			_, err = h.api.Projects.DeleteProjectHook(h.path(name), k.ID, with(ctx))
		}
		if err = h.failed("webhook of "+h.path(name), err); err != nil && pave.CodeOf(err) != pave.NotFound {
			return err
		}
	}
	if kept || !want.Active {
		return nil
	}
	add := gitlab.AddProjectHookOptions(*hooked(want, secret))
	_, _, err = h.api.Projects.AddProjectHook(h.path(name), &add, with(ctx))
	return h.failed("webhook of "+h.path(name), err)
}

// hooked is what a webhook is told. Servers before 19.0 leave the signing token out.
func hooked(want githost.Hook, secret pave.Secret) *gitlab.EditProjectHookOptions {
	on := func(word string) *bool { return gitlab.Ptr(want.Events == nil || slices.Contains(want.Events, word)) }
	return &gitlab.EditProjectHookOptions{URL: &want.URL, PushEvents: on("push"), MergeRequestsEvents: on("change"), PipelineEvents: on("run"),
		EnableSSLVerification: gitlab.Ptr(true), Token: gitlab.Ptr(secret.Reveal()),
		SigningToken: gitlab.Ptr("whsec_" + base64.StdEncoding.EncodeToString(signing(secret)))}
}

// signing is the key that a webhook signs with. The secret itself goes with each call in
// the clear, so that the key is another one.
func signing(secret pave.Secret) []byte {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte("signing token of a webhook"))
	return mac.Sum(nil)
}

// oldest is how old a signed call may be.
const oldest = 24 * time.Hour

var words = map[string]string{"Push Hook": "push", "Merge Request Hook": "change", "Pipeline Hook": "run"}

// Verify checks the token of a call, and the signature of those that have one.
func (h *Host) Verify(header http.Header, body []byte, secret pave.Secret) (delivery, event string, err error) {
	token := header.Get("X-Gitlab-Token")
	if secret.Reveal() == "" || subtle.ConstantTimeCompare([]byte(token), []byte(secret.Reveal())) != 1 {
		return "", "", pave.Errorf(pave.Denied, "the token of the webhook is not good")
	}
	if header.Get("Webhook-Signature") != "" {
		if err := signed(header, body, secret, time.Now()); err != nil {
			return "", "", err
		}
	}
	for _, name := range []string{"Webhook-Id", "Idempotency-Key", "X-Gitlab-Event-UUID"} {
		if delivery = header.Get(name); delivery != "" {
			event = header.Get("X-Gitlab-Event")
			if word := words[event]; word != "" {
				event = word
			}
			return delivery, event, nil
		}
	}
	return "", "", pave.Errorf(pave.Invalid, "the webhook says no delivery")
}

// signed checks a signature of the form that Standard Webhooks has.
func signed(header http.Header, body []byte, secret pave.Secret, now time.Time) error {
	id, at := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	sec, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(sec, 0)).Abs() > oldest {
		return pave.Errorf(pave.Denied, "the webhook is of another time")
	}
	mac := hmac.New(sha256.New, signing(secret))
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for _, one := range strings.Fields(header.Get("Webhook-Signature")) {
		text, ok := strings.CutPrefix(one, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return pave.Errorf(pave.Denied, "the signature of the webhook is not good")
}
