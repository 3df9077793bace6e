package gitlab

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	api "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
)

// hook is a webhook with what a server gives out to nobody.
type hook struct {
	api.ProjectHook
	token, signing string
}

func (s *Server) inHooks(c *call, p *project, id string) (int, any, error) {
	i := slices.IndexFunc(p.hooks, func(h *hook) bool { return strconv.FormatInt(h.ID, 10) == id })
	switch {
	case c.method == http.MethodGet && id == "":
		var all []api.ProjectHook
		for _, h := range p.hooks {
			all = append(all, h.ProjectHook)
		}
		return http.StatusOK, page(c, all), nil
	case c.method == http.MethodPost:
		h := &hook{ProjectHook: api.ProjectHook{ID: s.id(), ProjectID: p.ID, CreatedAt: now(), AlertStatus: "executable"}}
		err := s.hooked(c, h)
		if err == nil {
			p.hooks = append(p.hooks, h)
		}
		return http.StatusCreated, h.ProjectHook, err
	case i < 0:
		return 0, nil, notFound("")
	case c.method == http.MethodDelete:
		p.hooks = slices.Delete(p.hooks, i, i+1)
		return http.StatusNoContent, nil, nil
	case c.method == http.MethodPut:
		return http.StatusOK, p.hooks[i].ProjectHook, s.hooked(c, p.hooks[i])
	}
	return http.StatusOK, p.hooks[i].ProjectHook, nil
}

// hooked changes a webhook. A signing token is refused unless it is a key of 32 bytes.
func (s *Server) hooked(c *call, h *hook) error {
	var in api.EditProjectHookOptions
	if err := c.read(&in); err != nil {
		return err
	}
	if s.Signs && in.SigningToken != nil {
		text, ok := strings.CutPrefix(*in.SigningToken, "whsec_")
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(key) != 32 {
			return fault{http.StatusUnprocessableEntity, map[string]any{"signing_token": []string{"is invalid"}}}
		}
		h.signing, h.SigningTokenPresent = string(key), true
	}
	set(&h.token, in.Token)
	set(&h.URL, in.URL)
	set(&h.PushEvents, in.PushEvents)
	set(&h.MergeRequestsEvents, in.MergeRequestsEvents)
	set(&h.PipelineEvents, in.PipelineEvents)
	set(&h.EnableSSLVerification, in.EnableSSLVerification)
	h.TokenPresent = h.token != ""
	return nil
}

func (s *Server) authorize(r *http.Request, name string, write bool) (string, error) {
	_, password, _ := r.BasicAuth()
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[password]
	p := s.find(strings.TrimPrefix(name, "p"))
	if !ok || write && !slices.Contains(u.Scopes, "api") {
		return u.Name, pave.Errorf(pave.Denied, "HTTP Basic: Access denied")
	}
	if p != nil && p.Archived && write {
		return u.Name, pave.Errorf(pave.Denied, "You are not allowed to push code to this project.")
	}
	return u.Name, nil
}

func (s *Server) open(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(strings.TrimPrefix(name, "p")); p != nil {
		return p.dir, nil
	}
	return "", pave.Errorf(pave.NotFound, "The project you were looking for could not be found.")
}

// push serves git. The first branch that is pushed becomes the default one, and is
// protected; and webhooks hear of what was pushed.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	path, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
	s.mu.Lock()
	p := s.find(path)
	if !ok || p == nil {
		s.mu.Unlock()
		http.NotFound(w, r)
		return
	}
	before, r2 := p.heads(), r.Clone(r.Context())
	r2.URL.Path = "/p" + strconv.FormatInt(p.ID, 10) + ".git/" + rest
	s.mu.Unlock()
	s.git.ServeHTTP(w, r2)
	if rest != "git-receive-pack" {
		return
	}
	s.mu.Lock()
	after, hooks := p.heads(), slices.Clone(p.hooks)
	for branch := range after {
		if p.EmptyRepo {
			p.EmptyRepo, p.DefaultBranch = false, branch
			p.branches = append(p.branches, &api.ProtectedBranch{ID: s.id(), Name: branch, PushAccessLevels: level(nil, api.MaintainerPermissions),
				MergeAccessLevels: level(nil, api.MaintainerPermissions)})
		}
	}
	s.mu.Unlock()
	for branch, id := range after {
		if before[branch] == id {
			continue
		}
		for _, h := range hooks {
			if h.PushEvents && h.AlertStatus == "executable" {
				_ = h.call("Push Hook", map[string]any{"object_kind": "push", "ref": "refs/heads/" + branch, "after": id}) // who is not there hears nothing
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
	r, err := http.NewRequest(http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	id, at := rand.Text(), strconv.FormatInt(time.Now().Unix(), 10)
	maps.Copy(r.Header, http.Header{"Content-Type": {"application/json"}, "X-Gitlab-Event": {event}, "X-Gitlab-Token": {h.token},
		"Idempotency-Key": {id}, "X-Gitlab-Event-Uuid": {rand.Text()}})
	if h.signing != "" {
		mac := hmac.New(sha256.New, []byte(h.signing))
		mac.Write([]byte(id + "." + at + "." + string(body)))
		maps.Copy(r.Header, http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at},
			"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}})
	}
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		resp.Body.Close()
	}
	return err
}
