package gitea

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// repository is what a server says of one.
type repository struct {
	ID            int64     `json:"id"`
	Name          string    `json:"name"`
	HTMLURL       string    `json:"html_url"`
	Description   string    `json:"description"`
	Private       bool      `json:"private"`
	Internal      bool      `json:"internal"`
	Topics        []string  `json:"topics"`
	DefaultBranch string    `json:"default_branch"`
	Archived      bool      `json:"archived"`
	Empty         bool      `json:"empty"`
	Language      string    `json:"language"`
	Updated       time.Time `json:"updated_at"`
	HasActions    bool      `json:"has_actions"` // here, and on the server
}

func (r repository) plain() githost.Repository {
	visibility := "public"
	switch {
	case r.Private:
		visibility = "private"
	case r.Internal: // the organisation is: its repositories are for who is signed in
		visibility = "internal"
	}
	pipelines := ""
	if r.HasActions {
		pipelines = r.HTMLURL + "/actions"
	}
	return githost.Repository{ID: number(r.ID), Name: r.Name, Page: r.HTMLURL, Pipelines: pipelines, Description: r.Description, Visibility: visibility,
		Topics: r.Topics, DefaultBranch: r.DefaultBranch, Archived: r.Archived, Language: r.Language, Pushed: r.Updated}
}

// Get finds the repository that has this very name.
func (h *Host) Get(ctx context.Context, name string) (githost.Repository, error) {
	var r repository
	if err := h.get(ctx, h.repo(name), nil, &r); err != nil {
		return githost.Repository{}, err
	}
	if !strings.EqualFold(r.Name, name) { // the server redirected: that name is free
		return githost.Repository{}, pave.Errorf(pave.NotFound, "%s has no repository %s/%s", h.base.Host, h.org, name)
	}
	return r.plain(), nil
}

// Create makes an empty repository.
func (h *Host) Create(ctx context.Context, r githost.Repository) (githost.Repository, error) {
	private, err := private(r.Visibility)
	if err != nil {
		return githost.Repository{}, err
	}
	in := map[string]any{"name": r.Name, "description": r.Description, "private": private, "auto_init": false}
	if r.DefaultBranch != "" {
		in["default_branch"] = r.DefaultBranch
	}
	var made repository
	if err := h.call(ctx, http.MethodPost, join("orgs", h.org, "repos"), in, &made); err != nil {
		return githost.Repository{}, err
	}
	if len(r.Topics) == 0 {
		return made.plain(), nil
	}
	return h.Change(ctx, r.Name, githost.Change{Topics: r.Topics})
}

// private is what a visibility is here. What is internal the organisation decides.
func private(visibility string) (bool, error) {
	switch visibility {
	case "", "private":
		return true, nil
	case "public":
		return false, nil
	}
	return true, pave.BadField("visibility", visibility, "is not one that Gitea and Forgejo have for a repository",
		"use private or public; in an organisation with limited visibility, public is for who is signed in")
}

// Change sets what is not nil, in an order in which nothing is refused: what is
// archived takes no topics.
func (h *Host) Change(ctx context.Context, name string, c githost.Change) (githost.Repository, error) {
	is, err := h.Get(ctx, name)
	if err != nil {
		return is, err
	}
	if c.Archived != nil && !*c.Archived && is.Archived {
		if err := h.edit(ctx, name, map[string]any{"archived": false}); err != nil {
			return is, err
		}
	}
	if c.Topics != nil && !sameSet(c.Topics, is.Topics) {
		if err := h.call(ctx, http.MethodPut, h.repo(name, "topics"), map[string]any{"topics": c.Topics}, nil); err != nil {
			return is, err
		}
	}
	in, err := differs(is, c)
	if err != nil {
		return is, err
	}
	if len(in) > 0 {
		if err := h.edit(ctx, name, in); err != nil {
			return is, renamed(err, c)
		}
	}
	if c.Name != nil {
		name = *c.Name
	}
	return h.Get(ctx, name)
}

// differs is what an edit says.
func differs(is githost.Repository, c githost.Change) (map[string]any, error) {
	in := map[string]any{}
	if c.Name != nil && *c.Name != is.Name {
		in["name"] = *c.Name
	}
	if c.Description != nil && *c.Description != is.Description {
		in["description"] = *c.Description
	}
	if c.DefaultBranch != nil && *c.DefaultBranch != is.DefaultBranch {
		in["default_branch"] = *c.DefaultBranch
	}
	if c.Visibility != nil && *c.Visibility != is.Visibility {
		private, err := private(*c.Visibility)
		if err != nil {
			return nil, err
		}
		in["private"] = private
	}
	if c.Archived != nil && *c.Archived && !is.Archived {
		in["archived"] = true
	}
	return in, nil
}

// renamed is the error of an edit: a name that is taken is no mistake in a field.
func renamed(err error, c githost.Change) error {
	if pave.CodeOf(err) == pave.Invalid && c.Name != nil && strings.Contains(err.Error(), "exist") {
		return pave.Errorf(pave.Conflict, "the name %s is taken: %w", *c.Name, err)
	}
	return err
}

func (h *Host) edit(ctx context.Context, name string, in map[string]any) error {
	return h.call(ctx, http.MethodPatch, h.repo(name), in, nil)
}

// Delete removes a repository for good, and never another one that it redirects to.
func (h *Host) Delete(ctx context.Context, name string) error {
	if _, err := h.Get(ctx, name); err != nil {
		return err
	}
	return h.call(ctx, http.MethodDelete, h.repo(name), nil, nil)
}

// All yields the repositories of an organisation.
func (h *Host) All(ctx context.Context, org string) iter.Seq2[githost.Repository, error] {
	if org == "" {
		org = h.org
	}
	return func(yield func(githost.Repository, error) bool) {
		err := pages(ctx, h.api, join("orgs", org, "repos"), nil, func(page []repository) bool {
			for _, r := range page {
				if !yield(r.plain(), nil) {
					return false
				}
			}
			return true
		})
		if err != nil {
			yield(githost.Repository{}, err)
		}
	}
}

// Head is the commit of a branch.
func (h *Host) Head(ctx context.Context, name, branch string) (string, error) {
	var b struct {
		Commit struct {
			ID string `json:"id"`
		} `json:"commit"`
	}
	err := h.get(ctx, h.repo(name, "branches", branch), nil, &b)
	if pave.CodeOf(err) == pave.Unavailable && ctx.Err() == nil {
		// Servers fail to answer for a repository that they still take for empty, which
		// it may stay where it was renamed right after its first push.
		var r repository
		if h.get(ctx, h.repo(name), nil, &r) == nil && r.Empty {
			return "", pave.Errorf(pave.NotFound, "repository %s/%s is empty", h.org, name)
		}
	}
	return b.Commit.ID, err
}

// File is a file of a branch as it is. It is asked for by its commit: where there is no such
// branch, servers answer with the file of the default one.
func (h *Host) File(ctx context.Context, name, branch, path string) ([]byte, error) {
	commit, err := h.Head(ctx, name, branch)
	if err != nil {
		return nil, err
	}
	at := h.repo(name, append([]string{"raw"}, strings.Split(path, "/")...)...) + "?" + url.Values{"ref": {commit}}.Encode()
	resp, data, err := h.send(ctx, http.MethodGet, at, nil)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, h.refused(resp, data)
	case len(data) > githost.MaxFile:
		return nil, pave.Errorf(pave.Invalid, "%s is larger than 1 MiB", path)
	}
	return data, nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
