package gitlab

import (
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"

	api "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave/internal/git"
)

// part answers calls of what belongs to a project. path[0] is its kind.
func (s *Server) part(c *call, p *project, path []string) (int, any, error) {
	rest := strings.Join(path[1:], "/")
	switch path[0] {
	case "archive", "unarchive":
		p.Archived = path[0] == "archive"
		return http.StatusCreated, p.Project, nil
	case "share":
		return s.share(c, p, rest)
	case "protected_branches":
		return s.protected(c, p, rest)
	case "approval_rules":
		return s.approvals(c, p, rest)
	case "environments":
		return s.environments(c, p)
	case "variables":
		return s.inVariables(c, p, rest)
	case "hooks":
		return s.inHooks(c, p, rest)
	case "repository":
		return s.inRepository(c, p, path[1:])
	case "statuses":
		return s.tell(c, p, rest)
	case "pipelines":
		return s.inPipelines(c, p, path[1:])
	case "merge_requests":
		return s.inMerges(c, p)
	}
	return 0, nil, notFound("")
}

func (s *Server) share(c *call, p *project, group string) (int, any, error) {
	if c.method == http.MethodDelete {
		p.SharedWithGroups = slices.DeleteFunc(p.SharedWithGroups, func(g api.ProjectSharedWithGroup) bool { return strconv.FormatInt(g.GroupID, 10) == group })
		return http.StatusNoContent, nil, nil
	}
	var in api.ShareWithGroupOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(s.groups, func(g *api.Group) bool { return g.ID == *in.GroupID })
	if i < 0 {
		return 0, nil, notFound("Group")
	}
	if slices.ContainsFunc(p.SharedWithGroups, func(g api.ProjectSharedWithGroup) bool { return g.GroupID == *in.GroupID }) {
		return 0, nil, fault{http.StatusConflict, "Group already shared with this group"}
	}
	p.SharedWithGroups = append(p.SharedWithGroups, api.ProjectSharedWithGroup{GroupID: *in.GroupID, GroupName: s.groups[i].Name,
		GroupFullPath: s.groups[i].FullPath, GroupAccessLevel: int64(*in.GroupAccess)})
	return http.StatusCreated, map[string]any{"id": s.id(), "project_id": p.ID, "group_id": *in.GroupID, "group_access": *in.GroupAccess}, nil
}

func level(l *api.AccessLevelValue, other api.AccessLevelValue) []*api.BranchAccessDescription {
	if l != nil {
		other = *l
	}
	return []*api.BranchAccessDescription{{ID: 1, AccessLevel: other}}
}

func (s *Server) protected(c *call, p *project, name string) (int, any, error) {
	i := slices.IndexFunc(p.branches, func(b *api.ProtectedBranch) bool { return b.Name == name })
	switch {
	case c.method == http.MethodGet && name == "":
		return http.StatusOK, page(c, p.branches), nil
	case c.method == http.MethodPost:
		var in api.ProtectRepositoryBranchesOptions
		if err := c.read(&in); err != nil {
			return 0, nil, err
		}
		if slices.ContainsFunc(p.branches, func(b *api.ProtectedBranch) bool { return b.Name == *in.Name }) {
			return 0, nil, fault{http.StatusConflict, "Protected branch '" + *in.Name + "' already exists"}
		}
		b := &api.ProtectedBranch{ID: s.id(), Name: *in.Name, PushAccessLevels: level(in.PushAccessLevel, api.MaintainerPermissions),
			MergeAccessLevels: level(in.MergeAccessLevel, api.MaintainerPermissions)}
		set(&b.AllowForcePush, in.AllowForcePush)
		if s.Premium {
			set(&b.CodeOwnerApprovalRequired, in.CodeOwnerApprovalRequired)
		}
		p.branches = append(p.branches, b)
		return http.StatusCreated, b, nil
	case i < 0:
		return 0, nil, notFound("")
	case c.method == http.MethodDelete:
		p.branches = slices.Delete(p.branches, i, i+1)
		return http.StatusNoContent, nil, nil
	case c.method == http.MethodPatch:
		var in api.UpdateProtectedBranchOptions
		if err := c.read(&in); err != nil {
			return 0, nil, err
		}
		set(&p.branches[i].AllowForcePush, in.AllowForcePush)
		if s.Premium {
			set(&p.branches[i].CodeOwnerApprovalRequired, in.CodeOwnerApprovalRequired)
		}
	}
	return http.StatusOK, p.branches[i], nil
}

