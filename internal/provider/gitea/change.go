package gitea

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/pave-platform/pave"
)

type pull struct {
	Number int64  `json:"number"`
	Title  string `json:"title"`
	Body   string `json:"body"`
	URL    string `json:"html_url"`
	Head   struct {
		Ref string `json:"ref"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
	} `json:"base"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

func (p pull) plain() pave.Proposal {
	return pave.Proposal{Number: int(p.Number), Title: p.Title, Text: p.Body, Branch: p.Head.Ref, Into: p.Base.Ref, Author: p.User.Login, URL: p.URL}
}

// Changes are the open pull requests, the newest first.
func (h *Host) Changes(ctx context.Context, name string) ([]pave.Proposal, error) {
	var out []pave.Proposal
	err := pages(ctx, h.api, h.repo(name, "pulls"), url.Values{"state": {"open"}}, func(page []pull) bool {
		for _, p := range page {
			out = append(out, p.plain())
		}
		return true
	})
	if pave.CodeOf(err) == pave.NotFound { // an empty repository has no list of them
		_, err = h.Get(ctx, name)
	}
	return out, err
}

// Propose opens a pull request for a branch, or returns the open one of that branch.
func (h *Host) Propose(ctx context.Context, name string, p pave.Proposal) (pave.Proposal, error) {
	var made pull
	in := map[string]string{"head": p.Branch, "base": p.Into, "title": p.Title, "body": p.Text}
	err := h.call(ctx, http.MethodPost, h.repo(name, "pulls"), in, &made)
	// A server knows a branch only some time after it took it.
	for pause := 100 * time.Millisecond; pave.CodeOf(err) == pave.NotFound && pause < 5*time.Second; pause *= 2 {
		select {
		case <-ctx.Done():
			return pave.Proposal{}, err
		case <-time.After(pause):
			err = h.call(ctx, http.MethodPost, h.repo(name, "pulls"), in, &made)
		}
	}
	if pave.CodeOf(err) != pave.Conflict {
		return made.plain(), err
	}
	open, listErr := h.Changes(ctx, name)
	if listErr != nil {
		return pave.Proposal{}, listErr
	}
	for _, o := range open {
		if o.Branch == p.Branch && o.Into == p.Into {
			return o, nil
		}
	}
	return pave.Proposal{}, err
}
