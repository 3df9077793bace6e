package github

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	api "github.com/google/go-github/v92/github"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// events are GitHub's words for pave's.
var events = map[string]string{"push": "push", "change": "pull_request", "run": "workflow_run"}

// hookEvents are GitHub's names of the events of a hook.
func hookEvents(words []string) []string {
	var out []string
	for word, name := range events {
		if len(words) == 0 || slices.Contains(words, word) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Hook finds the webhook that calls a URL.
func (h *host) Hook(ctx context.Context, name, url string) (githost.Hook, error) {
	found, err := h.hook(ctx, name, url)
	if err != nil {
		return githost.Hook{}, err
	}
	if found == nil {
		return githost.Hook{}, pave.Errorf(pave.NotFound, "repository %s has no webhook to %s", name, url)
	}
	whole := !slices.ContainsFunc(hookEvents(nil), func(e string) bool { return !slices.Contains(found.Events, e) })
	return githost.Hook{URL: url, Active: found.GetActive() && whole}, nil
}

func (h *host) hook(ctx context.Context, name, url string) (*api.Hook, error) {
	all, err := h.hooks(ctx, name)
	for _, hook := range all {
		if hook.GetConfig().GetURL() == url {
			return hook, err
		}
	}
	return nil, err
}

func (h *host) hooks(ctx context.Context, name string) (all []*api.Hook, err error) {
	err = pages(func(o api.ListOptions) (*api.Response, error) {
		some, resp, err := h.Repositories.ListHooks(ctx, h.org, name, &o)
		all = append(all, some...)
		return resp, err
	})
	return all, problem("list webhooks of "+name, err)
}

// Hooks are the URLs that webhooks call.
func (h *host) Hooks(ctx context.Context, name string) (out []string, err error) {
	all, err := h.hooks(ctx, name)
	for _, hook := range all {
		out = append(out, hook.GetConfig().GetURL())
	}
	return out, err
}

// DropHook takes those of a URL away.
func (h *host) DropHook(ctx context.Context, name, url string) error {
	all, err := h.hooks(ctx, name)
	if err != nil {
		return err
	}
	for _, hook := range all {
		if hook.GetConfig().GetURL() != url {
			continue
		}
		_, err := h.Repositories.DeleteHook(ctx, h.org, name, hook.GetID())
		if err = problem("take a webhook of "+name+" away", err); err != nil && pave.CodeOf(err) != pave.NotFound {
			return err
		}
	}
	return nil
}

// SetHook makes a webhook, or the one that is there so.
func (h *host) SetHook(ctx context.Context, name string, want githost.Hook, secret pave.Secret) error {
	found, err := h.hook(ctx, name, want.URL)
	if err != nil {
		return err
	}
	value, kind, plain := secret.Reveal(), "json", "0"
	body := &api.Hook{Active: &want.Active, Events: hookEvents(want.Events),
		Config: &api.HookConfig{URL: &want.URL, ContentType: &kind, InsecureSSL: &plain, Secret: &value}}
	if found == nil {
		body.Name = new("web")
		_, _, err = h.Repositories.CreateHook(ctx, h.org, name, body)
	} else {
		_, _, err = h.Repositories.EditHook(ctx, h.org, name, found.GetID(), body)
	}
	return problem("set webhook of "+name, err)
}

// Verify checks the signature of a call.
func (h *host) Verify(header http.Header, body []byte, secret pave.Secret) (delivery, event string, err error) {
	sent, ok := strings.CutPrefix(header.Get("X-Hub-Signature-256"), "sha256=")
	sum, bad := hex.DecodeString(sent)
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	if !ok || bad != nil || secret.IsZero() || !hmac.Equal(sum, mac.Sum(nil)) {
		return "", "", pave.Errorf(pave.Denied, "the call is not signed by github for this resource")
	}
	delivery = header.Get("X-Github-Delivery")
	if delivery == "" || len(delivery) > 100 {
		return "", "", pave.Errorf(pave.Invalid, "the call has no X-GitHub-Delivery")
	}
	for word, name := range events {
		if name == header.Get("X-Github-Event") {
			event = word
		}
	}
	return delivery, event, nil
}

// Tell sets a commit status.
func (h *host) Tell(ctx context.Context, name, commit string, s pave.CommitStatus) error {
	body := api.RepoStatus{State: &s.State, Context: &s.Context, Description: new(cut(s.Description, 140))}
	if s.URL != "" {
		body.TargetURL = &s.URL
	}
	_, _, err := h.Repositories.CreateStatus(ctx, h.org, name, commit, body)
	return problem("tell the status of a commit of "+name, err)
}

// cut is the first n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// Changes are the open pull requests.
func (h *host) Changes(ctx context.Context, name string) ([]pave.Proposal, error) {
	return h.pulls(ctx, name, "")
}

func (h *host) pulls(ctx context.Context, name, branch string) ([]pave.Proposal, error) {
	var out []pave.Proposal
	err := pages(func(o api.ListOptions) (*api.Response, error) {
		ask := &api.PullRequestListOptions{State: "open", ListOptions: o}
		if branch != "" {
			ask.Head = h.org + ":" + branch
		}
		all, resp, err := h.PullRequests.List(ctx, h.org, name, ask)
		for _, p := range all {
			out = append(out, proposalOf(p))
		}
		return resp, err
	})
	return out, problem("list pull requests of "+name, err)
}

func proposalOf(p *api.PullRequest) pave.Proposal {
	return pave.Proposal{Number: p.GetNumber(), Title: p.GetTitle(), Text: p.GetBody(), Branch: p.GetHead().GetRef(),
		Into: p.GetBase().GetRef(), Author: p.GetUser().GetLogin(), URL: p.GetHTMLURL()}
}

// Propose opens a pull request, unless the branch has one.
func (h *host) Propose(ctx context.Context, name string, p pave.Proposal) (pave.Proposal, error) {
	open, err := h.pulls(ctx, name, p.Branch)
	if err != nil || len(open) > 0 {
		return append(open, p)[0], err
	}
	made, _, err := h.PullRequests.Create(ctx, h.org, name, api.CreatePullRequest{Title: &p.Title, Body: &p.Text, Head: p.Branch, Base: p.Into})
	if err != nil {
		return p, problem("open a pull request of "+name, err)
	}
	return proposalOf(made), nil
}
