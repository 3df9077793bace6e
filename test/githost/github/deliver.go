package github

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave/internal/git"
)

// A Delivery is one call of a webhook.
type Delivery struct {
	URL    string
	Header http.Header
	Body   []byte
	Status int // what was answered; 0 is nothing
}

// Deliveries are all calls of webhooks there were.
func (s *Server) Deliveries() []Delivery {
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.delivered)
}

// pushed serves a push, and calls the webhooks of what it changed.
func (s *Server) pushed(w http.ResponseWriter, r *http.Request, repo *repository, to http.Handler) {
	s.Lock()
	var hooks []*hook // those of this moment: whoever pushes goes on before this call ends
	if s.Delivers {
		hooks = slices.Clone(repo.hooks)
	}
	s.Unlock()
	before, _ := git.CopyOf(repo.dir) // without one all is new
	to.ServeHTTP(w, r)
	after, err := git.CopyOf(repo.dir)
	if err != nil {
		return
	}
	for ref, id := range after.Refs {
		if old := before.Refs[ref]; old != id {
			s.announce(repo, hooks, ref, old, id)
		}
	}
}

// announce calls webhooks of a repository about a push, each in its own time.
func (s *Server) announce(repo *repository, hooks []*hook, ref, before, after string) {
	s.Lock()
	defer s.Unlock()
	body, _ := json.Marshal(s.pushJSON(repo, ref, before, after)) // plain data
	for _, h := range hooks {
		if !h.active || !slices.Contains(h.events, any("push")) {
			continue
		}
		d := Delivery{URL: fmt.Sprint(h.config["url"]), Body: body, Header: http.Header{}}
		mac := hmac.New(sha256.New, []byte(fmt.Sprint(h.config["secret"])))
		mac.Write(body)
		for k, v := range map[string]string{"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/0123abc", "X-GitHub-Event": "push",
			"X-GitHub-Delivery": rand.Text(), "X-GitHub-Hook-Id": strconv.FormatInt(h.id, 10), "X-GitHub-Hook-Installation-Target-Id": strconv.FormatInt(repo.id, 10),
			"X-GitHub-Hook-Installation-Target-Type": "repository", "X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil))} {
			d.Header.Set(k, v)
		}
		s.calls.Add(1)
		go func() {
			defer s.calls.Done()
			s.Send(d)
		}()
	}
}

// Send calls a webhook, also once more as GitHub may.
func (s *Server) Send(d Delivery) int {
	d.Status = 0
	req, err := http.NewRequest(http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err == nil {
		req.Header = d.Header.Clone()
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			d.Status = resp.StatusCode
		}
	}
	s.Lock()
	defer s.Unlock()
	s.delivered = append(s.delivered, d)
	return d.Status
}

func (s *Server) pushJSON(repo *repository, ref, before, after string) map[string]any {
	page, none := s.URL+"/"+Org+"/"+repo.name, strings.Repeat("0", 40)
	created := before == ""
	if created {
		before = none
	}
	person := map[string]any{"name": "Ann", "email": "ann@example.com", "username": "ann"}
	commit := map[string]any{"id": after, "tree_id": after, "distinct": true, "message": "work", "timestamp": stamp, "url": page + "/commit/" + after,
		"author": person, "committer": person, "added": []any{}, "removed": []any{}, "modified": []any{"main.go"}}
	whole := s.repoJSON(repo)
	whole["master_branch"], whole["pushed_at"], whole["created_at"] = repo.defaultBranch, repo.made.Unix(), repo.made.Unix()
	return map[string]any{"ref": ref, "before": before, "after": after, "created": created, "deleted": false, "forced": false, "base_ref": nil,
		"compare": page + "/compare/" + before[:7] + "..." + after[:7], "commits": []any{commit}, "head_commit": commit,
		"repository": whole, "pusher": map[string]any{"name": "ann", "email": "ann@example.com"}, "sender": s.userJSON("ann", "User"),
		"organization": map[string]any{"login": Org, "id": 1, "node_id": "O_1", "url": page, "repos_url": page, "events_url": page, "hooks_url": page,
			"issues_url": page, "members_url": page, "public_members_url": page, "avatar_url": page, "description": ""}}
}
