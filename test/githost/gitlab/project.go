package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	api "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave/internal/git"
)

// project is one of the server, with what belongs to it.
type project struct {
	api.Project
	dir       string
	branches  []*api.ProtectedBranch
	rules     []*api.ProjectApprovalRule
	envs      []*api.Environment
	variables []*api.ProjectVariable
	hooks     []*hook
	statuses  []*api.CommitStatus
	pipelines []*api.PipelineInfo
	merges    []*api.BasicMergeRequest
}

var pathPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)

func bare(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	_, err := git.Run(context.Background(), git.Options{Dir: dir}, "init", "--quiet", "--bare", "--initial-branch=main", ".")
	return err
}

// find is a project by its number or its whole path.
func (s *Server) find(id string) *project {
	for _, p := range s.projects {
		if p.PathWithNamespace == id || strconv.FormatInt(p.ID, 10) == id {
			return p
		}
	}
	return nil
}

var taken = fault{http.StatusBadRequest, map[string]any{"name": []string{"has already been taken"}, "path": []string{"has already been taken"}}}

// add makes a project of a whole path.
func (s *Server) add(path, description string, visibility api.VisibilityValue) (*project, error) {
	if s.find(path) != nil {
		return nil, taken
	}
	cut := strings.LastIndexByte(path, '/')
	p := &project{Project: api.Project{ID: s.id(), Description: description, Visibility: visibility, CreatedAt: now(), LastActivityAt: now(), EmptyRepo: true,
		Topics: []string{}, Namespace: &api.ProjectNamespace{FullPath: path[:cut], Kind: "group"}}}
	var err error
	if p.dir, err = s.folder(p.ID); err != nil {
		return nil, err
	}
	s.name(p, path[cut+1:])
	s.projects = append(s.projects, p)
	return p, nil
}

// name gives a project a name in its group.
func (s *Server) name(p *project, name string) {
	if p.PathWithNamespace != "" {
		s.moved[p.PathWithNamespace] = p.ID
	}
	p.Name, p.Path, p.PathWithNamespace = name, name, p.Namespace.FullPath+"/"+name
	p.WebURL, p.HTTPURLToRepo = s.URL+"/"+p.PathWithNamespace, s.URL+"/"+p.PathWithNamespace+".git"
	delete(s.moved, p.PathWithNamespace)
}

func (s *Server) inProjects(c *call) (int, any, error) {
	if len(c.path) == 1 {
		return s.create(c)
	}
	p := s.find(c.path[1])
	if to := s.moved[c.path[1]]; p == nil && to != 0 {
		if c.method != http.MethodGet {
			return 0, nil, fault{http.StatusMethodNotAllowed, "Non GET methods are not allowed for moved projects"}
		}
		rest := strings.Join(append([]string{strconv.FormatInt(to, 10)}, c.path[2:]...), "/")
		return 0, nil, fault{http.StatusFound, s.URL + "/api/v4/projects/" + rest}
	}
	if p == nil || c.user.Level == 0 {
		return 0, nil, notFound("Project")
	}
	if c.method != http.MethodGet && c.user.Level < api.MaintainerPermissions {
		return 0, nil, fault{http.StatusForbidden, "403 Forbidden"}
	}
	if len(c.path) > 2 {
		return s.part(c, p, c.path[2:])
	}
	switch c.method {
	case http.MethodGet:
		return http.StatusOK, p.Project, nil
	case http.MethodPut:
		return s.edit(c, p)
	case http.MethodDelete:
		return s.remove(c, p)
	}
	return 0, nil, fault{http.StatusMethodNotAllowed, "405 Method Not Allowed"}
}

func (s *Server) create(c *call) (int, any, error) {
	var in api.CreateProjectOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(s.groups, func(g *api.Group) bool { return in.NamespaceID != nil && g.ID == *in.NamespaceID })
	if c.method != http.MethodPost || i < 0 || in.Path == nil || in.Visibility == nil || !pathPattern.MatchString(*in.Path) {
		return 0, nil, fault{http.StatusBadRequest, map[string]any{"path": []string{"can contain only letters, digits, '_', '-' and '.'."}}}
	}
	if c.user.Level < api.MaintainerPermissions {
		return 0, nil, fault{http.StatusForbidden, "403 Forbidden"}
	}
	description := ""
	set(&description, in.Description)
	p, err := s.add(s.groups[i].FullPath+"/"+*in.Path, description, *in.Visibility)
	if err != nil {
		return 0, nil, err
	}
	set(&p.Topics, in.Topics)
	return http.StatusCreated, p.Project, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *Server) edit(c *call, p *project) (int, any, error) {
	var in api.EditProjectOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	if in.Path != nil && *in.Path != p.Path {
		if s.find(p.Namespace.FullPath+"/"+*in.Path) != nil {
			return 0, nil, taken
		}
		if p.Archived {
			return 0, nil, fault{http.StatusForbidden, "403 Forbidden"}
		}
		s.name(p, *in.Path)
	}
	if in.DefaultBranch != nil && p.heads()[*in.DefaultBranch] == "" {
		return 0, nil, fault{http.StatusBadRequest, map[string]any{"base": []string{"Could not set the default branch"}}}
	}
	set(&p.DefaultBranch, in.DefaultBranch)
	set(&p.Description, in.Description)
	set(&p.Visibility, in.Visibility)
	set(&p.Topics, in.Topics)
	return http.StatusOK, p.Project, nil
}

// remove marks a project for deletion, which gives its name away, and deletes one that
// is marked where the server lets that happen.
func (s *Server) remove(c *call, p *project) (int, any, error) {
	if c.user.Level < api.OwnerPermissions {
		return 0, nil, fault{http.StatusForbidden, "403 Forbidden"}
	}
	query := c.r.URL.Query()
	accepted := map[string]any{"message": "202 Accepted"}
	if query.Get("permanently_remove") != "true" {
		if p.MarkedForDeletionOn != nil {
			return 0, nil, fault{http.StatusBadRequest, "Project has been already marked for deletion"}
		}
		s.name(p, fmt.Sprintf("%s-deletion_scheduled-%d", p.Path, p.ID))
		delete(s.moved, strings.TrimSuffix(p.PathWithNamespace, fmt.Sprintf("-deletion_scheduled-%d", p.ID)))
		p.MarkedForDeletionOn = api.Ptr(api.ISOTime(time.Now()))
		p.Archived = true
		return http.StatusAccepted, accepted, nil
	}
	switch {
	case !s.AtOnce:
		return 0, nil, fault{http.StatusForbidden, "Immediate deletion is not allowed"}
	case p.MarkedForDeletionOn == nil:
		return 0, nil, fault{http.StatusBadRequest, "Project must be marked for deletion first."}
	case query.Get("full_path") != p.PathWithNamespace:
		return 0, nil, fault{http.StatusBadRequest, "`full_path` is incorrect. You must enter the complete path for the project."}
	}
	s.projects = slices.DeleteFunc(s.projects, func(o *project) bool { return o == p })
	return http.StatusAccepted, accepted, nil
}

// heads are the commits of branches.
func (p *project) heads() map[string]string {
	out, _ := git.Run(context.Background(), git.Options{Dir: p.dir}, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
	heads := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		heads[name] = id
	}
	return heads
}
