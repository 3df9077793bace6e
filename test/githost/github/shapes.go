package github

import (
	"strconv"
	"strings"
	"time"
)

const stamp = "2026-01-02T03:04:05Z"

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// repoURLs are the addresses that a repository is shown with.
const repoURLs = "archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads events " +
	"forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges milestones notifications pulls " +
	"releases stargazers statuses subscribers subscription tags teams trees"

func (s *Server) repoJSON(r *repository) map[string]any {
	api, page := s.URL+"/api/v3/repos/"+Org+"/"+r.name, s.URL+"/"+Org+"/"+r.name
	out := map[string]any{"id": r.id, "node_id": "R_" + strconv.FormatInt(r.id, 10), "name": r.name, "full_name": Org + "/" + r.name,
		"private": r.visibility != "public", "visibility": r.visibility, "owner": s.userJSON(Org, "Organization"), "html_url": page,
		"description": r.description, "fork": false, "url": api, "clone_url": page + ".git", "git_url": "git://host/" + r.name,
		"ssh_url": "git@host:" + r.name, "svn_url": page, "mirror_url": nil, "homepage": nil, "language": nil, "license": nil,
		"forks": 0, "forks_count": 0, "stargazers_count": 0, "watchers": 0, "watchers_count": 0, "size": 1, "default_branch": r.defaultBranch,
		"open_issues": 0, "open_issues_count": 0, "topics": append([]string{}, r.topics...), "has_issues": true, "has_projects": true,
		"has_wiki": true, "has_pages": false, "has_downloads": true, "has_discussions": false, "archived": r.archived, "disabled": false,
		"pushed_at": stamp, "created_at": when(r.made), "updated_at": when(r.made), "network_count": 0, "subscribers_count": 0}
	if r.language != "" {
		out["language"] = r.language
	}
	for name := range strings.SplitSeq(repoURLs, " ") {
		out[name+"_url"] = api + "/" + name
	}
	return out
}

func (s *Server) userJSON(login, kind string) map[string]any {
	out := map[string]any{"login": login, "id": 1, "node_id": "U_1", "gravatar_id": "", "type": kind, "site_admin": false,
		"url": s.URL + "/api/v3/users/" + login, "avatar_url": s.URL + "/avatars/1", "html_url": s.URL + "/" + login}
	for name := range strings.SplitSeq("followers following gists starred subscriptions organizations repos events received_events", " ") {
		out[name+"_url"] = s.URL + "/api/v3/users/" + login + "/" + name
	}
	return out
}

func (s *Server) teamJSON(slug, permission string) map[string]any {
	url := s.URL + "/api/v3/organizations/1/team/" + slug
	return map[string]any{"id": 5, "node_id": "T_5", "name": slug, "slug": slug, "description": "", "privacy": "closed",
		"notification_setting": "notifications_enabled", "permission": permission, "url": url, "html_url": s.URL + "/orgs/" + Org + "/teams/" + slug,
		"members_url": url + "/members{/member}", "repositories_url": url + "/repos", "parent": nil, "type": "organization", "organization_id": 1}
}
