package gitlab

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	api "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
	fake "github.com/pave-platform/pave/test/githost/gitlab"
)

// openHost is the host of a binding to a fake.
func openHost(t *testing.T, s *fake.Server, token, org string) *Host {
	t.Helper()
	h, err := new(Vendor).Open(resource.Opened{Settings: map[string]string{"url": s.URL, "org": org, "allow": "127.0.0.1"},
		Secrets: map[string]pave.Secret{"token": pave.NewSecret(token)}})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

func newHost(t *testing.T) (*fake.Server, *Host) {
	t.Helper()
	s := fake.New(t)
	return s, openHost(t, s, s.Token, s.Group)
}

func wantCode(t *testing.T, what string, err error, code pave.Code) {
	t.Helper()
	if err == nil || pave.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func made(t *testing.T, h *Host, name string) githost.Repository {
	t.Helper()
	r, err := h.Create(t.Context(), githost.Repository{Name: name, Description: "A shop [pave res_1]", Visibility: "private", DefaultBranch: "main"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestProjects(t *testing.T) {
	t.Parallel()
	s, h := newHost(t)
	ctx := t.Context()
	_, err := h.Get(ctx, "shop")
	wantCode(t, "Get of nothing", err, pave.NotFound)
	wantCode(t, "Delete of nothing", h.Delete(ctx, "shop"), pave.NotFound)
	first := made(t, h, "shop")
	if first.Description != "A shop [pave res_1]" || first.Visibility != "private" || first.Name != "shop" || first.Page != s.URL+"/acme/payments/shop" {
		t.Errorf("made %+v", first)
	}
	_, err = h.Create(ctx, githost.Repository{Name: "shop"})
	wantCode(t, "Create again", err, pave.Conflict)
	_, err = h.Create(ctx, githost.Repository{Name: "no name"})
	wantCode(t, "Create of a bad name", err, pave.Invalid)
	text, aside, back, yes, no, internal := "A shop", "shop-aside-1", "shop", true, false, "internal"
	is, err := h.Change(ctx, "shop", githost.Change{Description: &text, Topics: []string{"pave-res-1", "web"}, Visibility: &internal})
	if err != nil || is.Description != text || !sameSet(is.Topics, []string{"web", "pave-res-1"}) || is.Visibility != "internal" {
		t.Fatalf("changed to %+v, %v", is, err)
	}
	if is, err = h.Change(ctx, "shop", githost.Change{Name: &aside, Archived: &yes}); err != nil || is.Name != aside || !is.Archived {
		t.Fatalf("set aside %+v, %v", is, err)
	}
	_, err = h.Get(ctx, "shop")
	wantCode(t, "Get of the name it had", err, pave.NotFound)
	wantCode(t, "Delete of the name it had", h.Delete(ctx, "shop"), pave.NotFound)
	wantCode(t, "SetVariable at the name it had", h.SetVariable(ctx, "shop", "", "A", "1"), pave.NotFound)
	made(t, h, "shop") // the name is free
	_, err = h.Change(ctx, aside, githost.Change{Name: &back, Archived: &no})
	wantCode(t, "Change to a name that is taken", err, pave.Conflict)
	if err = h.Delete(ctx, "shop"); err != nil {
		t.Fatal(err)
	}
	if is, err = h.Change(ctx, aside, githost.Change{Name: &back, Archived: &no}); err != nil || is.Name != "shop" || is.Archived || is.ID != first.ID {
		t.Fatalf("brought back %+v, %v", is, err)
	}
}

// A project that a server only marks for deletion is gone for us, and its name is free.
func TestDelayedDeletion(t *testing.T) {
	t.Parallel()
	for _, atOnce := range []bool{true, false} {
		s, h := newHost(t)
		s.AtOnce = atOnce
		made(t, h, "shop")
		if err := h.Delete(t.Context(), "shop"); err != nil {
			t.Fatalf("at once %v: %v", atOnce, err)
		}
		_, err := h.Get(t.Context(), "shop")
		wantCode(t, "Get of what was deleted", err, pave.NotFound)
		for r := range h.All(t.Context(), "") {
			t.Errorf("at once %v: %s is still there", atOnce, r.Name)
		}
		made(t, h, "shop")
	}
	s, _ := newHost(t)
	s.Grant("maintains", fake.User{Name: "ben", Scopes: []string{"api"}, Level: api.MaintainerPermissions})
	h := openHost(t, s, "maintains", s.Group)
	made(t, h, "shop")
	wantCode(t, "Delete by who is no owner", h.Delete(t.Context(), "shop"), pave.Denied)
}

func TestAll(t *testing.T) {
	t.Parallel()
	s, h := newHost(t)
	s.AddGroup("acme/payments/old")
	for i := range 130 {
		s.AddProject("acme/payments/p"+strings.Repeat("x", i), "")
	}
	s.AddProject("acme/payments/old/deep", "")
	for org, want := range map[string]int{"": 130, "acme/payments": 131, "acme": 131} {
		var names []string
		for r, err := range h.All(t.Context(), org) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, r.Name)
		}
		if len(names) != want {
			t.Errorf("%q has %d projects, want %d", org, len(names), want)
		}
		if org == "acme" && !slices.Contains(names, "payments/old/deep") {
			t.Errorf("%q has %v", org, names)
		}
	}
	for range h.All(t.Context(), "") {
		break // and it is not called again
	}
}

// committed is a repository with one commit on main and one on a further branch.
func committed(t *testing.T) (dir, main, branch string) {
	t.Helper()
	dir = t.TempDir()
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "--quiet", "--initial-branch=main")
	if err := os.MkdirAll(filepath.Join(dir, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "docs/a b.md"), []byte("# shop\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("add", ".")
	run("commit", "--quiet", "-m", "Start")
	main = run("rev-parse", "HEAD")
	run("checkout", "--quiet", "-b", "feature/cart")
	run("commit", "--quiet", "--allow-empty", "-m", "Cart")
	return filepath.Join(dir, ".git"), main, run("rev-parse", "HEAD")
}

// pushed makes a project with both branches.
func pushed(t *testing.T, h *Host, name string) (main, branch string) {
	t.Helper()
	made(t, h, name)
	_, err := h.Head(t.Context(), name, "main")
	wantCode(t, "Head before a push", err, pave.NotFound)
	dir, main, branch := committed(t)
	url, client, err := h.Git(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []git.Ref{"main", "feature/cart"} {
		if err := git.Push(t.Context(), client, url, dir, b); err != nil {
			t.Fatalf("push %s: %v", b, err)
		}
	}
	for b, want := range map[string]string{"main": main, "feature/cart": branch} {
		if head, err := h.Head(t.Context(), name, b); err != nil || head != want {
			t.Errorf("head of %s is %s, %v, want %s", b, head, err, want)
		}
	}
	return main, branch
}

func TestChangesAndStatuses(t *testing.T) {
	t.Parallel()
	s, h := newHost(t)
	ctx := t.Context()
	main, _ := pushed(t, h, "web")
	want := pave.Proposal{Title: "Cart", Text: "More of it.", Branch: "feature/cart", Into: "main"}
	p, err := h.Propose(ctx, "web", want)
	if err != nil || p.Number != 1 || p.URL == "" || p.Author != "ann" {
		t.Fatalf("proposed %+v, %v", p, err)
	}
	again, err := h.Propose(ctx, "web", want)
	if diff := cmp.Diff(p, again); diff != "" || err != nil {
		t.Errorf("proposed again: %v %s", err, diff)
	}
	for at, want := range map[[2]string]string{{"main", "docs/a b.md"}: "# shop\n", {"main", "docs/none.md"}: "", {"none", "README.md"}: ""} {
		data, err := h.File(ctx, "web", at[0], at[1])
		if string(data) != want || (err == nil) != (want != "") || err != nil && pave.CodeOf(err) != pave.NotFound {
			t.Errorf("%s is %q, %v", at, data, err)
		}
	}
	for _, state := range []string{"pending", "pending", "success", "success", "failure", "error"} {
		if err := h.Tell(ctx, "web", main, pave.CommitStatus{Context: "pave/pipeline", State: state, Description: strings.Repeat("é", 300), URL: s.URL}); err != nil {
			t.Fatalf("%s: %v", state, err)
		}
	}
	wantCode(t, "Tell of no commit", h.Tell(ctx, "web", strings.Repeat("a", 40), pave.CommitStatus{Context: "x", State: "success"}), pave.NotFound)
	s.AddPipeline("acme/payments/web", main, "push", "failed")
	s.AddPipeline("acme/payments/web", main, "external", "success") // what Tell made
	s.AddPipeline("acme/payments/web", strings.Repeat("b", 40), "push", "success")
	runs, err := h.Runs(ctx, "web", main)
	if err != nil || len(runs) != 1 || runs[0].State != pave.RunStopped || runs[0].Ended.IsZero() || runs[0].Commit != main || runs[0].Branch == "" {
		t.Fatalf("runs %+v, %v", runs, err)
	}
	jobs, err := h.Jobs(ctx, "web", runs[0].ID)
	if err != nil || len(jobs) != 1 || jobs[0].State != pave.RunStopped {
		t.Errorf("jobs %+v, %v", jobs, err)
	}
	if all, err := h.Runs(ctx, "web", ""); err != nil || len(all) != 2 {
		t.Errorf("of all commits %+v, %v", all, err)
	}
}

func TestProtection(t *testing.T) {
	t.Parallel()
	steps := []struct{ ask, premium, free githost.Protection }{
		{githost.Protection{}, githost.Protection{}, githost.Protection{}},
		{githost.Protection{On: true}, githost.Protection{On: true}, githost.Protection{On: true}},
		{githost.Protection{On: true, Reviews: 2}, githost.Protection{On: true, Reviews: 2}, githost.Protection{On: true, Unable: unable}},
		{githost.Protection{On: true, Reviews: 1, CodeOwner: true}, githost.Protection{On: true, Reviews: 2, CodeOwner: true}, githost.Protection{On: true, Unable: unable}},
		{githost.Protection{On: true}, githost.Protection{On: true, Reviews: 2, CodeOwner: true}, githost.Protection{On: true, Unable: unable}},
	}
	for _, edition := range []string{"premium", "free", "free, and it lists rules"} {
		premium := edition == "premium"
		s, h := newHost(t)
		s.Premium, s.Lists = premium, strings.Contains(edition, "lists")
		made(t, h, "shop")
		for i, step := range steps {
			want := step.free
			if premium {
				want = step.premium
			}
			for range 2 {
				if err := h.Protect(t.Context(), "shop", "main", step.ask); err != nil {
					t.Fatalf("%s, %d: %v", edition, i, err)
				}
			}
			if got, err := h.Protection(t.Context(), "shop", "main"); got != want || err != nil {
				t.Errorf("%s, %d: %+v, %v, want %+v", edition, i, got, err, want)
			}
		}
	}
}

func TestTeams(t *testing.T) {
	t.Parallel()
	s, h := newHost(t)
	for _, g := range []string{"acme/payments/squad", "acme/platform", "others/web"} {
		s.AddGroup(g)
	}
	made(t, h, "shop")
	for _, role := range []string{"read", "write", "read"} {
		if err := h.Grant(t.Context(), "shop", "squad", role); err != nil {
			t.Fatal(err)
		}
	}
	for team, role := range map[string]string{"platform": "read", "others/web": "admin"} {
		if err := h.Grant(t.Context(), "shop", team, role); err != nil {
			t.Fatal(err)
		}
	}
	got, err := h.Grants(t.Context(), "shop")
	if diff := cmp.Diff(map[string]string{"squad": "write", "acme/payments/squad": "write", "platform": "read", "acme/platform": "read", "others/web": "admin"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	wantCode(t, "a group that is not there", h.Grant(t.Context(), "shop", "web", "write"), pave.NotFound)
	wantCode(t, "the group that holds all", h.Grant(t.Context(), "shop", "acme", "write"), pave.Invalid)
	if _, owner := h.Owners("squad"); owner != "@acme/payments/squad" {
		t.Errorf("owner %s", owner)
	}
	for range 2 { // the second finds nothing
		if err := h.Revoke(t.Context(), "shop", "squad"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := h.Grants(t.Context(), "shop"); got["squad"] != "" || err != nil {
		t.Errorf("taken back, there are %v, %v", got, err)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	s, h := newHost(t)
	s.OldMask = true
	ctx := t.Context()
	made(t, h, "shop")
	for _, env := range []string{"production", "production", "staging"} {
		if has, err := h.Environments(ctx, "shop"); err != nil || slices.Contains(has, env) {
			continue
		}
		if err := h.AddEnvironment(ctx, "shop", env); err != nil {
			t.Fatal(err)
		}
	}
	if has, err := h.Environments(ctx, "shop"); !slices.Equal(has, []string{"production", "staging"}) || err != nil {
		t.Errorf("environments %v, %v", has, err)
	}
	if err := h.AddEnvironment(ctx, "shop", "staging"); err != nil {
		t.Errorf("an environment again: %v", err)
	}
	for _, v := range []string{"1", "1", "2"} {
		if err := h.SetVariable(ctx, "shop", "", "LEVEL", v); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.SetVariable(ctx, "shop", "production", "LEVEL", "9"); err != nil {
		t.Fatal(err)
	}
	for key, v := range map[string]string{"URL": "pvcnry://long-enough", "PIN": "1234", "OLD": "pvcnry$with&signs", "KEY": "several\nlines of pvcnry"} {
		for range 2 {
			if err := h.SetSecret(ctx, "shop", "", key, pave.NewSecret(v)); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
		}
	}
	vars, err := h.Variables(ctx, "shop", "")
	if diff := cmp.Diff(map[string]string{"LEVEL": "2"}, vars); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	vars, err = h.Variables(ctx, "shop", "production")
	if diff := cmp.Diff(map[string]string{"LEVEL": "9"}, vars); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	names, err := h.SecretNames(ctx, "shop", "")
	slices.Sort(names)
	if diff := cmp.Diff([]string{"KEY", "OLD", "PIN", "URL"}, names); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.Grant("reads", fake.User{Name: "ben", Scopes: []string{"read_api"}, Level: api.OwnerPermissions})
	s.Grant("develops", fake.User{Name: "cat", Scopes: []string{"api"}, Level: api.DeveloperPermissions})
	s.Grant("guest", fake.User{Name: "dan", Scopes: []string{"api"}})
	s.Grant("maintains", fake.User{Name: "eve", Scopes: []string{"api"}, Level: api.MaintainerPermissions, Ends: time.Now().Add(3 * 24 * time.Hour)})
	for _, c := range []struct{ reason, token, org, failed, says string }{
		{"all that is needed", s.Token, s.Group, "", "GitLab 19.2.1"},
		{"a token that nobody knows", "nobody", s.Group, "gitlab sign-in", ""},
		{"a token that reads", "reads", s.Group, "gitlab permissions", "missing: api"},
		{"a developer", "develops", s.Group, "gitlab permissions", "level 30"},
		{"who has no role", "guest", s.Group, "gitlab permissions", "no role"},
		{"who may delete nothing, with a token that ends soon", "maintains", s.Group, "", "which is soon; may delete no project"},
		{"a group that is not there", s.Token, "acne", "gitlab group", ""},
	} {
		failed, text := "", ""
		for _, check := range openHost(t, s, c.token, c.org).Check(t.Context()) {
			text += check.Detail
			if !check.OK {
				failed += check.Name
				if check.Fix == "" {
					t.Errorf("%s: %s has no next command", c.reason, check.Detail)
				}
			}
		}
		if failed != c.failed {
			t.Errorf("%s: failed %q, want %q", c.reason, failed, c.failed)
		}
		for say := range strings.SplitSeq(c.says, "; ") {
			if !strings.Contains(text, say) {
				t.Errorf("%s: %q does not say %q", c.reason, text, say)
			}
		}
	}
	if len(s.Paths()) != 0 {
		t.Errorf("checking made %v", s.Paths())
	}
}
