package github_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	nethttp "net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
	hub "github.com/pave-platform/pave/test/githost/github"
)

func TestDeleteWithoutThePermission(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	rig.apply(t, r)
	rig.push(t, r.ExternalID, "main", "two")
	diff, err := rig.Diff(t.Context(), r)
	if err != nil || diff.Lost != "1 commit by 1 person" {
		t.Errorf("lost %q, %v", diff.Lost, err)
	}
	rig.hub.Denied["delete"] = true
	err = rig.Delete(t.Context(), r)
	aside := r.ExternalID + "-aside-" + strings.ToLower(r.ID[len(r.ID)-12:])
	if pave.CodeOf(err) != pave.Denied || !strings.Contains(err.Error(), "archived as "+aside) || pave.HintOf(err) == "" {
		t.Errorf("Delete: %v (%s)", err, pave.HintOf(err))
	}
	if seen, ok := rig.hub.See(aside); !ok || !seen.Archived {
		t.Errorf("it is %+v", seen)
	}
	rig.hub.Denied["delete"] = false
	if err := rig.Delete(t.Context(), r); err != nil {
		t.Error(err)
	}
	if _, ok := rig.hub.See(aside); ok {
		t.Error("it is still there")
	}
}

func TestUnknownTeam(t *testing.T) {
	t.Parallel()
	rig := newRig(t, "teams=squad=squadron")
	r := rig.fresh()
	if _, err := rig.Apply(t.Context(), r); pave.CodeOf(err) != pave.Invalid || !strings.Contains(pave.HintOf(err), "--set teams=squad=TEAM") {
		t.Errorf("%v (%s)", err, pave.HintOf(err))
	}
	rig.hub.Teams["squadron"] = true
	rig.apply(t, r)
	lines, err := rig.Plan(t.Context(), rig.fresh())
	if text := strings.Join(lines, "\n"); err != nil || !strings.Contains(text, "team squadron may write") || !strings.Contains(text, "private repository") {
		t.Errorf("plan %q, %v", text, err)
	}
}

func TestFollowAndPropose(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	rig.apply(t, r)
	follow := func(want bool) {
		t.Helper()
		if changed, err := rig.Follow(t.Context(), r); err != nil || changed != want {
			t.Errorf("Follow: %v, %v, want %v", changed, err, want)
		}
	}
	follow(false)
	rig.push(t, r.ExternalID, "main", "package main\n")
	follow(true)
	mirror := filepath.Join(rig.Mirror.Dir, r.ExternalID+".git")
	if here, there := run(t, mirror, "rev-parse", "main"), run(t, rig.hub.Dir(r.ExternalID), "rev-parse", "main"); here != there {
		t.Errorf("the mirror is at %s, the host at %s", here, there)
	}

	want := pave.Proposal{Title: "Refunds", Text: "what is new", Branch: "refunds"}
	for _, wrong := range []pave.Proposal{want, {Branch: "main"}, {Branch: "../x"}, {Branch: "main", Into: "nowhere"}} {
		if _, err := rig.Propose(t.Context(), r, wrong); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("Propose %s: %v", wrong.Branch, err)
		}
	}
	rig.push(t, r.ExternalID, "refunds", "package refunds\n")
	for range 2 {
		got, err := rig.Propose(t.Context(), r, want)
		if err != nil || got.Number != 1 || got.Into != "main" || got.URL == "" {
			t.Errorf("Propose: %+v, %v", got, err)
		}
	}
	if diff, err := rig.Diff(t.Context(), r); err != nil || diff.Lost != "2 commits by 1 person, 1 open change" {
		t.Errorf("lost %q, %v", diff.Lost, err)
	}
}

// Who takes the name of a repository that is gone gets no code run, no branch pushed and no
// secret.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	first := rig.apply(t, r).Version
	rig.push(t, r.ExternalID, "main", "package theirs\n")
	rig.hub.Edit(r.ExternalID, func(seen *hub.Seen) { seen.Description, seen.Topics = "ours now", []string{"go"} })
	if changed, err := rig.Follow(t.Context(), r); changed || pave.CodeOf(err) != pave.Conflict {
		t.Errorf("Follow: %v, %v", changed, err)
	}
	mirror := filepath.Join(rig.Mirror.Dir, r.ExternalID+".git")
	if here := run(t, mirror, "rev-parse", "main"); strings.TrimSpace(here) != first {
		t.Errorf("main is at %s, it was at %s", here, first)
	}
	if _, err := rig.Propose(t.Context(), r, pave.Proposal{Title: "x", Branch: "idea"}); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("Propose: %v", err)
	}
	if _, err := rig.ProposeWorkflow(t.Context(), r); pave.CodeOf(err) != pave.Conflict || strings.Contains(err.Error(), "pave ci") {
		t.Errorf("ProposeWorkflow: %v", err)
	}
	_, err := rig.pipelines().Apply(t.Context(), rig.given(t, r, "DATABASE_URL=postgres://x"))
	if seen, _ := rig.hub.See(r.ExternalID); pave.CodeOf(err) != pave.Conflict || len(seen.EnvSecrets["production"]) > 0 {
		t.Errorf("its pipelines were given %v: %v", seen.EnvSecrets, err)
	}
}

