package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/faultproxy"
	"github.com/pave-platform/pave/test/githost/gitea"
	"github.com/pave-platform/pave/test/world"
)

// A service whose repository lies on a git host lives as every other one: what is pushed
// there is built and rolled out, the host is told of it, and what it ran is known.
func TestRepositoryOnHost(t *testing.T) {
	t.Parallel()
	h := world.New(t)
	g := gitea.New(t)
	g.AddTeam("shopkeepers", "write")
	bind(t, h, "gitea", g.URL, g.Org, g.Token, "protect=false", "callback="+h.Stat().URL)
	create(t, h, h.Fixture("shop", "shopkeepers", "none"))
	if names := g.Names(); !slices.Equal(names, []string{"shop"}) {
		t.Fatalf("on the host are %v", names)
	}
	out := run(t, h, "describe", "service", "shop")
	if want := g.URL + "/" + g.Org + "/shop.git"; !strings.Contains(out, want) {
		t.Errorf("the repository is not said to be %s: %s", want, out)
	}
	remote := func() string {
		return strings.Replace(g.URL, "http://", "http://pave:"+g.Token+"@", 1) + "/" + g.Org + "/shop.git"
	}
	var quick []string // pushed right after another
	for _, note := range []string{"one", "two", "three"} {
		commit, err := h.CommitTo(remote, map[string]string{"note.txt": note})
		if err == nil {
			_, err = h.Built("shop", commit)
		}
		if err != nil {
			t.Fatal(err)
		}
		quick = append(quick, commit)
	}
	commit, err := h.CommitTo(remote, map[string]string{"note.txt": "by the way", "catalog-info.yaml": `apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: shop, description: Sells things}
spec: {type: service, lifecycle: production, owner: shopkeepers, dependsOn: [component:ledger]}
`})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Built("shop", commit); err != nil { // the host's message came: a look comes each minute only
		t.Fatal(err)
	}
	g.AddRun("shop", commit, "ci", "completed", "success")
	world.Eventually(t, 2*time.Minute, func() error {
		for _, commit := range append(quick, commit) {
			for _, name := range []string{"pave/pipeline", "pave/staging"} {
				if state := statusOn(t, g, commit, name); state != "success" {
					return fmt.Errorf("%s of %.7s is %q on the host", name, commit, state)
				}
			}
		}
		return nil
	})
	run(t, h, "restart", "shop") // each run looks at its end
	if out := run(t, h, "list", "entities", "--service", "shop", "--json", "facts"); !strings.Contains(out, "check.ci") {
		t.Errorf("what the host ran is not known: %s", out)
	}
	proposes(t, h, remote(), commit)
	knowsOrganisation(t, h, g)
	tokenStays(t, h)
	patience := h.Patience
	h.Patience = time.Second // it tries again as long
	if _, err := h.Commit("shop", map[string]string{"other.txt": "here"}); err == nil || !strings.Contains(err.Error(), "push") {
		t.Errorf("a push to the copy: %v", err)
	}
	h.Patience = patience
	if out := run(t, h, "audit", "--json", "action,object"); !strings.Contains(out, "organisation:gitea/acme") {
		t.Errorf("the import is not in the audit log: %s", out)
	}
	// A binding that names another address has the webhook moved, and takes no other words for one.
	bind(t, h, "gitea", g.URL, g.Org, g.Token, "protect=false", "callback=http://127.0.0.1:9/else")
	if out := run(t, h, "plan", "heal", "shop"); !strings.Contains(out, "calls another address") {
		t.Errorf("heal does not see the webhook of before: %s", out)
	}
	run(t, h, "heal", "shop", "--yes")
	_, hooks := g.World().Do(t, "GET", "repos/"+g.Org+"/shop/hooks", nil)
	if all, _ := hooks.([]any); len(all) != 1 || !strings.Contains(fmt.Sprint(all), "http://127.0.0.1:9/else/v1/hooks/") {
		t.Errorf("webhooks: %v", hooks)
	}
	if out, err := h.Command(t.Context(), "bind", "default", "repository", "gitea", "--set", "callback=foo"); err == nil || !strings.Contains(out+err.Error(), "http or https address") {
		t.Errorf("a callback that is no address: %s, %v", out, err)
	}
	// What stops half way on the host is taken back there.
	if _, err := h.Create(h.Fixture("solo", "nobodies", "none")); err == nil || !strings.Contains(err.Error(), "no team nobodies") {
		t.Errorf("without its team: %v", err)
	}
	refuses := faultproxy.New(t, g.URL)
	refuses.On("PUT /api/v1/repos/*", 100, faultproxy.Status(http.StatusForbidden, ""))
	bind(t, h, "gitea", refuses.URL, g.Org, g.Token, "protect=false")
	id, err := h.Create(h.Fixture("solo", "shopkeepers", "none"))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := h.Ended(id); err != nil || r.State != pave.RunStopped {
		t.Errorf("refused half way: %s %s, %v", r.State, r.Reason, err)
	}
	refuses.Clear()
	run(t, h, "undo", id, "--yes")
	if names := g.Names(); !slices.Equal(names, []string{"shop"}) {
		t.Errorf("taken back, the host has %v", names)
	}
	run(t, h, "delete", "service", "shop", "--yes")
	if names := g.Names(); len(names) != 1 || !strings.HasPrefix(names[0], "shop-aside-") {
		t.Errorf("deleted, the host has %v", names)
	}
	run(t, h, "restore", "shop", "--yes")
	if names := g.Names(); !slices.Equal(names, []string{"shop"}) {
		t.Errorf("brought back, the host has %v", names)
	}
	if out, err := h.Command(t.Context(), "import", "gitea", "--org", "nobody"); err == nil || !strings.Contains(out+err.Error(), `gitea has no organisation "nobody" that`) {
		t.Errorf("an organisation that is not there: %s, %v", out, err)
	}
	// New repositories are made elsewhere from now on; what was imported goes on being known.
	run(t, h, "unbind", "default", "repository")
	if out := run(t, h, "import", "gitea", "--org", "acme", "--entity-file", "none"); !strings.Contains(out, "repositories known: 1") {
		t.Errorf("no longer bound, import says %s", out)
	}
	if out, err := h.Command(t.Context(), "import", "gitea"); err == nil || !strings.Contains(out+err.Error(), "pave import gitea --org acme goes on") {
		t.Errorf("which organisation it knows: %s, %v", out, err)
	}
	if out, err := h.Command(t.Context(), "import", "gitea", "--org", "emca"); err == nil || !strings.Contains(out+err.Error(), "gitea is not bound") {
		t.Errorf("an organisation that never was: %s, %v", out, err)
	}
}

