package github

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	api "github.com/google/go-github/v92/github"

	"github.com/pave-platform/pave"
)

// A need is a permission that a binding wants, for what, and how it is named by Apps
// and fine-grained tokens, and by classic tokens.
type need struct {
	permission string // as the API has it
	level      string // read or write
	title      string // as the page of GitHub has it
	scope      string // of a classic token
	probe      string // a path under repos/ORG/NAME/ or orgs/ORG/ that only who has it may read
	unless     func(setting func(string) string) bool
	gives      bool // whatever the settings say, where pipelines are given secrets of an environment
}

// needs are all permissions, those of the organisation last. delete_repo is not among
// them: without it what is deleted stays, archived.
var needs = []need{
	{permission: "administration", level: "write", title: "Administration", scope: "repo", probe: "branches/main/protection"},
	{permission: "contents", level: "write", title: "Contents", scope: "repo", probe: "commits?per_page=1"},
	{permission: "workflows", level: "write", title: "Workflows", scope: "workflow"},
	{permission: "pull_requests", level: "write", title: "Pull requests", scope: "repo", probe: "pulls?per_page=1"},
	{permission: "statuses", level: "write", title: "Commit statuses", scope: "repo:status"},
	{permission: "actions", level: "read", title: "Actions", scope: "repo", probe: "actions/runs?per_page=1"},
	{permission: "repository_hooks", level: "write", title: "Webhooks", scope: "admin:repo_hook", probe: "hooks?per_page=1"},
	{permission: "secrets", level: "write", title: "Secrets", scope: "repo", probe: "actions/secrets?per_page=1"},
	{permission: "actions_variables", level: "write", title: "Variables", scope: "repo", probe: "actions/variables?per_page=1", gives: true,
		unless: func(setting func(string) string) bool { return setting("variables") == "" }},
	{permission: "environments", level: "write", title: "Environments", scope: "repo", probe: "environments?per_page=1", gives: true,
		unless: func(setting func(string) string) bool { return setting("environments") == "false" }},
	{permission: "members", level: "read", title: "Members (of the organisation)", scope: "read:org", probe: "teams?per_page=1",
		unless: func(setting func(string) string) bool { return setting("teams") == "none" }},
}

// needs are those of the binding; gives: pipelines are given secrets too.
func (h *host) needs(gives bool) []need {
	return slices.DeleteFunc(slices.Clone(needs), func(n need) bool {
		return n.unless != nil && !(gives && n.gives) && n.unless(func(name string) string { return h.settings[name] })
	})
}

// Check says by name which permission is missing. It only reads.
func (h *host) Check(ctx context.Context) []pave.Check {
	return h.check(ctx, "github permissions", h.needs(false))
}

// CheckPipelines does so for a binding whose pipelines are given secrets.
func (h *host) CheckPipelines(ctx context.Context) []pave.Check {
	return h.check(ctx, "github permissions, with pipelines", h.needs(true))
}

func (h *host) check(ctx context.Context, name string, wants []need) []pave.Check {
	sign := pave.Check{Name: "github sign-in", Fix: "pave bind default repository github --secret token"}
	lacks, detail, err := h.permissions(ctx, wants)
	if err != nil {
		sign.Detail = err.Error()
		if hint := pave.HintOf(err); hint != "" {
			sign.Fix = hint
		}
		return []pave.Check{sign}
	}
	sign.OK, sign.Detail, sign.Fix = true, detail, ""
	may := pave.Check{Name: name, OK: len(lacks) == 0, Detail: "all that are needed"}
	if !may.OK {
		may.Detail = "missing: " + strings.Join(lacks, ", ")
		may.Fix = "give these to the App or token, then try again; docs/github.md says what each is for"
	}
	return []pave.Check{sign, may}
}

