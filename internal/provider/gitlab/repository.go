package gitlab

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
)

const pageSize = 100 // the largest that a server gives

// plain is a project of a group; its name has the path of the subgroup before it, where
// it is in one.
func plain(p *gitlab.Project, group string) githost.Repository {
	name := strings.TrimPrefix(p.PathWithNamespace, group+"/")
	r := githost.Repository{ID: strconv.FormatInt(p.ID, 10), Name: name, Page: p.WebURL, Description: p.Description, Visibility: string(p.Visibility),
		Topics: p.Topics, DefaultBranch: p.DefaultBranch, Archived: p.Archived}
	if p.LastActivityAt != nil {
		r.Pushed = *p.LastActivityAt
	}
	return r
}

// project finds the one of this very name that is not about to be deleted.
func (h *Host) project(ctx context.Context, name string) (*gitlab.Project, error) {
	p, _, err := h.api.Projects.GetProject(h.path(name), nil, with(ctx))
	if err != nil {
		return nil, h.failed("project "+h.path(name), err)
	}
	if !strings.EqualFold(p.PathWithNamespace, h.path(name)) || p.MarkedForDeletionOn != nil {
		return nil, pave.Errorf(pave.NotFound, "%s has no project %s", h.base.Host, h.path(name))
	}
	return p, nil
}

// Get finds the project that has this very name.
func (h *Host) Get(ctx context.Context, name string) (githost.Repository, error) {
	p, err := h.project(ctx, name)
	if err != nil {
		return githost.Repository{}, err
	}
	return plain(p, h.org), nil
}

// namespace is the number of the group.
func (h *Host) namespace(ctx context.Context) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.group != 0 {
		return h.group, nil
	}
	g, err := h.findGroup(ctx, h.org)
	if err == nil {
		h.group = g.ID
	}
	return h.group, err
}

func (h *Host) findGroup(ctx context.Context, path string) (*gitlab.Group, error) {
	//lint:ignore SA1019 until version 5 of the API a group comes with all its projects otherwise
	g, _, err := h.api.Groups.GetGroup(path, &gitlab.GetGroupOptions{WithProjects: gitlab.Ptr(false)}, with(ctx))
	return g, h.failed("group "+path, err)
}

// Create makes an empty project. Its default branch is the first one that is pushed.
func (h *Host) Create(ctx context.Context, r githost.Repository) (githost.Repository, error) {
	group, err := h.namespace(ctx)
	if err != nil {
		return githost.Repository{}, err
	}
	visibility := gitlab.VisibilityValue(r.Visibility)
	if visibility == "" {
		visibility = gitlab.PrivateVisibility
	}
	opt := &gitlab.CreateProjectOptions{Name: &r.Name, Path: &r.Name, NamespaceID: &group, Description: &r.Description, Visibility: &visibility}
	if len(r.Topics) > 0 {
		opt.Topics = &r.Topics
	}
	p, _, err := h.api.Projects.CreateProject(opt, with(ctx))
	if err != nil {
		return githost.Repository{}, h.failed("make project "+h.path(r.Name), err)
	}
	return plain(p, h.org), nil
}

// Change sets what is not nil, in an order in which nothing is refused: what is archived
// is only read.
func (h *Host) Change(ctx context.Context, name string, c githost.Change) (githost.Repository, error) {
	p, err := h.project(ctx, name)
	if err != nil {
		return githost.Repository{}, err
	}
	if c.Archived != nil && !*c.Archived && p.Archived {
		if p, _, err = h.api.Projects.UnarchiveProject(p.ID, with(ctx)); err != nil {
			return githost.Repository{}, h.failed("unarchive project "+h.path(name), err)
		}
	}
	if opt, any := differs(p, c); any {
		if p, _, err = h.api.Projects.EditProject(p.ID, opt, with(ctx)); err != nil {
			return githost.Repository{}, h.failed("change project "+h.path(name), err)
		}
	}
	if c.Archived != nil && *c.Archived && !p.Archived {
		if p, _, err = h.api.Projects.ArchiveProject(p.ID, with(ctx)); err != nil {
			return githost.Repository{}, h.failed("archive project "+h.path(name), err)
		}
	}
	return plain(p, h.org), nil
}

