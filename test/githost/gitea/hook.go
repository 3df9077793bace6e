package gitea

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// hook is a webhook. Its secret is taken once, when it is made.
type hook struct {
	id      int64
	url     string
	secret  string
	active  bool
	events  []string
	content string
}

func (h *hook) json() map[string]any {
	return map[string]any{"id": h.id, "name": "", "type": "gitea", "branch_filter": "", "authorization_header": "", "active": h.active, "events": h.events,
		"config": map[string]any{"url": h.url, "content_type": h.content}, "created_at": now(), "updated_at": now()}
}

func (s *Server) hooks(w http.ResponseWriter, req *http.Request, r *repo, id string, body []byte) (int, any, error) {
	i := slices.IndexFunc(r.hooks, func(h *hook) bool { return strconv.FormatInt(h.id, 10) == id })
	switch {
	case req.Method == http.MethodGet && id == "":
		var all []any
		for _, h := range r.hooks {
			all = append(all, h.json())
		}
		return http.StatusOK, page(w, req, all), nil
	case req.Method != http.MethodPost && i < 0:
		return 0, nil, notFound
	case req.Method == http.MethodGet:
		return http.StatusOK, r.hooks[i].json(), nil
	case req.Method == http.MethodDelete:
		r.hooks = slices.Delete(r.hooks, i, i+1)
		return http.StatusNoContent, nil, nil
	}
	var in struct {
		Type   string
		Active bool
		Events []string
		Config map[string]string
	}
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	h := &hook{id: s.id()}
	if req.Method == http.MethodPatch {
		h = r.hooks[i]
	} else {
		if in.Type != "gitea" || in.Config["url"] == "" || in.Config["content_type"] == "" {
			return 0, nil, fault{http.StatusUnprocessableEntity, "Missing config option"}
		}
		h.secret = in.Config["secret"]
		r.hooks = append(r.hooks, h)
	}
	h.active, h.events, h.url, h.content = in.Active, in.Events, in.Config["url"], in.Config["content_type"]
	status := http.StatusCreated
	if req.Method == http.MethodPatch {
		status = http.StatusOK
	}
	return status, h.json(), nil
}

func (s *Server) authorize(r *http.Request, name string, write bool) (string, error) {
	_, password, _ := r.BasicAuth()
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[password]
	level := http.MethodGet
	if write {
		level = http.MethodPost
	}
	if !ok || scoped(u, level, "repos") != nil {
		return u.Login, pave.Errorf(pave.Denied, "Unauthorized")
	}
	if to := s.repos[name]; to != nil && to.archived && write {
		return u.Login, pave.Errorf(pave.Denied, "This repo is archived. You can view files and clone it, but cannot push")
	}
	return u.Login, nil
}

func (s *Server) open(_ context.Context, name string) (string, error) {
	if dir := s.Dir(name); dir != "" {
		return dir, nil
	}
	return "", pave.Errorf(pave.NotFound, "Repository not found")
}

// push serves git, and calls the webhooks of what was pushed.
func (s *Server) push(w http.ResponseWriter, r *http.Request, name string) {
	s.mu.Lock()
	to := s.repos[name]
	var before map[string]string
	if to != nil {
		before = to.heads()
	}
	s.mu.Unlock()
	s.git.ServeHTTP(w, r)
	if to == nil || !strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
		return
	}
	s.mu.Lock()
	after, hooks := to.heads(), slices.Clone(to.hooks)
	s.mu.Unlock()
	for branch, id := range after {
		if before[branch] != id {
			for _, h := range hooks {
				if h.active && slices.Contains(h.events, "push") {
					_ = h.call("push", map[string]any{"ref": "refs/heads/" + branch, "before": before[branch], "after": id}) // who is not there hears nothing
				}
			}
		}
	}
}

// call sends an event as a server does.
func (h *hook) call(event string, payload map[string]any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(h.secret))
	mac.Write(body)
	maps.Copy(r.Header, http.Header{"Content-Type": {"application/json"}, "X-Gitea-Delivery": {rand.Text()}, "X-Gitea-Event": {event},
		"X-Gitea-Signature": {hex.EncodeToString(mac.Sum(nil))}})
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func (s *Server) tell(method string, r *repo, sha string, body []byte) (int, any, error) {
	if method != http.MethodPost {
		return 0, nil, notFound
	}
	var in struct {
		Context, State, Description string
		TargetURL                   string `json:"target_url"`
	}
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	if _, err := git.Run(s.context(), git.Options{Dir: r.dir, Operands: []string{sha + "^{commit}"}}, "rev-parse", "--verify", "--quiet"); err != nil {
		return 0, nil, fault{http.StatusInternalServerError, "GetCommit[" + sha + "]: object does not exist"}
	}
	st := map[string]any{"id": s.id(), "status": in.State, "target_url": in.TargetURL, "description": in.Description, "url": s.URL, "context": in.Context,
		"creator": userJSON(s.URL, 1, "ann"), "created_at": now(), "updated_at": now(), "sha": sha}
	r.statuses = append(r.statuses, st)
	return http.StatusCreated, withoutSHA(st), nil
}

func withoutSHA(st map[string]any) map[string]any {
	st = maps.Clone(st)
	delete(st, "sha")
	return st
}

// told is the newest status of each context at a commit.
func (s *Server) told(r *repo, path []string) (int, any, error) {
	if len(path) != 2 || path[1] != "status" {
		return 0, nil, notFound
	}
	latest := map[string]map[string]any{}
	for _, st := range r.statuses {
		if st["sha"] == path[0] {
			latest[st["context"].(string)] = st
		}
	}
	all, state := []any{}, ""
	for _, key := range sortedKeys(latest) {
		all = append(all, withoutSHA(latest[key]))
		state = latest[key]["status"].(string)
	}
	return http.StatusOK, map[string]any{"state": state, "sha": path[0], "total_count": len(all), "statuses": all, "repository": r.json(s),
		"commit_url": "", "url": s.URL}, nil
}

func (s *Server) proposals(w http.ResponseWriter, req *http.Request, r *repo, body []byte) (int, any, error) {
	if len(r.heads()) == 0 {
		return 0, nil, notFound // as a real one answers for what is empty
	}
	if req.Method == http.MethodGet {
		all := []any{}
		for _, p := range slices.Backward(r.pulls) {
			all = append(all, p)
		}
		return http.StatusOK, page(w, req, all), nil
	}
	var in struct{ Head, Base, Title, Body string }
	if err := read(body, &in); err != nil {
		return 0, nil, err
	}
	for _, p := range r.pulls {
		if p["head"].(map[string]any)["ref"] == in.Head && p["base"].(map[string]any)["ref"] == in.Base {
			return 0, nil, fault{http.StatusConflict, "pull request already exists for these targets"}
		}
	}
	if r.heads()[in.Head] == "" || r.heads()[in.Base] == "" {
		return 0, nil, notFound
	}
	n := len(r.pulls) + 1
	p := map[string]any{"id": s.id(), "number": n, "title": in.Title, "body": in.Body, "state": "open", "user": userJSON(s.URL, 1, "ann"),
		"html_url": s.URL + "/" + s.Org + "/" + r.name + "/pulls/" + strconv.Itoa(n),
		"head":     map[string]any{"ref": in.Head, "label": in.Head, "sha": r.heads()[in.Head]},
		"base":     map[string]any{"ref": in.Base, "label": in.Base, "sha": r.heads()[in.Base]}}
	r.pulls = append(r.pulls, p)
	return http.StatusCreated, p, nil
}