func (s *Server) approvals(c *call, p *project, id string) (int, any, error) {
	if !s.Premium && s.Lists && c.method != http.MethodGet {
		return 0, nil, fault{http.StatusForbidden, "403 Forbidden"}
	}
	if !s.Premium && !s.Lists {
		return 0, nil, notFound("")
	}
	if c.method == http.MethodGet {
		return http.StatusOK, page(c, p.rules), nil
	}
	if c.method == http.MethodPost {
		var in api.CreateProjectLevelRuleOptions
		if err := c.read(&in); err != nil {
			return 0, nil, err
		}
		r := &api.ProjectApprovalRule{ID: s.id(), Name: *in.Name, RuleType: *in.RuleType, ApprovalsRequired: *in.ApprovalsRequired}
		p.rules = append(p.rules, r)
		return http.StatusCreated, r, nil
	}
	var in api.UpdateProjectLevelRuleOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	for _, r := range p.rules {
		if strconv.FormatInt(r.ID, 10) == id {
			set(&r.ApprovalsRequired, in.ApprovalsRequired)
			return http.StatusOK, r, nil
		}
	}
	return 0, nil, notFound("")
}

func (s *Server) environments(c *call, p *project) (int, any, error) {
	if c.method == http.MethodGet {
		return http.StatusOK, page(c, p.envs), nil
	}
	var in api.CreateEnvironmentOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	if slices.ContainsFunc(p.envs, func(e *api.Environment) bool { return e.Name == *in.Name }) {
		return 0, nil, fault{http.StatusBadRequest, map[string]any{"name": []string{"has already been taken"}}}
	}
	e := &api.Environment{ID: s.id(), Name: *in.Name, Slug: *in.Name, State: "available", CreatedAt: now()}
	p.envs = append(p.envs, e)
	return http.StatusCreated, e, nil
}

func (s *Server) inVariables(c *call, p *project, key string) (int, any, error) {
	if c.method == http.MethodGet {
		return http.StatusOK, page(c, p.variables), nil
	}
	if c.method == http.MethodPost {
		var in api.CreateProjectVariableOptions
		if err := c.read(&in); err != nil {
			return 0, nil, err
		}
		if slices.ContainsFunc(p.variables, func(v *api.ProjectVariable) bool {
			return v.Key == *in.Key && v.EnvironmentScope == *in.EnvironmentScope
		}) {
			return 0, nil, fault{http.StatusBadRequest, map[string]any{"key": []string{"(" + *in.Key + ") has already been taken"}}}
		}
		v := &api.ProjectVariable{Key: *in.Key, Value: *in.Value, VariableType: api.EnvVariableType, EnvironmentScope: *in.EnvironmentScope}
		return http.StatusCreated, v, s.fill(p, v, in.Value, in.Description, in.Masked, in.Protected, in.Raw)
	}
	if c.method == http.MethodDelete {
		scope := c.r.URL.Query().Get("filter[environment_scope]")
		i := slices.IndexFunc(p.variables, func(v *api.ProjectVariable) bool { return v.Key == key && v.EnvironmentScope == scope })
		if i < 0 {
			return 0, nil, notFound("Variable")
		}
		p.variables = slices.Delete(p.variables, i, i+1)
		return http.StatusNoContent, nil, nil
	}
	var in api.UpdateProjectVariableOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	for _, v := range p.variables {
		if v.Key == key && in.Filter != nil && v.EnvironmentScope == in.Filter.EnvironmentScope {
			return http.StatusOK, v, s.fill(p, v, in.Value, in.Description, in.Masked, in.Protected, in.Raw)
		}
	}
	return 0, nil, notFound("Variable")
}

// fill changes a variable, unless it cannot be masked.
func (s *Server) fill(p *project, v *api.ProjectVariable, value, description *string, masked, protected, raw *bool) error {
	if masked != nil && *masked && (len(*value) < 8 || strings.ContainsAny(*value, " \n\t") || s.OldMask && strings.ContainsAny(*value, "!$%&?")) {
		return fault{http.StatusBadRequest, map[string]any{"value": []string{"is invalid"}}}
	}
	set(&v.Value, value)
	set(&v.Description, description)
	set(&v.Masked, masked)
	set(&v.Protected, protected)
	set(&v.Raw, raw)
	if !slices.Contains(p.variables, v) {
		p.variables = append(p.variables, v)
	}
	return nil
}