// differs is what an edit says, and whether that is anything.
func differs(p *gitlab.Project, c githost.Change) (*gitlab.EditProjectOptions, bool) {
	opt, any := &gitlab.EditProjectOptions{}, false
	if c.Name != nil && *c.Name != p.Path {
		opt.Name, opt.Path, any = c.Name, c.Name, true
	}
	if c.Description != nil && *c.Description != p.Description {
		opt.Description, any = c.Description, true
	}
	if c.DefaultBranch != nil && *c.DefaultBranch != p.DefaultBranch {
		opt.DefaultBranch, any = c.DefaultBranch, true
	}
	if c.Visibility != nil && *c.Visibility != string(p.Visibility) {
		opt.Visibility, any = gitlab.Ptr(gitlab.VisibilityValue(*c.Visibility)), true
	}
	if c.Topics != nil && !sameSet(c.Topics, p.Topics) {
		opt.Topics, any = &c.Topics, true
	}
	return opt, any
}

// Delete removes a project for good. A server marks it for deletion first, gives its
// name away and deletes it some days later; it is asked to do so at once, and where it
// refuses that, the rest is its own to do.
func (h *Host) Delete(ctx context.Context, name string) error {
	p, err := h.project(ctx, name)
	if err != nil {
		return err
	}
	if _, err = h.api.Projects.DeleteProject(p.ID, nil, with(ctx)); err != nil {
		return h.failed("delete project "+h.path(name), err)
	}
	p, _, err = h.api.Projects.GetProject(p.ID, nil, with(ctx))
	if err != nil {
		if err = h.failed("project "+h.path(name), err); pave.CodeOf(err) == pave.NotFound {
			return nil
		}
		return err
	}
	opt := &gitlab.DeleteProjectOptions{PermanentlyRemove: gitlab.Ptr(true), FullPath: &p.PathWithNamespace}
	_, err = h.api.Projects.DeleteProject(p.ID, opt, with(ctx))
	switch err = h.failed("delete project "+p.PathWithNamespace, err); pave.CodeOf(err) {
	case pave.Denied, pave.Invalid, pave.NotFound, pave.Conflict:
		return nil // marked is what this server has
	}
	return err
}

// All yields the projects of a group. Those of another one than the binding's come with
// the ones of its subgroups. What is about to be deleted is not there any more.
func (h *Host) All(ctx context.Context, org string) iter.Seq2[githost.Repository, error] {
	subgroups := org != ""
	if org == "" {
		org = h.org
	}
	return func(yield func(githost.Repository, error) bool) {
		opt := &gitlab.ListGroupProjectsOptions{ListOptions: gitlab.ListOptions{PerPage: pageSize, Page: 1}, OrderBy: gitlab.Ptr("id"), Sort: gitlab.Ptr("asc"),
			IncludeSubGroups: &subgroups, WithShared: gitlab.Ptr(false)}
		for opt.Page != 0 {
			page, resp, err := h.api.Groups.ListGroupProjects(org, opt, with(ctx))
			if err != nil {
				yield(githost.Repository{}, h.failed("projects of "+org, err))
				return
			}
			for _, p := range page {
				if p.MarkedForDeletionOn == nil && !yield(plain(p, org), nil) {
					return
				}
			}
			opt.Page = resp.NextPage
		}
	}
}

// Head is the commit of a branch.
func (h *Host) Head(ctx context.Context, name, branch string) (string, error) {
	b, _, err := h.api.Branches.GetBranch(h.path(name), branch, with(ctx))
	if err != nil {
		return "", h.failed("branch "+branch+" of "+h.path(name), err)
	}
	return b.Commit.ID, nil
}

// File is a file of a branch as it is.
func (h *Host) File(ctx context.Context, name, branch, path string) ([]byte, error) {
	what := path + " of " + h.path(name)
	body, _, err := h.api.RepositoryFiles.GetRawFileReader(h.path(name), path, &gitlab.GetRawFileOptions{Ref: &branch}, with(ctx))
	if err != nil {
		return nil, h.failed(what, err)
	}
	defer body.Close()
	data, err := githost.ReadFile(body, path)
	return data, h.failed(what, err)
}

// pages asks for one page after the other.
func pages[T any](first gitlab.ListOptions, get func(gitlab.ListOptions) ([]T, *gitlab.Response, error)) ([]T, error) {
	var all []T
	for opt := first; ; {
		page, resp, err := get(opt)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if resp.NextPage == 0 || len(page) == 0 {
			return all, nil
		}
		opt.Page = resp.NextPage
	}
}

func firstPage() gitlab.ListOptions { return gitlab.ListOptions{PerPage: pageSize, Page: 1} }

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
