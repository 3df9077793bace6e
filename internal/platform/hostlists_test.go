package platform

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/gitea"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/provider/gitlocal"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store/storetest"
	"github.com/pave-platform/pave/test/faultproxy"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

const hostToken, hookKey, shopID = "pvcnry-lists-token", "pvcnry-lists-hook", "res_01JD4T9XK2M7AAAAAAAAAAAAAA"

// hostParts are what a driver of repositories on a host needs of others.
type hostParts struct{}

func (hostParts) Render(context.Context, resource.RepositorySpec) ([]git.File, error) {
	return []git.File{{Path: "README.md", Mode: 0o644, Data: []byte("# shop\n")}}, nil
}

func (hostParts) Get(context.Context, string) (pave.Secret, error) {
	return pave.NewSecret(hostToken), nil
}

// Head is asked for where a message has a pipeline begin, which is another test's.
func (hostParts) Head(context.Context, string) (string, error) {
	return "", pave.Errorf(pave.Unavailable, "no pipelines here")
}

func (hostParts) Dir(string) string { return "" }

func (hostParts) Tree(context.Context, string, string) (fs.FS, error) { return nil, fs.ErrNotExist }

// hosted is a platform with one service, whose repository lies on a host behind a proxy
// that counts the calls.
type hosted struct {
	*Platform
	t         *testing.T
	host      *fake.Server
	proxy     *faultproxy.Proxy
	commit    string
	ada, bert context.Context // an admin, and somebody who sees no service
}