// inRepository answers for branches, for files, and for the statuses of commits.
func (s *Server) inRepository(c *call, p *project, path []string) (int, any, error) {
	switch {
	case len(path) == 2 && path[0] == "branches":
		id := p.heads()[path[1]]
		if id == "" {
			return 0, nil, notFound("Branch")
		}
		return http.StatusOK, api.Branch{Name: path[1], Commit: &api.Commit{ID: id, ShortID: id[:8]}, Default: path[1] == p.DefaultBranch}, nil
	case len(path) == 3 && path[0] == "commits" && path[2] == "statuses":
		var all []*api.CommitStatus
		for _, st := range p.statuses {
			if name := c.r.URL.Query().Get("name"); st.SHA == path[1] && (name == "" || name == st.Name) {
				all = append(all, st)
			}
		}
		return http.StatusOK, page(c, all), nil
	case len(path) == 3 && path[0] == "files" && path[2] == "raw":
		tree, err := git.FS(c.r.Context(), p.dir, p.heads()[c.r.URL.Query().Get("ref")])
		if err != nil {
			return 0, nil, notFound("Commit")
		}
		data, err := fs.ReadFile(tree, path[1])
		if err != nil {
			return 0, nil, notFound("File")
		}
		return http.StatusOK, data, nil
	}
	return 0, nil, notFound("")
}

func (s *Server) tell(c *call, p *project, sha string) (int, any, error) {
	var in api.SetCommitStatusOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	if _, err := git.Run(c.r.Context(), git.Options{Dir: p.dir, Operands: []string{sha + "^{commit}"}}, "rev-parse", "--verify", "--quiet"); err != nil {
		return 0, nil, notFound("Commit")
	}
	for i, st := range p.statuses {
		if st.SHA != sha || st.Name != *in.Name {
			continue
		}
		if st.Status == string(in.State) {
			return 0, nil, fault{http.StatusBadRequest, "Cannot transition status via :enqueue from :" + st.Status + " (Reason(s): Status cannot transition via \"enqueue\")"}
		}
		p.statuses = slices.Delete(p.statuses, i, i+1)
		break
	}
	st := &api.CommitStatus{ID: s.id(), SHA: sha, Status: string(in.State), Name: *in.Name, CreatedAt: now()}
	set(&st.Description, in.Description)
	set(&st.TargetURL, in.TargetURL)
	p.statuses = append(p.statuses, st)
	return http.StatusCreated, st, nil
}

func (s *Server) inPipelines(c *call, p *project, path []string) (int, any, error) {
	if len(path) == 2 && path[1] == "jobs" {
		var all []*api.Job
		for _, l := range p.pipelines {
			if strconv.FormatInt(l.ID, 10) == path[0] {
				all = append(all, &api.Job{ID: s.id(), Name: "test", Stage: "test", Status: l.Status, CreatedAt: l.CreatedAt, StartedAt: l.CreatedAt, FinishedAt: l.UpdatedAt})
			}
		}
		return http.StatusOK, page(c, all), nil
	}
	var all []*api.PipelineInfo
	for _, l := range p.pipelines {
		if sha := c.r.URL.Query().Get("sha"); sha == "" || sha == l.SHA {
			all = append(all, l)
		}
	}
	return http.StatusOK, page(c, all), nil
}

func (s *Server) inMerges(c *call, p *project) (int, any, error) {
	if c.method == http.MethodGet {
		all := slices.Clone(p.merges)
		slices.Reverse(all)
		return http.StatusOK, page(c, all), nil
	}
	var in api.CreateMergeRequestOptions
	if err := c.read(&in); err != nil {
		return 0, nil, err
	}
	for _, m := range p.merges {
		if m.SourceBranch == *in.SourceBranch && m.TargetBranch == *in.TargetBranch {
			return 0, nil, fault{http.StatusConflict, []string{"Another open merge request already exists for this source branch: !" + strconv.FormatInt(m.IID, 10)}}
		}
	}
	n := int64(len(p.merges) + 1)
	m := &api.BasicMergeRequest{ID: s.id(), IID: n, ProjectID: p.ID, Title: *in.Title, Description: *in.Description, SourceBranch: *in.SourceBranch,
		TargetBranch: *in.TargetBranch, State: "opened", Author: &api.BasicUser{ID: c.user.id, Username: c.user.Name}, CreatedAt: now(),
		WebURL: p.WebURL + "/-/merge_requests/" + strconv.FormatInt(n, 10)}
	p.merges = append(p.merges, m)
	return http.StatusCreated, api.MergeRequest{BasicMergeRequest: *m}, nil
}
