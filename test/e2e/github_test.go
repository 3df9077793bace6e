package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/faultproxy"
	"github.com/pave-platform/pave/test/githost/github"
	"github.com/pave-platform/pave/test/world"
)

// The same on GitHub, which renames, archives and redirects in its own way.
func TestRepositoryOnGitHub(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("a second host lives through the whole story only in make test-real")
	}
	t.Parallel()
	h := world.New(t)
	g := github.New(t)
	g.Delivers, g.Teams["shopkeepers"] = true, true
	bind(t, h, "github", g.URL, github.Org, g.Token().Reveal(), "callback="+h.Stat().URL)
	create(t, h, h.Fixture("shop", "shopkeepers", "none"))
	seen, ok := g.See("shop")
	if !ok || seen.Visibility != "private" || seen.Teams["shopkeepers"] != "push" || len(seen.Hooks) != 1 || g.Protection("shop") == nil {
		t.Fatalf("on the host is %+v", seen)
	}
	remote := func() string {
		return strings.Replace(g.URL, "http://", "http://x-access-token:"+g.Token().Reveal()+"@", 1) + "/" + github.Org + "/shop.git"
	}
	commit, err := h.CommitTo(remote, map[string]string{"note.txt": "by the way"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Built("shop", commit); err != nil { // the host's message came: a look comes each minute only
		t.Fatal(err)
	}
	world.Eventually(t, 2*time.Minute, func() error {
		seen, _ := g.See("shop")
		if !slices.ContainsFunc(seen.Statuses, func(s map[string]any) bool { return s["context"] == "pave/staging" && s["state"] == "success" }) {
			return fmt.Errorf("statuses on the host: %v", seen.Statuses)
		}
		return nil
	})
	if out, err := h.Command(t.Context(), "propose", "workflow", "shop"); err == nil || !strings.Contains(out+err.Error(), "ci.yaml of shop starts pave ci already") {
		t.Errorf("what starts pave ci is there: %s, %v", out, err)
	}
	run(t, h, "delete", "service", "shop", "--yes")
	if _, ok := g.See("shop"); ok {
		t.Error("deleted, it still has its name on the host")
	}
	run(t, h, "restore", "shop", "--yes")
	if seen, ok := g.See("shop"); !ok || seen.Archived {
		t.Errorf("brought back it is %+v", seen)
	}
	hostAway(t, h, g)
}

// A release that waits for what the host runs says so, in the run that people began and in
// the status of the service.
func TestWaitsOnGitHub(t *testing.T) {
	if os.Getenv("PAVE_TEST_REAL") == "" {
		t.Skip("polls of a host take their time: make test-real")
	}
	t.Parallel()
	h := world.New(t)
	g := github.New(t)
	bind(t, h, "github", g.URL, github.Org, g.Token().Reveal(), "teams=none", "checks=wait")
	id, err := h.Create(h.Fixture("shop", "shopkeepers", "none"))
	if err != nil {
		t.Fatal(err)
	}
	told := func(want string) {
		t.Helper()
		world.Eventually(t, 2*time.Minute, func() error {
			for _, args := range [][]string{{"status", "shop"}, {"describe", "run", id}} {
				if out := run(t, h, args...); !strings.Contains(out, "pipeline: pipeline of shop at ") || !strings.Contains(out, ": "+want+"\n") {
					return fmt.Errorf("pave %s does not say %q: %s", strings.Join(args, " "), want, out)
				}
			}
			return nil
		})
	}
	told("the host has not begun a check")
	commit, err := exec.CommandContext(t.Context(), "git", "--git-dir", filepath.Join(h.Dir, "git", "shop.git"), "rev-parse", "main").Output()
	if err != nil {
		t.Fatal(err)
	}
	g.AddRun("shop", "ci", strings.TrimSpace(string(commit)), "in_progress", nil)
	told("the host runs ci")
	g.AddRun("shop", "ci", strings.TrimSpace(string(commit)), "completed", "success")
	if _, err := h.Wait(id); err != nil {
		t.Fatal(err)
	}
	if out := run(t, h, "status", "shop"); strings.Contains(out, "the host") {
		t.Errorf("done, it says %s", out)
	}
}

// hostAway changes a service while its host does not answer: what asks nothing of the host
// goes on without it.
func hostAway(t *testing.T, h *world.Home, g *github.Server) {
	t.Helper()
	proxy := faultproxy.New(t, g.URL)
	bind(t, h, "github", proxy.URL, github.Org, g.Token().Reveal())
	create(t, h, h.Fixture("late", "shopkeepers", "none"))
	proxy.Down()
	run(t, h, "restart", "late")
	run(t, h, "set", "variable", "GREETING=hi", "--service", "late")
	run(t, h, "scale", "late", "2")
	proxy.Up()
}