func TestStatusAndRuns(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	head := rig.apply(t, r).Version
	if err := rig.Tell(t.Context(), r, head, pave.CommitStatus{Context: "pave/pipeline", State: "success", Description: strings.Repeat("ä", 200), URL: "https://pave.example.com/r"}); err != nil {
		t.Fatal(err)
	}
	seen, _ := rig.hub.See(r.ExternalID)
	if len(seen.Statuses) != 1 || seen.Statuses[0]["context"] != "pave/pipeline" || len([]rune(seen.Statuses[0]["description"].(string))) != 140 {
		t.Errorf("statuses %v", seen.Statuses)
	}
	rig.hub.AddRun(r.ExternalID, "deploy", head, "in_progress", nil)
	rig.hub.AddRun(r.ExternalID, "ci", head, "completed", "failure")
	rig.hub.AddRun(r.ExternalID, "lint", strings.Repeat("1", 40), "completed", "success")
	checks, err := rig.Checks(t.Context(), r, head, true)
	if err != nil || len(checks) != 2 || checks[0].Name != "ci" || checks[0].State != pave.CheckFailure || checks[1].State != pave.CheckPending {
		t.Fatalf("checks %+v, %v", checks, err)
	}
	if c := checks[0]; c.Commit != head || c.Branch != "main" || len(c.Jobs) != 1 || c.Jobs[0].Name != "check" || c.Jobs[0].State != pave.CheckFailure {
		t.Errorf("check %+v", c)
	}
	all, err := rig.Checks(t.Context(), r, "", false)
	if err != nil || len(all) != 3 || len(all[0].Jobs) != 0 {
		t.Errorf("of all commits %+v, %v", all, err)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	body := []byte(`{"ref":"refs/heads/main"}`)
	signed := func(secret string, body []byte) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	good := signed("webhook of a git host"+r.ID, body)
	for name, c := range map[string]struct {
		event, delivery, signature string
		body                       []byte
		code                       pave.Code
		want                       string
	}{
		"push":            {"push", "d1", good, body, "", "push"},
		"pull request":    {"pull_request", "d2", good, body, "", "change"},
		"run":             {"workflow_run", "d3", good, body, "", "run"},
		"ping":            {"ping", "d4", good, body, "", ""},
		"no delivery":     {"push", "", good, body, pave.Invalid, ""},
		"not signed":      {"push", "d", "", body, pave.Denied, ""},
		"not hex":         {"push", "d", "sha256=zz", body, pave.Denied, ""},
		"only begun":      {"push", "d", good[:30], body, pave.Denied, ""},
		"another body":    {"push", "d", good, append(body, ' '), pave.Denied, ""},
		"another secret":  {"push", "d", signed("webhook of a git hostres_x", body), body, pave.Denied, ""},
		"older algorithm": {"push", "d", strings.Replace(good, "sha256", "sha1", 1), body, pave.Denied, ""},
	} {
		header := nethttp.Header{}
		header.Set("X-GitHub-Event", c.event)
		header.Set("X-GitHub-Delivery", c.delivery)
		header.Set("X-Hub-Signature-256", c.signature)
		delivery, event, err := rig.Webhook(t.Context(), r, header, c.body)
		if pave.CodeOf(err) != c.code || event != c.want || err == nil && delivery != c.delivery {
			t.Errorf("%s: %q, %q, %v", name, delivery, event, err)
		}
	}
}

// heard is a repository whose webhook was called about a push, by a server that the
// driver's hook points at.
func heard(t *testing.T) (*rig, resource.Resource) {
	t.Helper()
	rig := newRig(t)
	got := make(chan error, 10)
	var r resource.Resource
	receiver := httptest.NewServer(nethttp.HandlerFunc(func(_ nethttp.ResponseWriter, call *nethttp.Request) {
		body, err := io.ReadAll(call.Body)
		if err == nil {
			_, event, e := rig.Webhook(call.Context(), r, call.Header, body)
			if err = e; event != "push" && err == nil {
				err = fmt.Errorf("event %q", event)
			}
		}
		got <- err
	}))
	t.Cleanup(receiver.Close)
	rig.HookURL = func(resource.Resource) string { return receiver.URL }
	r = rig.fresh()
	rig.apply(t, r)
	rig.hub.Lock()
	rig.hub.Delivers = true
	rig.hub.Unlock()
	rig.push(t, r.ExternalID, "main", "package main\n")
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); len(rig.hub.Deliveries()) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was delivered")
		}
	}
	return rig, r
}

