package gitea

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave/internal/git"
)

// repo is a repository of the server.
type repo struct {
	id          int64
	name, dir   string
	description string
	branch      string
	private     bool
	archived    bool
	topics      []string
	made        time.Time
	rules       []map[string]any
	teams       []int64
	secrets     map[string]bool
	variables   map[string]string
	hooks       []*hook
	statuses    []map[string]any
	runs        []run
	pulls       []map[string]any
}

type team struct {
	ID         int64
	Name       string
	Permission string
	All        bool // it has all repositories
}

type run struct {
	ID         int64
	SHA        string
	Workflow   string
	Status     string
	Conclusion string
	At         time.Time
}

var (
	namePattern   = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,100}$`)
	commitPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)
	topicPattern  = regexp.MustCompile(`^[a-z0-9][-.a-z0-9]{0,34}$`)
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// context is that of work that no caller may cut off.
func (s *Server) context() context.Context { return context.Background() }

// read fills out from the body of a call, which may say nothing that is not known.
func read(body []byte, out any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return fault{http.StatusUnprocessableEntity, "[]: " + err.Error()}
	}
	return nil
}

func (s *Server) create(body []byte) (int, any, error) {
	var in struct {
		Name, Description string
		Private           bool
		AutoInit          bool   `json:"auto_init"`
		DefaultBranch     string `json:"default_branch"`
	}
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	if !namePattern.MatchString(in.Name) || strings.HasSuffix(in.Name, ".git") {
		return 0, nil, fault{http.StatusUnprocessableEntity, "[Name]: AlphaDashDot"}
	}
	if s.repos[in.Name] != nil {
		return 0, nil, fault{http.StatusConflict, "The repository with the same name already exists."}
	}
	dir, err := s.folder()
	if err != nil {
		return 0, nil, fault{http.StatusInternalServerError, err.Error()}
	}
	if in.DefaultBranch == "" {
		in.DefaultBranch = "main"
	}
	r := &repo{id: s.id(), name: in.Name, dir: dir, description: in.Description, branch: in.DefaultBranch, private: in.Private, made: now(),
		secrets: map[string]bool{}, variables: map[string]string{}}
	s.repos[in.Name] = r
	delete(s.moved, in.Name)
	return http.StatusCreated, r.json(s), nil
}

// repository answers calls of one repository.
func (s *Server) repository(w http.ResponseWriter, req *http.Request, path []string, body []byte) (int, any, error) {
	if len(path) < 2 || path[0] != s.Org {
		return 0, nil, notFound
	}
	r := s.repos[path[1]]
	if to := s.moved[path[1]]; r == nil && s.repos[to] != nil {
		return 0, nil, fault{http.StatusMovedPermanently, strings.Replace(req.URL.Path, "/"+path[1], "/"+to, 1)}
	}
	if r == nil {
		return 0, nil, notFound
	}
	if len(path) > 2 {
		return s.part(w, req, r, path[2:], body)
	}
	switch req.Method {
	case http.MethodGet:
		return http.StatusOK, r.json(s), nil
	case http.MethodPatch:
		return s.edit(r, body)
	case http.MethodDelete:
		delete(s.repos, r.name)
		return http.StatusNoContent, nil, nil
	}
	return 0, nil, fault{http.StatusMethodNotAllowed, ""}
}

func (s *Server) edit(r *repo, body []byte) (int, any, error) {
	var in struct {
		Name, Description *string
		Private, Archived *bool
		DefaultBranch     *string `json:"default_branch"`
	}
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	if in.Name != nil && *in.Name != r.name {
		if s.repos[*in.Name] != nil {
			return 0, nil, fault{http.StatusUnprocessableEntity, fmt.Sprintf("repository already exists [uname: %s, name: %s]", s.Org, *in.Name)}
		}
		if !namePattern.MatchString(*in.Name) {
			return 0, nil, fault{http.StatusUnprocessableEntity, "[Name]: AlphaDashDot"}
		}
		delete(s.repos, r.name)
		s.moved[r.name] = *in.Name
		r.name = *in.Name
		s.repos[r.name] = r
		delete(s.moved, r.name)
	}
	if in.DefaultBranch != nil && (len(r.heads()) == 0 || r.heads()[*in.DefaultBranch] != "") {
		r.branch = *in.DefaultBranch
	}
	set(&r.description, in.Description)
	set(&r.private, in.Private)
	set(&r.archived, in.Archived)
	return http.StatusOK, r.json(s), nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// heads are the commits of branches.
func (r *repo) heads() map[string]string {
	out, _ := git.Run(context.Background(), git.Options{Dir: r.dir}, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
	heads := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		heads[name] = id
	}
	return heads
}

// Workflows are the files that the server would run for what main of a repository holds:
// those in the first of its folders that is there, however deep. Forgejo has one more.
func (s *Server) Workflows(name string) ([]string, error) {
	r := &repo{dir: s.Dir(name)}
	tree, err := git.FS(s.context(), r.dir, r.heads()["main"])
	if err != nil || !s.Actions {
		return nil, err
	}
	folders := []string{".gitea/workflows", ".github/workflows"}
	if strings.Contains(s.Version, "+gitea-") {
		folders = slices.Insert(folders, 0, ".forgejo/workflows")
	}
	for _, dir := range folders {
		var out []string
		err := fs.WalkDir(tree, dir, func(file string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (strings.HasSuffix(file, ".yml") || strings.HasSuffix(file, ".yaml")) {
				out = append(out, file)
			}
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			return out, err
		}
	}
	return nil, nil
}

// file is one of a branch or a commit, as it is; where neither is there, of the default
// branch, as real ones have it.
func (r *repo) file(ref, path string) (int, any, error) {
	heads := r.heads()
	commit := cmp.Or(heads[ref], heads[r.branch])
	if commitPattern.MatchString(ref) {
		commit = ref
	}
	tree, err := git.FS(context.Background(), r.dir, commit)
	if err != nil {
		return 0, nil, notFound
	}
	data, err := fs.ReadFile(tree, path)
	if err != nil {
		return 0, nil, notFound
	}
	return http.StatusOK, data, nil
}

func (r *repo) json(s *Server) map[string]any {
	page := s.URL + "/" + s.Org + "/" + r.name
	api := s.URL + "/api/v1/repos/" + s.Org + "/" + r.name
	out := map[string]any{
		"id": r.id, "owner": userJSON(s.URL, 2, s.Org), "name": r.name, "full_name": s.Org + "/" + r.name, "description": r.description,
		"empty": len(r.heads()) == 0, "private": r.private, "fork": false, "template": false, "mirror": false, "size": 24, "language": "",
		"languages_url": api + "/languages", "html_url": page, "url": api, "link": "", "ssh_url": "git@localhost:" + s.Org + "/" + r.name + ".git",
		"clone_url": page + ".git", "original_url": "", "website": "", "default_branch": r.branch, "archived": r.archived,
		"created_at": r.made, "updated_at": r.made, "archived_at": time.Unix(0, 0).UTC(), "mirror_updated": time.Time{},
		"permissions": map[string]any{"admin": true, "push": true, "pull": true}, "internal": false, "mirror_interval": "",
		"internal_tracker":    map[string]any{"enable_time_tracker": true, "allow_only_contributors_to_track_time": true, "enable_issue_dependencies": true},
		"default_merge_style": "merge", "projects_mode": "all", "object_format_name": "sha1", "avatar_url": "", "topics": append([]string{}, r.topics...), "licenses": []string{},
	}
	for _, key := range []string{"stars_count", "forks_count", "watchers_count", "branch_count", "open_issues_count", "open_pr_counter", "release_counter"} {
		out[key] = 0
	}
	for _, key := range []string{"has_code", "has_issues", "has_wiki", "has_pull_requests", "has_projects", "has_releases", "has_packages", "has_actions",
		"allow_merge_commits", "allow_rebase", "allow_rebase_explicit", "allow_squash_merge", "allow_fast_forward_only_merge", "allow_rebase_update",
		"default_allow_maintainer_edit"} {
		out[key] = true
	}
	for _, key := range []string{"ignore_whitespace_conflicts", "allow_manual_merge", "autodetect_manual_merge", "default_delete_branch_after_merge"} {
		out[key] = false
	}
	out["has_actions"] = s.Actions
	return out
}

func userJSON(url string, id int, login string) map[string]any {
	return map[string]any{"id": id, "login": login, "login_name": "", "source_id": 0, "full_name": "", "email": "", "avatar_url": url + "/avatars/x",
		"html_url": url + "/" + login, "language": "", "is_admin": false, "last_login": time.Time{}, "created": now(), "restricted": false,
		"active": true, "prohibit_login": false, "location": "", "website": "", "description": "", "visibility": "public",
		"followers_count": 0, "following_count": 0, "starred_repos_count": 0, "username": login}
}

func orgJSON(url, name string) map[string]any {
	return map[string]any{"id": 2, "name": name, "full_name": "", "email": "", "avatar_url": url + "/avatars/x", "description": "", "website": "",
		"location": "", "visibility": "public", "repo_admin_change_team_access": false, "username": name}
}

// json of a team that is no owner says its permission by unit, as newer servers do.
func (t *team) json() map[string]any {
	units, names, said := map[string]string{}, []string{}, "none"
	for _, u := range []string{"repo.code", "repo.pulls", "repo.issues", "repo.actions"} {
		units[u] = t.Permission
		names = append(names, u)
	}
	if t.Permission == "owner" || t.Permission == "admin" {
		said = t.Permission
	}
	return map[string]any{"id": t.ID, "name": t.Name, "description": "", "organization": nil, "includes_all_repositories": t.All,
		"permission": said, "units": names, "units_map": units, "can_create_org_repo": t.All}
}