// knowsOrganisation lets the catalog know the organisation, with what its files say: one document of
// which is bad.
func knowsOrganisation(t *testing.T, h *world.Home, g *gitea.Server) {
	t.Helper()
	g.World().Do(t, "POST", "orgs/"+g.Org+"/repos", map[string]any{"name": "ledger", "default_branch": "main"})
	remote := func() string {
		return strings.Replace(g.URL, "http://", "http://pave:"+g.Token+"@", 1) + "/" + g.Org + "/ledger.git"
	}
	_, err := h.CommitTo(remote, map[string]string{"catalog-info.yaml": `apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: ledger, description: Keeps the books, tags: [go]}
spec: {type: service, lifecycle: production, owner: money, dependsOn: [component:shop]}
---
apiVersion: backstage.io/v1alpha1
kind: Resuorce
metadata: {name: ledger-db}
`})
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, h, "import", "gitea")
	for _, want := range []string{"acme: repositories known: 2, with a service of pave: 1", "catalog-info.yaml: looked for now: 2, entities known: 2 in 2 repositories\n",
		`! ledger: catalog-info.yaml: document 2 (line 6): kind "Resuorce" is not known (did you mean Resource?)`} {
		if !strings.Contains(out, want) {
			t.Errorf("import does not say %s: %s", want, out)
		}
	}
	for ref, wants := range map[string][]string{
		"component:gitea:acme/ledger":  {"Keeps the books", "/acme/ledger catalog-info.yaml at main", "money", "depends-on", "component:shop", "repository:gitea:acme/ledger"},
		"component:shop":               {"Sells things", "catalog-info.yaml at ", "component:gitea:acme/ledger", "owned-by"},
		"repository:gitea:acme/ledger": {`kind "Resuorce" is not known`, "holds"},
	} {
		out := run(t, h, "describe", "entity", ref)
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s has no %s: %s", ref, want, out)
			}
		}
	}
	g.World().Do(t, "DELETE", "repos/"+g.Org+"/ledger", nil)
	if out := run(t, h, "import", "gitea", "--entity-file", "none"); !strings.Contains(out, "1 known before are not there any more") {
		t.Errorf("import says %s", out)
	}
	if out := run(t, h, "list", "entities"); strings.Contains(out, "ledger ") || strings.Contains(out, "acme/ledger\t") {
		t.Errorf("what is gone is known: %s", out)
	}
}

