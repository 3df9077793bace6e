package gitea

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
	"github.com/pave-platform/pave/internal/resource"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// bound is the binding of a world.
func bound(w fake.World) resource.Opened {
	return resource.Opened{Settings: map[string]string{"url": w.URL, "org": w.Org, "allow": "127.0.0.1"},
		Secrets: map[string]pave.Secret{"token": pave.NewSecret(w.Token)}}
}

func openHost(t *testing.T, w fake.World) *Host {
	t.Helper()
	h, err := new(Vendor).Open(bound(w))
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

// everywhere runs a test against the fake and, where there is one, a real server.
func everywhere(t *testing.T, test func(t *testing.T, w fake.World)) {
	t.Helper()
	t.Parallel()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		s := fake.New(t)
		s.AddTeam("squad", "write")
		test(t, s.World())
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		w := fake.Real(t)
		w.Do(t, "POST", "orgs/acme/teams", map[string]any{"name": "squad", "permission": "write",
			"units_map": map[string]string{"repo.code": "write", "repo.pulls": "write"}})
		test(t, w)
	})
}

func wantCode(t *testing.T, what string, err error, code pave.Code) {
	t.Helper()
	if err == nil || pave.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestRepositories(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		h, ctx := openHost(t, w), t.Context()
		_, err := h.Get(ctx, "shop")
		wantCode(t, "Get of nothing", err, pave.NotFound)
		wantCode(t, "Delete of nothing", h.Delete(ctx, "shop"), pave.NotFound)
		made, err := h.Create(ctx, githost.Repository{Name: "shop", Description: "A shop [pave res_1]", Visibility: "private", DefaultBranch: "main"})
		if err != nil || made.Description != "A shop [pave res_1]" || made.Visibility != "private" || made.DefaultBranch != "main" || made.ID == "" {
			t.Fatalf("made %+v, %v", made, err)
		}
		_, err = h.Create(ctx, githost.Repository{Name: "shop"})
		wantCode(t, "Create again", err, pave.Conflict)
		_, err = h.Create(ctx, githost.Repository{Name: "other", Visibility: "internal"})
		wantCode(t, "Create of another visibility", err, pave.Invalid)
		topic := "pave-res-" + strings.Repeat("a", 26)
		description := "A shop"
		is, err := h.Change(ctx, "shop", githost.Change{Description: &description, Topics: []string{topic, "web"}})
		if err != nil || is.Description != description || !sameSet(is.Topics, []string{"web", topic}) {
			t.Fatalf("changed to %+v, %v", is, err)
		}
		aside, yes, no, public := "shop-aside-1", true, false, "public"
		if is, err = h.Change(ctx, "shop", githost.Change{Name: &aside, Archived: &yes}); err != nil || is.Name != aside || !is.Archived {
			t.Fatalf("set aside %+v, %v", is, err)
		}
		_, err = h.Get(ctx, "shop")
		wantCode(t, "Get of the name it had", err, pave.NotFound)
		wantCode(t, "Delete of the name it had", h.Delete(ctx, "shop"), pave.NotFound)
		_, err = h.Change(ctx, "shop", githost.Change{Description: &aside})
		wantCode(t, "Change of the name it had", err, pave.NotFound)
		if _, err = h.Create(ctx, githost.Repository{Name: "shop"}); err != nil {
			t.Fatalf("the name is not free: %v", err)
		}
		back := "shop"
		_, err = h.Change(ctx, aside, githost.Change{Name: &back, Archived: &no})
		wantCode(t, "Change to a name that is taken", err, pave.Conflict)
		if err = h.Delete(ctx, "shop"); err != nil {
			t.Fatal(err)
		}
		is, err = h.Change(ctx, aside, githost.Change{Name: &back, Archived: &no, Visibility: &public, Topics: []string{topic}})
		if err != nil || is.Name != "shop" || is.Archived || is.ID != made.ID || is.Visibility != "public" || !sameSet(is.Topics, []string{topic}) {
			t.Fatalf("brought back %+v, %v", is, err)
		}
		var names []string
		for r, err := range h.All(ctx, "") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, r.Name)
		}
		if !slices.Equal(names, []string{"shop"}) {
			t.Errorf("all are %v", names)
		}
	})
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
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("# shop\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("add", ".")
	run("commit", "--quiet", "-m", "Start")
	main = run("rev-parse", "HEAD")
	run("checkout", "--quiet", "-b", "feature/cart")
	run("commit", "--quiet", "--allow-empty", "-m", "Cart")
	return filepath.Join(dir, ".git"), main, run("rev-parse", "HEAD")
}

// pushed makes a repository on the host with both branches.
func pushed(t *testing.T, h *Host, name string) (main, branch string) {
	t.Helper()
	if _, err := h.Create(t.Context(), githost.Repository{Name: name, DefaultBranch: "main"}); err != nil {
		t.Fatal(err)
	}
	_, err := h.Head(t.Context(), name, "main")
	wantCode(t, "Head before a push", err, pave.NotFound)
	if open, err := h.Changes(t.Context(), name); open != nil || err != nil {
		t.Errorf("changes before a push: %v, %v", open, err)
	}
	dir, main, branch := committed(t)
	push(t, h, name, dir)
	for b, want := range map[string]string{"main": main, "feature/cart": branch} {
		eventually(t, func() bool {
			head, err := h.Head(t.Context(), name, b)
			return err == nil && head == want
		})
	}
	return main, branch
}

func push(t *testing.T, h *Host, name, dir string) {
	t.Helper()
	url, client, err := h.Git(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []git.Ref{"main", "feature/cart"} {
		if err := git.Push(t.Context(), client, url, dir, b); err != nil {
			t.Fatalf("push %s: %v", b, err)
		}
	}
}

// eventually waits for what a server does after its answer.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for range 300 {
		if is() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("it did not come within half a minute")
}

