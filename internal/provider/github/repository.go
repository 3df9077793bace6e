package github

import (
	"context"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	api "github.com/google/go-github/v92/github"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// host is one organisation.
type host struct {
	*api.Client
	org        string
	at         places
	login      login
	settings   map[string]string
	plain, git *http.Client
}

var (
	_ githost.Host      = (*host)(nil)
	_ githost.Protector = (*host)(nil)
	_ githost.Granter   = (*host)(nil)
	_ githost.Owner     = (*host)(nil)
	_ githost.Starter   = (*host)(nil)
	_ githost.Dropper   = (*host)(nil)
	_ githost.Environer = (*host)(nil)
	_ githost.Valuer    = (*host)(nil)
	_ githost.Hooker    = (*host)(nil)
	_ githost.Teller    = (*host)(nil)
	_ githost.Runner    = (*host)(nil)
	_ githost.Reviewer  = (*host)(nil)
	_ githost.Filer     = (*host)(nil)
)

const (
	perPage  = 100
	maxPages = 1000
)

// Get finds a repository by the very name: GitHub redirects those that were renamed.
func (h *host) Get(ctx context.Context, name string) (githost.Repository, error) {
	r, _, err := h.Repositories.Get(ctx, h.org, name)
	if err != nil {
		return githost.Repository{}, problem("look at repository "+name, err)
	}
	if !strings.EqualFold(r.GetName(), name) || !strings.EqualFold(r.GetOwner().GetLogin(), h.org) {
		return githost.Repository{}, pave.Errorf(pave.NotFound, "repository %s is %s now", name, r.GetFullName())
	}
	return repositoryOf(r), nil
}

func repositoryOf(r *api.Repository) githost.Repository {
	visibility := r.GetVisibility()
	if visibility == "" && r.GetPrivate() {
		visibility = "private"
	}
	topics := slices.Clone(r.Topics)
	slices.Sort(topics)
	return githost.Repository{ID: strconv.FormatInt(r.GetID(), 10), Name: r.GetName(), Page: r.GetHTMLURL(), Pipelines: r.GetHTMLURL() + "/actions", Description: r.GetDescription(),
		Visibility: visibility, Topics: topics, DefaultBranch: r.GetDefaultBranch(), Archived: r.GetArchived(),
		Language: r.GetLanguage(), Pushed: r.GetPushedAt().Time}
}

// Create makes an empty repository.
func (h *host) Create(ctx context.Context, r githost.Repository) (githost.Repository, error) {
	made, _, err := h.Repositories.Create(ctx, h.org, &api.Repository{Name: &r.Name, Description: &r.Description,
		Visibility: &r.Visibility, Private: new(r.Visibility != "public"), AutoInit: new(false)})
	if err != nil {
		return githost.Repository{}, problem("create repository "+r.Name, err)
	}
	return repositoryOf(made), nil
}

// Change sets what is not nil; topics have a call of their own.
func (h *host) Change(ctx context.Context, name string, c githost.Change) (githost.Repository, error) {
	if c.Topics != nil {
		if _, _, err := h.Repositories.ReplaceAllTopics(ctx, h.org, name, c.Topics); err != nil {
			return githost.Repository{}, problem("set topics of repository "+name, err)
		}
	}
	if c.Name == nil && c.Description == nil && c.Visibility == nil && c.DefaultBranch == nil && c.Archived == nil {
		return h.Get(ctx, name)
	}
	r, _, err := h.Repositories.Edit(ctx, h.org, name, &api.Repository{Name: c.Name, Description: c.Description,
		Visibility: c.Visibility, DefaultBranch: c.DefaultBranch, Archived: c.Archived})
	if err != nil {
		return githost.Repository{}, problem("change repository "+name, err)
	}
	return repositoryOf(r), nil
}

// Delete removes a repository for good.
func (h *host) Delete(ctx context.Context, name string) error {
	_, err := h.Repositories.Delete(ctx, h.org, name)
	return problem("delete repository "+name, err)
}

// All yields the repositories of an organisation, the one pushed last first.
func (h *host) All(ctx context.Context, org string) iter.Seq2[githost.Repository, error] {
	if org == "" {
		org = h.org
	}
	return func(yield func(githost.Repository, error) bool) {
		if !orgPattern.MatchString(org) {
			yield(githost.Repository{}, pave.BadField("org", org, "is no organisation's name", "as in https://github.com/NAME"))
			return
		}
		o := &api.RepositoryListByOrgOptions{Type: "all", Sort: "full_name", ListOptions: api.ListOptions{PerPage: perPage}}
		for range maxPages {
			page, resp, err := h.Repositories.ListByOrg(ctx, org, o)
			if err != nil {
				yield(githost.Repository{}, problem("list repositories of "+org, err))
				return
			}
			for _, r := range page {
				if !yield(repositoryOf(r), nil) {
					return
				}
			}
			if resp.NextPage == 0 {
				return
			}
			o.Page = resp.NextPage
		}
	}
}

// Head is the commit of a branch. A repository without commits has none.
func (h *host) Head(ctx context.Context, name, branch string) (string, error) {
	ref, _, err := h.Client.Git.GetRef(ctx, h.org, name, "heads/"+branch)
	err = problem("look at branch "+branch+" of "+name, err)
	if pave.CodeOf(err) == pave.Conflict { // "Git Repository is empty."
		err = pave.Errorf(pave.NotFound, "repository %s is empty", name)
	}
	if err != nil {
		return "", err
	}
	return ref.GetObject().GetSHA(), nil
}

// File is a file of a branch as it is. A folder of that path is answered with a list.
func (h *host) File(ctx context.Context, name, branch, path string) ([]byte, error) {
	what := "read " + path + " of " + name
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	at := "repos/" + h.org + "/" + name + "/contents/" + strings.Join(parts, "/") + "?" + url.Values{"ref": {branch}}.Encode()
	req, err := h.NewRequest(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, pave.Errorf(pave.Invalid, "%s: %w", what, err)
	}
	req.Header.Set("Accept", "application/vnd.github.raw+json")
	resp, err := h.BareDo(req)
	if err != nil {
		return nil, problem(what, err)
	}
	defer resp.Body.Close()
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/json" {
		return nil, pave.Errorf(pave.NotFound, "%s: it is no file", what)
	}
	data, err := githost.ReadFile(resp.Body, path)
	return data, problem(what, err)
}

// pages calls a listing until it has no next page.
func pages(call func(o api.ListOptions) (*api.Response, error)) error {
	o := api.ListOptions{PerPage: perPage}
	for range maxPages {
		resp, err := call(o)
		if err != nil || resp.NextPage == 0 {
			return err
		}
		o.Page = resp.NextPage
	}
	return nil
}

// Git is the address for git, and a client that signs in there.
func (h *host) Git(_ context.Context, name string) (string, *http.Client, error) {
	return h.at.git.JoinPath(h.org, name+".git").String(), h.git, nil
}