// GitHub's own call is taken, the same call once more too: that is for who keeps them.
func TestWebhookIsCalled(t *testing.T) {
	t.Parallel()
	rig, r := heard(t)
	all := rig.hub.Deliveries()
	if len(all) != 1 || all[0].Status != nethttp.StatusOK || rig.hub.Send(all[0]) != nethttp.StatusOK {
		t.Errorf("%s: %d deliveries", r.ExternalID, len(all))
		for _, d := range all {
			t.Errorf("%d %.300s", d.Status, d.Body)
		}
	}
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	for i := range 250 {
		rig.hub.Add(fmt.Sprintf("repo%03d", i), "one of many", "go")
	}
	b, err := rig.bound.Open(t.Context(), rig.vault)
	if err != nil {
		t.Fatal(err)
	}
	all, err := rig.Repositories(t.Context(), b, "")
	if err != nil || len(all) != 250 {
		t.Fatalf("%d repositories, %v", len(all), err)
	}
	for n, repo := range all {
		if want := fmt.Sprintf("repo%03d", n); repo.Name != want || repo.Language != "Go" || repo.Branch != "main" || repo.Pushed.IsZero() {
			t.Fatalf("%+v, want %s", repo, want)
		}
	}
	if calls := len(rig.hub.Calls); calls != 3 {
		t.Errorf("%d calls: %v", calls, rig.hub.Calls)
	}
	if _, err := rig.Repositories(t.Context(), b, "../x"); pave.CodeOf(err) != pave.Invalid {
		t.Errorf("%v", err)
	}
	rig.Bindings = func(context.Context) ([]resource.Bound, error) { // as it was bound before
		other := resource.Bound{Settings: maps.Clone(rig.bound.Settings), Secrets: rig.bound.Secrets}
		other.Settings["topics"] = "go"
		return []resource.Bound{rig.bound, other}, nil
	}
	before := len(rig.hub.Calls)
	if found, err := rig.List(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("nothing is of pave: %v, %v", found, err)
	}
	if calls := len(rig.hub.Calls) - before; calls > 3 {
		t.Errorf("%d calls for one organisation", calls)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.hub.Add("shop", "of the shop")
	rig.push(t, "shop", "main", "package main\n")
	rig.pushFile(t, "shop", "main", "large.txt", strings.Repeat("x", githost.MaxFile+1))
	b, err := rig.bound.Open(t.Context(), rig.vault)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[[4]string]string{
		{"", "shop", "main", "main.go"}:       "package main\n",
		{hub.Org, "shop", "main", "main.go"}:  "package main\n",
		{"", "shop", "main", "none/x y.go"}:   "not_found",
		{"", "shop", "main", "../main.go"}:    "invalid",
		{"", "shop", "none", "main.go"}:       "not_found",
		{"", "none", "main", "main.go"}:       "not_found",
		{"others", "shop", "main", "main.go"}: "not_found",
		{"", "shop", "main", "large.txt"}:     "invalid",
	} {
		for range 2 { // the second is asked conditionally
			data, err := rig.File(t.Context(), b, at[0], at[1], at[2], at[3])
			got := string(data)
			if err != nil {
				got = string(pave.CodeOf(err))
			}
			if got != want {
				t.Errorf("%v: %.60q, want %s: %v", at, got, want, err)
			}
		}
	}
	if calls := strings.Count(strings.Join(rig.hub.Calls, "\n"), "/contents/main.go"); calls != 7 { // what is there is one that counts
		t.Errorf("%d calls: %v", calls, rig.hub.Calls)
	}
}

// A repository that somebody archived, renamed or took over is never written to.
func TestForeignInOurPlace(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	rig.apply(t, r)
	rig.hub.Edit(r.ExternalID, func(s *hub.Seen) { s.Topics = nil })
	for what, err := range map[string]error{
		"Observe":  second(rig.Observe(t.Context(), r)),
		"Apply":    second(rig.Apply(t.Context(), r)),
		"SetAside": rig.SetAside(t.Context(), r),
	} {
		if pave.CodeOf(err) != pave.Conflict {
			t.Errorf("%s: %v", what, err)
		}
	}
	if head, err := git.Head(filepath.Join(rig.Mirror.Dir, r.ExternalID+".git"), git.MainBranch); err != nil || head == "" {
		t.Errorf("the mirror: %v", err)
	}
}

// host is the organisation of the rig's binding.
func (r *rig) host(t *testing.T) githost.Host {
	t.Helper()
	b, err := r.bound.Open(t.Context(), r.vault)
	if err != nil {
		t.Fatal(err)
	}
	h, err := r.Vendor.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func second[T any](_ T, err error) error { return err }