func TestPushAndChanges(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		h, ctx := openHost(t, w), t.Context()
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
		open, err := h.Changes(ctx, "web")
		if diff := cmp.Diff([]pave.Proposal{p}, open); diff != "" || err != nil {
			t.Errorf("open are: %v %s", err, diff)
		}
		st := pave.CommitStatus{Context: "pave/pipeline", State: "pending", Description: "Testing", URL: "http://127.0.0.1/runs/1"}
		for range 2 {
			if err := h.Tell(ctx, "web", main, st); err != nil {
				t.Fatal(err)
			}
		}
		for at, want := range map[[2]string]string{{"main", "README.md"}: "# shop\n", {"feature/cart", "README.md"}: "# shop\n",
			{"main", "none.md"}: "", {"none", "README.md"}: ""} {
			data, err := h.File(ctx, "web", at[0], at[1])
			if string(data) != want || (err == nil) != (want != "") || err != nil && pave.CodeOf(err) != pave.NotFound {
				t.Errorf("%s is %q, %v", at, data, err)
			}
		}
		runs, err := h.Runs(ctx, "web", main)
		if err != nil || len(runs) != 0 {
			t.Errorf("runs %v, %v", runs, err)
		}
		if status, all := w.Do(t, "GET", "repos/acme/web/commits/"+main+"/status", nil); status != 200 || all.(map[string]any)["total_count"] != 1.0 {
			t.Errorf("%d: told %v", status, all)
		}
		st.State = "success"
		if err := h.Tell(ctx, "web", main, st); err != nil {
			t.Fatal(err)
		}
		if _, all := w.Do(t, "GET", "repos/acme/web/commits/"+main+"/status", nil); all.(map[string]any)["state"] != "success" {
			t.Errorf("told %v", all)
		}
	})
}

func TestProtection(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		h, ctx := openHost(t, w), t.Context()
		if _, err := h.Create(ctx, githost.Repository{Name: "shop"}); err != nil {
			t.Fatal(err)
		}
		steps := []struct{ ask, want githost.Protection }{
			{githost.Protection{}, githost.Protection{}},
			{githost.Protection{On: true}, githost.Protection{On: true}},
			{githost.Protection{On: true, Reviews: 2}, githost.Protection{On: true, Reviews: 2}},
			{githost.Protection{On: true, Reviews: 1, CodeOwner: true}, githost.Protection{On: true, Reviews: 2, CodeOwner: true}},
			{githost.Protection{On: true}, githost.Protection{On: true, Reviews: 2, CodeOwner: true}},
		}
		for i, s := range steps {
			if err := h.Protect(ctx, "shop", "main", s.ask); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if got, err := h.Protection(ctx, "shop", "main"); got != s.want || err != nil {
				t.Errorf("%d: %+v, %v, want %+v", i, got, err, s.want)
			}
		}
		w.Do(t, "PATCH", "repos/acme/shop/branch_protections/main", map[string]any{"enable_push": true})
		if got, _ := h.Protection(ctx, "shop", "main"); got.Reviews != 0 {
			t.Errorf("reviews that a push passes by count: %+v", got)
		}
	})
}

func TestTeams(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		h, ctx := openHost(t, w), t.Context()
		if _, err := h.Create(ctx, githost.Repository{Name: "shop"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := h.Grant(ctx, "shop", "squad", "write"); err != nil {
				t.Fatal(err)
			}
		}
		got, err := h.Grants(ctx, "shop")
		if diff := cmp.Diff(map[string]string{"Owners": "admin", "squad": "write"}, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		wantCode(t, "a role above the team's", h.Grant(ctx, "shop", "squad", "admin"), pave.Invalid)
		err = h.Grant(ctx, "shop", "squat", "write")
		wantCode(t, "a team that is not there", err, pave.NotFound)
		if pave.HintOf(err) != "did you mean squad?" {
			t.Errorf("hint %q", pave.HintOf(err))
		}
		for range 2 { // the second finds nothing
			if err := h.Revoke(ctx, "shop", "squad"); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := h.Grants(ctx, "shop"); got["squad"] != "" || err != nil {
			t.Errorf("taken back, there are %v, %v", got, err)
		}
	})
}

func TestValues(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		h, ctx := openHost(t, w), t.Context()
		if _, err := h.Create(ctx, githost.Repository{Name: "shop"}); err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{"1", "1", "2"} {
			if err := h.SetVariable(ctx, "shop", "", "LEVEL", value); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.SetVariable(ctx, "shop", "pre-prod", "LEVEL", "3"); err != nil {
			t.Fatal(err)
		}
		for _, env := range []string{"", "production"} {
			if err := h.SetSecret(ctx, "shop", env, "DATABASE_URL", pave.NewSecret("pvcnry-value")); err != nil {
				t.Fatal(err)
			}
		}
		all, err := h.Variables(ctx, "shop", "")
		if diff := cmp.Diff(map[string]string{"LEVEL": "2", "PRE_PROD_LEVEL": "3"}, all); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		of, err := h.Variables(ctx, "shop", "pre-prod")
		if diff := cmp.Diff(map[string]string{"LEVEL": "3"}, of); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		secrets, err := h.SecretNames(ctx, "shop", "production")
		if diff := cmp.Diff([]string{"DATABASE_URL"}, secrets); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		wantCode(t, "a name of theirs", h.SetVariable(ctx, "shop", "", "GITEA_X", "1"), pave.Invalid)
	})
}