func newHosted(t *testing.T) *hosted {
	t.Helper()
	h := &hosted{t: t, host: fake.New(t)}
	h.host.Grant(hostToken, fake.User{Login: "ann", Create: true})
	h.proxy = faultproxy.New(t, h.host.URL)
	bound := resource.Bound{Settings: map[string]string{"url": h.proxy.URL, "org": h.host.Org, "allow": "127.0.0.1", "protect": "false", "teams": "none"},
		Secrets: map[string]string{"token": "sec_1"}}
	mirror := gitlocal.Driver{Dir: filepath.Join(t.TempDir(), "git"), Hooks: t.TempDir(), Trees: hostParts{}}
	d := &githost.Driver{Vendor: new(gitea.Vendor), Mirror: mirror, Vault: hostParts{},
		Bindings: func(context.Context) ([]resource.Bound, error) { return []resource.Bound{bound}, nil },
		HookURL:  func(resource.Resource) string { return "" },
		Derive:   func(string, string) pave.Secret { return pave.NewSecret(hookKey) }}
	spec, err := json.Marshal(struct {
		resource.RepositorySpec
		Binding resource.Bound `json:"binding"`
	}{resource.RepositorySpec{Service: "shop", Team: "web", Description: "A shop"}, bound})
	if err != nil {
		t.Fatal(err)
	}
	r := resource.Resource{ID: shopID, ExternalID: "shop", Spec: spec, Ref: repositoryRef("shop")}
	if st, err := d.Apply(t.Context(), r); err != nil || !st.Ready {
		t.Fatalf("make the repository: %+v, %v", st, err)
	}
	if h.commit, err = git.Head(filepath.Join(mirror.Dir, "shop.git"), git.MainBranch); err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, "sqlite:"+t.TempDir()+"/pave.db")
	drivers := resource.Drivers{}
	drivers.Add(pave.KindRepository, "gitea", d)
	log := slog.New(slog.DiscardHandler)
	h.Platform = &Platform{Deps: Deps{DB: db, Access: access.New(db), Repositories: hostParts{}, Log: log, Resources: resource.NewController(db, nil, drivers, log)}}
	for _, stmt := range []string{
		`INSERT INTO services (id, name, team, uid, revision, last_run, created, deleted, kept_until) VALUES ('svc_shop', 'shop', 'web', 70000, 1, '', 1, 0, 0)`,
		`INSERT INTO resources (id, service, ref, kind, provider, external_id, state, spec, outputs, secrets, secret_keys, version, ready, reason, observed, run, actor, created, kept_until)
			VALUES ('` + shopID + `', 'svc_shop', '` + r.Ref.String() + `', 'repository', 'gitea', 'shop', 'present', '` + string(spec) + `', '{}', '', '[]', '', 1, '', 0, 'run_1', 'usr_1', 1, 0)`,
	} {
		if _, err := db.Exec(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	h.answers.freshFor = time.Hour // however busy the machine is
	h.ada, h.bert = h.user("ada", true), h.user("bert", false)
	return h
}

func (h *hosted) user(name string, admin bool) context.Context {
	h.t.Helper()
	u, err := h.Access.EnsureUser(h.t.Context(), name, admin)
	if err != nil {
		h.t.Fatal(err)
	}
	return pave.WithPrincipal(h.t.Context(), pave.Principal{User: u})
}

// asked is how often the host was asked for a list since the last look.
func (h *hosted) asked(list string) int {
	n := len(h.proxy.Calls("GET /api/v1/repos/acme/shop/" + list))
	h.proxy.Clear()
	return n
}

func (h *hosted) checks(commit string) pave.HostList[pave.CommitCheck] {
	h.t.Helper()
	l, err := h.HostChecks(h.ada, "shop", commit)
	if err != nil {
		h.t.Fatalf("list checks: %v", err)
	}
	return l
}

func (h *hosted) proposals() pave.HostList[pave.Proposal] {
	h.t.Helper()
	l, err := h.Proposals(h.ada, "shop")
	if err != nil {
		h.t.Fatalf("list proposals: %v", err)
	}
	return l
}

const runsOf, pullsOf = "actions/runs", "pulls"

// Many people ask a host as often as one.
func TestHostListsAreShared(t *testing.T) {
	t.Parallel()
	h := newHosted(t)
	h.host.AddRun("shop", h.commit, "ci", "completed", "success")
	h.proxy.Clear()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			l, err := h.HostChecks(h.ada, "shop", "")
			if err != nil || len(l.Items) != 1 || l.Items[0].State != pave.CheckSuccess || l.Items[0].Observed != l.Observed || time.Since(l.Observed) > time.Minute {
				t.Errorf("asked at once: %+v, %v", l, err)
			}
		})
	}
	group.Wait()
	h.host.AddRun("shop", h.commit, "lint", "completed", "success")
	if again := h.checks(""); len(again.Items) != 1 || h.asked(runsOf) != 1 {
		t.Errorf("asked again: %+v", again)
	}
	// What is kept is told to nobody who may not know.
	if _, err := h.HostChecks(h.bert, "shop", ""); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("somebody who may not see the service: %v", err)
	}
	// Another question is another answer.
	if l := h.checks(h.commit); len(l.Items) != 2 || len(l.Items[0].Jobs) != 1 || h.asked(runsOf) != 1 {
		t.Errorf("of the commit: %+v", l)
	}
	if l := h.checks(h.commit); len(l.Items[0].Jobs) != 1 || h.asked(runsOf) != 0 {
		t.Errorf("of the commit again: %+v", l)
	}
	if _, err := h.DB.Exec(t.Context(), `UPDATE resources SET state = 'aside' WHERE id = $1`, shopID); err != nil {
		t.Fatal(err)
	}
	if l, err := h.HostChecks(h.ada, "shop", ""); err == nil {
		t.Errorf("of a repository that is not there any more: %+v", l)
	}
}

