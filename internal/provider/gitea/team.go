package gitea

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// team has one permission for all its repositories.
type team struct {
	Name       string            `json:"name"`
	Permission string            `json:"permission"`
	Units      map[string]string `json:"units_map"`
}

// role is what a team may do with the code of its repositories.
func (t team) role() string {
	may := t.Permission
	if may == "none" || may == "" { // by unit
		may = t.Units["repo.code"]
	}
	if may == "owner" {
		return "admin"
	}
	return may
}

var ranks = map[string]int{"read": 1, "write": 2, "admin": 3}

// Grants are the roles of teams at a repository.
func (h *Host) Grants(ctx context.Context, name string) (map[string]string, error) {
	var teams []team // the server has no pages of them
	if err := h.get(ctx, h.repo(name, "teams"), nil, &teams); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, t := range teams {
		if ranks[t.role()] > 0 {
			out[t.Name] = t.role()
		}
	}
	return out, nil
}

// Grant gives a team the repository. What the team may do there is the team's own: it
// is Invalid to ask for more.
func (h *Host) Grant(ctx context.Context, name, wanted, role string) error {
	t, err := h.fitting(ctx, wanted, role)
	if err != nil {
		return err
	}
	has, err := h.Grants(ctx, name)
	if err != nil || has[t.Name] != "" {
		return err
	}
	return h.call(ctx, http.MethodPut, h.repo(name, "teams", t.Name), nil, nil)
}

// Revoke takes the repository from a team. A server refuses where it has none.
func (h *Host) Revoke(ctx context.Context, name, team string) error {
	has, err := h.Grants(ctx, name)
	if err != nil || !slices.ContainsFunc(slices.Collect(maps.Keys(has)), func(t string) bool { return strings.EqualFold(t, team) }) {
		return err
	}
	return h.drop(ctx, h.repo(name, "teams", team))
}

// CheckTeam looks for a team that has the role.
func (h *Host) CheckTeam(ctx context.Context, wanted, role string) error {
	_, err := h.fitting(ctx, wanted, role)
	return err
}

// fitting finds a team whose permission is that of the role, or more.
func (h *Host) fitting(ctx context.Context, wanted, role string) (team, error) {
	t, err := h.team(ctx, wanted)
	if err == nil && ranks[t.role()] < ranks[role] {
		err = pave.Errorf(pave.Invalid, "team %s of %s may %s at most, not %s: here a team has one permission for all its repositories",
			t.Name, h.org, or(t.role(), "see nothing"), role).WithHint("change the team's permission, or name another team: --set teams=%s=NAME", wanted)
	}
	return t, err
}

// team finds a team of the organisation by its name.
func (h *Host) team(ctx context.Context, name string) (team, error) {
	teams, err := list[team](ctx, h.api, join("orgs", h.org, "teams"))
	if err != nil {
		return team{}, err
	}
	var known []string
	for _, t := range teams {
		if strings.EqualFold(t.Name, name) {
			return t, nil
		}
		known = append(known, t.Name)
	}
	hint := "make the team there, or name another one: --set teams=" + name + "=NAME"
	if near := pave.DidYouMean(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return team{}, pave.Errorf(pave.NotFound, "organisation %s has no team %q", h.org, name).WithHint("%s", hint)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Owners is the file of those who own the code, and how a team is written in it.
func (h *Host) Owners(team string) (file, owner string) {
	return ".gitea/CODEOWNERS", "@" + h.org + "/" + team
}
