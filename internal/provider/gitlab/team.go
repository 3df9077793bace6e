package gitlab

import (
	"context"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
)

// Levels are what a group that a project is shared with may do there.
var levels = map[string]gitlab.AccessLevelValue{"read": gitlab.ReporterPermissions, "write": gitlab.DeveloperPermissions, "admin": gitlab.MaintainerPermissions}

func role(level int64) string {
	switch l := gitlab.AccessLevelValue(level); {
	case l >= gitlab.MaintainerPermissions:
		return "admin"
	case l >= gitlab.DeveloperPermissions:
		return "write"
	case l >= gitlab.ReporterPermissions:
		return "read"
	}
	return ""
}

// places are the groups that a team's name may mean: one in the group, one beside it or
// beside a group that it is in, and the path itself.
func (h *Host) places(team string) []string {
	var out []string
	for at := h.org; at != ""; at = parent(at) {
		out = append(out, at+"/"+team)
	}
	return append(out, team)
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

// Grants are the roles of groups that the project is shared with, by path and by the
// name that a team of pave would have.
func (h *Host) Grants(ctx context.Context, name string) (map[string]string, error) {
	p, err := h.project(ctx, name)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, g := range p.SharedWithGroups {
		may := role(g.GroupAccessLevel)
		if may == "" {
			continue
		}
		out[g.GroupFullPath] = may
		short := g.GroupFullPath[strings.LastIndexByte(g.GroupFullPath, '/')+1:]
		for _, place := range h.places(short) {
			if place == g.GroupFullPath {
				out[short] = may
			}
		}
	}
	return out, nil
}

// CheckTeam looks for a group that a project can be shared with.
func (h *Host) CheckTeam(ctx context.Context, team, _ string) error {
	_, err := h.sharable(ctx, team)
	return err
}

// Grant shares the project with a group.
func (h *Host) Grant(ctx context.Context, name, team, wanted string) error {
	g, err := h.sharable(ctx, team)
	if err != nil {
		return err
	}
	has, err := h.Grants(ctx, name)
	if err != nil {
		return err
	}
	level, is := levels[wanted], has[g.FullPath]
	if is != "" && levels[is] >= level {
		return nil
	}
	if is != "" {
		_, err := h.api.Projects.DeleteSharedProjectFromGroup(h.path(name), g.ID, with(ctx))
		if err = h.failed("share "+h.path(name)+" with "+g.FullPath, err); err != nil && pave.CodeOf(err) != pave.NotFound {
			return err
		}
	}
	_, err = h.api.Projects.ShareProjectWithGroup(h.path(name), &gitlab.ShareWithGroupOptions{GroupID: &g.ID, GroupAccess: &level}, with(ctx))
	if err = h.failed("share "+h.path(name)+" with "+g.FullPath, err); err != nil && pave.CodeOf(err) != pave.Conflict {
		return err
	}
	// Another call may have been faster, and of an answer nothing is read: look.
	if has, err = h.Grants(ctx, name); err == nil && has[g.FullPath] == "" {
		err = pave.Errorf(pave.Unavailable, "%s does not show that %s is shared with %s", h.base.Host, h.path(name), g.FullPath)
	}
	return err
}

// Revoke ends that the project is shared with a group.
func (h *Host) Revoke(ctx context.Context, name, team string) error {
	g, err := h.team(ctx, team)
	if err == nil {
		_, err = h.api.Projects.DeleteSharedProjectFromGroup(h.path(name), g.ID, with(ctx))
		err = h.failed("share "+h.path(name)+" with "+g.FullPath, err)
	}
	if pave.CodeOf(err) == pave.NotFound {
		return nil
	}
	return err
}

// sharable finds the group of a team that a project can be shared with.
func (h *Host) sharable(ctx context.Context, team string) (*gitlab.Group, error) {
	g, err := h.team(ctx, team)
	if err == nil && strings.HasPrefix(h.org+"/", g.FullPath+"/") {
		err = pave.Errorf(pave.Invalid, "group %s holds %s: its members have what they may there already", g.FullPath, h.org).
			WithHint("name a group beside it, --set teams=%s=PATH, or none: --set teams=none", team)
	}
	return g, err
}

// team finds the group of a team.
func (h *Host) team(ctx context.Context, team string) (*gitlab.Group, error) {
	places := h.places(team)
	for _, path := range places {
		g, err := h.findGroup(ctx, path)
		if err == nil || pave.CodeOf(err) != pave.NotFound {
			return g, err
		}
	}
	return nil, pave.Errorf(pave.NotFound, "there is no group for team %s: none of %s", team, strings.Join(places, ", ")).
		WithHint("make the group, or name another: --set teams=%s=PATH", team)
}

// Owners is the file of those who own the code, and how a group is written in it.
func (h *Host) Owners(team string) (file, owner string) {
	if !strings.Contains(team, "/") {
		team = h.org + "/" + team
	}
	return ".gitlab/CODEOWNERS", "@" + team
}