// What pave itself changes, and what the host tells, is seen at once.
func TestHostListsAfterNews(t *testing.T) {
	t.Parallel()
	h := newHosted(t)
	h.proxy.Clear()
	if l := h.proposals(); len(l.Items) != 0 || h.asked(pullsOf) == 0 {
		t.Errorf("open at first: %+v", l)
	}
	if err := os.WriteFile(filepath.Join(h.host.Dir("shop"), "refs", "heads", "refunds"), []byte(h.commit+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Propose(h.ada, "shop", pave.ProposeRequest{Branch: "refunds"}); err != nil {
		t.Fatal(err)
	}
	h.proxy.Clear()
	if l := h.proposals(); len(l.Items) != 1 || l.Items[0].Branch != "refunds" || l.Items[0].Observed != l.Observed || h.asked(pullsOf) == 0 {
		t.Errorf("open then: %+v", l)
	}
	if l := h.proposals(); len(l.Items) != 1 || h.asked(pullsOf) != 0 {
		t.Errorf("open, asked again: %+v", l)
	}

	h.checks("")
	h.host.AddRun("shop", h.commit, "ci", "completed", "success")
	deliver := func(body string) error {
		mac := hmac.New(sha256.New, []byte(hookKey))
		mac.Write([]byte(body))
		_, _, err := h.Delivered(t.Context(), shopID, http.Header{"X-Gitea-Signature": {hex.EncodeToString(mac.Sum(nil))},
			"X-Gitea-Delivery": {"1"}, "X-Gitea-Event": {"workflow_run"}}, []byte(body))
		return err
	}
	_, _, err := h.Delivered(t.Context(), shopID, http.Header{"X-Gitea-Signature": {"00"}, "X-Gitea-Delivery": {"1"}}, []byte("{}"))
	if l := h.checks(""); pave.CodeOf(err) != pave.Denied || len(l.Items) != 0 {
		t.Errorf("after a message of nobody (%v): %+v", err, l)
	}
	if err := deliver(`{"action":"completed"}`); pave.CodeOf(err) == pave.Denied || pave.CodeOf(err) == pave.Conflict {
		t.Fatal(err)
	}
	if l := h.checks(""); len(l.Items) != 1 {
		t.Errorf("after the host's message: %+v", l)
	}
	h.proxy.Clear()
	if err := deliver(`{"action":"completed"}`); pave.CodeOf(err) != pave.Conflict {
		t.Errorf("the message again: %v", err)
	}
	if h.checks(""); h.asked(runsOf) != 0 {
		t.Error("a message that is repeated has the host asked again")
	}
}

// A host that wants no calls gets none until it does; one that is away is asked again. What
// it said before is told until then, with its age and the reason.
func TestHostListsWithoutHost(t *testing.T) {
	t.Parallel()
	h := newHosted(t)
	h.host.AddRun("shop", h.commit, "ci", "completed", "success")
	before := h.checks("")
	h.proxy.Clear()
	h.proxy.On("*", 0, faultproxy.Status(http.StatusTooManyRequests, "3600"))
	h.answers.outdate(shopID)
	for i := range 5 {
		l := h.checks("")
		if len(l.Items) != 1 || l.Observed != before.Observed || l.Reason == "" {
			t.Errorf("limited, look %d: %+v", i, l)
		}
	}
	_, err := h.HostChecks(h.ada, "shop", h.commit)
	var later pave.Later
	if pave.CodeOf(err) != pave.Unavailable || !errors.As(err, &later) {
		t.Errorf("what was never asked: %v", err)
	}
	if n := len(h.proxy.Calls("*")); n != 1 {
		t.Errorf("a host that wants no calls got %d", n)
	}

	away := newHosted(t)
	before = away.checks("")
	away.proxy.Down()
	away.answers.outdate(shopID)
	if l := away.checks(""); l.Observed != before.Observed || l.Reason == "" {
		t.Errorf("away: %+v", l)
	}
	away.proxy.Up()
	if l := away.checks(""); !l.Observed.After(before.Observed) || l.Reason != "" {
		t.Errorf("there again: %+v", l)
	}
	away.proxy.On("*", 0, faultproxy.Status(http.StatusForbidden, ""))
	away.answers.outdate(shopID)
	if l, err := away.HostChecks(away.ada, "shop", ""); pave.CodeOf(err) != pave.Denied {
		t.Errorf("a host that refuses: %+v, %v", l, err)
	}
}