// proposes shows what the host ran, and opens changes there.
func proposes(t *testing.T, h *world.Home, remote, commit string) {
	t.Helper()
	if out := run(t, h, "list", "checks", "--service", "shop"); !strings.Contains(out, "ci") || !strings.Contains(out, commit[:7]) || !strings.Contains(out, "success") {
		t.Errorf("what the host ran is %s", out)
	}
	id := strings.TrimSpace(run(t, h, "list", "checks", "--service", "shop", "-o", "name"))
	if out := run(t, h, "describe", "check", id, "--service", "shop", "--json", "commit,jobs"); !strings.Contains(out, commit) || !strings.Contains(out, `"test"`) {
		t.Errorf("the check is %s", out)
	}
	if out, err := h.Command(t.Context(), "propose", "change", "shop", "--branch", "refunds"); err == nil || !strings.Contains(out+err.Error(), "no branch on gitea") {
		t.Errorf("a branch that is not there: %s, %v", out, err)
	}
	push := exec.CommandContext(t.Context(), "git", "--git-dir", filepath.Join(h.Dir, "git", "shop.git"), "push", "-q", remote, commit+":refs/heads/refunds")
	if out, err := push.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out := run(t, h, "list", "proposals", "--service", "shop"); !strings.Contains(out, "asked ") || !strings.Contains(out, "no proposals") {
		t.Errorf("before anything is proposed: %s", out)
	}
	first := run(t, h, "propose", "change", "shop", "--branch", "refunds", "--title", "Refunds", "--json", "url,number")
	if again := run(t, h, "propose", "change", "shop", "--branch", "refunds", "--json", "url,number"); again != first || !strings.Contains(first, "/pulls/") {
		t.Errorf("proposed %s and then %s", first, again)
	}
	if out := run(t, h, "list", "proposals", "--service", "shop", "-o", "name"); out != "1\n" {
		t.Errorf("open are %q", out)
	}
	if out := run(t, h, "audit", "--json", "action,object"); strings.Count(out, `"propose"`) != 3 {
		t.Errorf("the audit log has %s", out)
	}
}

// tokenStays binds to another address without giving the token again: it is not sent there.
func tokenStays(t *testing.T, h *world.Home) {
	t.Helper()
	calls := make(chan string, 100)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { calls <- r.Header.Get("Authorization") }))
	defer other.Close()
	out, err := h.Command(t.Context(), "bind", "default", "repository", "gitea", "--url", other.URL)
	if err == nil || !strings.Contains(out+err.Error(), "--secret token") || len(calls) > 0 {
		t.Errorf("bound to another address: %s, %v; %d calls came there", out, err, len(calls))
	}
}

// bind binds the repositories of all services to a host on this machine.
func bind(t *testing.T, h *world.Home, provider, url, org, token string, set ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"bind", "default", "repository", provider, "--url", url, "--org", org, "--set", "allow=127.0.0.1", "--secret-file", "token=" + file}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	run(t, h, args...)
}

// run runs a command that has to do well.
func run(t *testing.T, h *world.Home, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := h.Command(ctx, args...)
	if err != nil {
		t.Fatalf("pave %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// statusOn is the state under a name that a host shows for a commit.
func statusOn(t *testing.T, g *gitea.Server, commit, name string) string {
	t.Helper()
	_, all := g.World().Do(t, "GET", "repos/"+g.Org+"/shop/commits/"+commit+"/status", nil)
	whole, _ := all.(map[string]any)
	list, _ := whole["statuses"].([]any)
	for _, one := range list {
		if m, _ := one.(map[string]any); m["context"] == name {
			return fmt.Sprint(m["status"])
		}
	}
	return ""
}