// permissions are those that are missing, by the kind of sign-in.
func (h *host) permissions(ctx context.Context, wants []need) (lacks []string, detail string, err error) {
	if a, ok := h.login.(*app); ok {
		return h.ofApp(ctx, a, wants)
	}
	me, resp, err := h.Users.Get(ctx, "")
	if err != nil {
		return nil, "", problem("sign in", err)
	}
	if _, _, err := h.Organizations.Get(ctx, h.org); err != nil {
		err = problem("look at organisation "+h.org, err)
		if pave.CodeOf(err) == pave.NotFound {
			err = pave.Errorf(pave.Invalid, "there is no organisation %s that %s can see", h.org, me.GetLogin()).WithHint("--set org=NAME; a person's own account cannot be bound")
		}
		return nil, "", err
	}
	if scopes := resp.Header.Values("X-Oauth-Scopes"); len(scopes) > 0 {
		lacks, deletes := ofScopes(strings.Join(scopes, ","), wants)
		detail = "classic token of " + me.GetLogin()
		if !deletes {
			detail += "; it may not delete (delete_repo): what is deleted stays, archived"
		}
		return lacks, detail, nil
	}
	lacks, err = h.probe(ctx, wants)
	return lacks, "fine-grained token of " + me.GetLogin(), err
}

// ofApp reads what the organisation allowed the App.
func (h *host) ofApp(ctx context.Context, a *app, wants []need) (lacks []string, detail string, err error) {
	got, _, err := a.Apps.GetInstallation(ctx, a.installation)
	if err != nil {
		err = problem("look at the installation of App "+a.id, err)
		if pave.CodeOf(err) == pave.NotFound {
			err = pave.Errorf(pave.Invalid, "App %s has no installation %d", a.id, a.installation).WithHint("--set installation_id=N: the number at the end of the address of its settings")
		}
		return nil, "", err
	}
	if login := got.GetAccount().GetLogin(); !strings.EqualFold(login, h.org) {
		return nil, "", pave.Errorf(pave.Invalid, "installation %d is of %s, not of %s", a.installation, login, h.org).WithHint("--set org=%s, or another installation_id", login)
	}
	if !got.GetSuspendedAt().IsZero() {
		return nil, "", pave.Errorf(pave.Denied, "installation %d of App %s is suspended", a.installation, a.id).WithHint("an owner of %s lifts that", h.org)
	}
	if _, err := a.token(ctx); err != nil {
		return nil, "", err
	}
	has := map[string]string{}
	text, err := json.Marshal(got.Permissions)
	if err == nil {
		err = json.Unmarshal(text, &has)
	}
	for _, n := range wants {
		if level := has[n.permission]; level != "write" && level != "admin" && level != n.level {
			lacks = append(lacks, n.title+": "+n.level)
		}
	}
	return lacks, "App " + got.GetAppSlug(), err
}

// implied are scopes that a scope has in it.
var implied = map[string][]string{"repo": {"repo:status"}, "admin:repo_hook": {"write:repo_hook"},
	"admin:org": {"write:org", "read:org"}, "write:org": {"read:org"}}

// ofScopes compares with the scopes of a classic token.
func ofScopes(scopes string, wants []need) (lacks []string, deletes bool) {
	has := map[string]bool{}
	for s := range strings.SplitSeq(scopes, ",") {
		has[strings.TrimSpace(s)] = true
		for _, more := range implied[strings.TrimSpace(s)] {
			has[more] = true
		}
	}
	for _, n := range wants {
		if !has[n.scope] && !slices.Contains(lacks, n.scope) {
			lacks = append(lacks, n.scope)
		}
	}
	return lacks, has["delete_repo"]
}

// probe reads what only those with a permission may read: a fine-grained token does not
// say what it may. That it may write too only shows when it does.
func (h *host) probe(ctx context.Context, wants []need) (lacks []string, err error) {
	some, _, err := h.Repositories.ListByOrg(ctx, h.org, &api.RepositoryListByOrgOptions{Sort: "pushed", ListOptions: api.ListOptions{PerPage: 1}})
	if err != nil {
		return nil, problem("list repositories of "+h.org, err)
	}
	for _, n := range wants {
		path := "orgs/" + h.org + "/" + n.probe
		if n.permission != "members" {
			if len(some) == 0 {
				continue
			}
			path = "repos/" + h.org + "/" + some[0].GetName() + "/" + n.probe
		}
		if n.probe == "" {
			continue
		}
		req, err := h.NewRequest(ctx, http.MethodGet, path, nil)
		if err == nil {
			_, err = h.Do(req, nil)
		}
		switch err = problem("ask for "+n.title, err); pave.CodeOf(err) {
		case "", pave.NotFound, pave.Conflict: // may be read, and nothing is there
		case pave.Denied:
			lacks = append(lacks, n.title+": "+n.level)
		default:
			return lacks, err
		}
	}
	return lacks, nil
}
