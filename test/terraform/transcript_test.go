package terraform_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pave-platform/pave/test/githost/github"
)

// The whole road with the systems of an organisation: a repository on GitHub, a role and
// a database by Terraform, the secrets in GitHub's environment; one command, and nothing
// is left to be done by hand. One more command takes it all back.
func TestTranscript(t *testing.T) {
	l := newLab(t)
	g := github.New(t)
	g.Teams["web"] = true
	dir := t.TempDir()
	file := func(name, text string) string {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	role, err := filepath.Abs("modules/role")
	if err != nil {
		t.Fatal(err)
	}
	l.pave("bind", "default", "repository", "github", "--url", g.URL, "--org", github.Org, "--set", "allow=127.0.0.1",
		"--secret-file", "token="+file("token", g.Token().Reveal()))
	l.pave("bind", "default", "pipeline", "github")
	l.pave("bind", "staging", "role", "terraform", "--module", role, "--mirror", l.mirror, "--secret-file", "PAVETEST_URL="+file("url", l.pg.URL("postgres")))

	l.has(l.pave(append([]string{"plan"}, l.create("shop")...)...), "private repository "+g.URL, "main is protected", "+ pavetest_role.this", "+ pavetest_database.this")
	if _, made := g.See("shop"); made || l.there("shop") != "0 0" {
		t.Fatal("a plan made something")
	}
	out := l.pave(l.create("shop")...)
	l.has(out, "Repository", "Role ", "Database ", "CI secrets ", `Service "shop" is live.`,
		"Repo   "+g.URL+"/"+github.Org+"/shop.git", "CI/CD  "+g.URL+"/"+github.Org+"/shop/actions")
	l.live("shop")
	seen, ok := g.See("shop")
	given := seen.EnvSecrets["staging"]
	if !ok || seen.Teams["web"] != "push" || g.Protection("shop") == nil || given["DATABASE_URL"] == "" || given["AWS_ROLE_ARN"] != "shop_staging_cloud" {
		t.Errorf("on the host is %+v, protected by %v", seen, g.Protection("shop"))
	}
	if url, err := l.Variable("shop", "staging", "DATABASE_URL"); err != nil || url != given["DATABASE_URL"] {
		t.Errorf("pipelines and processes do not get the same database: %v", err)
	}
	if arn, err := l.Variable("shop", "staging", "AWS_ROLE_ARN"); err != nil || arn != "shop_staging_cloud" {
		t.Errorf("processes are %q, %v", arn, err)
	}
	l.pave("unbind", "staging", "role") // what was made stays, in what a rollout brings too
	l.pave("restart", "shop", "--env", "staging", "--yes")
	if arn, err := l.Variable("shop", "staging", "AWS_ROLE_ARN"); err != nil || arn != "shop_staging_cloud" {
		t.Errorf("once nobody makes roles, new processes are %q, %v", arn, err)
	}
	if got := l.there("shop"); got != "2 1" {
		t.Errorf("terraform made %s", got)
	}
	l.pave("delete", "service", "shop", "--yes")
	if seen, ok := g.See("shop"); ok || l.there("shop") != "0 0" {
		t.Errorf("taken back, there is %v %+v and %s", ok, seen.Topics, l.there("shop"))
	}
}
