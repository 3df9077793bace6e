// Package arrows holds the picture of ARCHITECTURE.md against the code: which
// package may import which. Moving a wall means changing both on purpose.
package arrows

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pave-platform/pave"

// arrows says what each package may import of ours; all may import the root.
// A package that is not listed fails.
var arrows = map[string]string{
	"":                               "",
	"cmd/pave":                       "internal/cli client internal/server internal/embedded",
	"internal/cli":                   "client internal/template internal/pipeline internal/job internal/git internal/source internal/httpc internal/hook templates internal/yamlsize",
	"client":                         "",
	"internal/server":                "*",
	"internal/api":                   "internal/access internal/git internal/once",
	"internal/access":                "internal/store", // HTTP to a provider goes by the client that the server gives
	"internal/once":                  "internal/seal internal/store",
	"internal/webhook":               "internal/access internal/httpc internal/seal internal/store",
	"internal/platform":              "internal/resource internal/workflow internal/release internal/library internal/template internal/pipeline internal/node internal/catalog internal/catalog/entityfile internal/access internal/store internal/yamlsize",
	"internal/backup":                "internal/git internal/store",
	"internal/library":               "internal/template internal/source internal/store",
	"internal/hook":                  "internal/template",
	"internal/source":                "internal/git",
	"internal/httpc":                 "",
	"internal/resource":              "internal/workflow internal/store",
	"internal/workflow":              "internal/store",
	"internal/release":               "internal/store",
	"internal/catalog":               "internal/store",
	"internal/catalog/entityfile":    "internal/yamlsize",
	"internal/pipeline":              "internal/job internal/git internal/workflow internal/yamlsize",
	"internal/node":                  "internal/job internal/seal internal/embedded/control",
	"internal/embedded":              "internal/embedded/control",
	"internal/embedded/control":      "",
	"internal/job":                   "",
	"internal/git":                   "",
	"internal/seal":                  "",
	"internal/store":                 "",
	"internal/yamlsize":              "",
	"internal/template":              "internal/template/jinja internal/template/cookiecutter internal/yamlsize",
	"internal/template/jinja":        "",
	"internal/template/cookiecutter": "internal/template/jinja",
	"internal/provider/embedded":     "internal/resource internal/node internal/git internal/seal",
	"internal/provider/gitlocal":     "internal/resource internal/node internal/git internal/seal",
	"internal/provider/githost":      "internal/provider/gitlocal internal/resource internal/git internal/httpc",
	"internal/provider/github":       "internal/provider/githost internal/git internal/resource internal/httpc",
	"internal/provider/gitea":        "internal/provider/githost internal/git internal/resource internal/httpc",
	"internal/provider/gitlab":       "internal/provider/githost internal/git internal/resource internal/httpc",
	"internal/provider/mysql":        "internal/resource internal/node",
	"internal/provider/postgres":     "internal/resource internal/node internal/git internal/seal",
	"internal/provider/process":      "internal/resource internal/node internal/git internal/seal",
	"internal/provider/rabbitmq":     "internal/resource internal/node",
	"internal/provider/redis":        "internal/resource internal/node internal/git internal/seal",
	"internal/provider/sealed":       "internal/resource internal/node internal/git internal/seal",
	"internal/provider/vault":        "internal/resource internal/httpc",
	"internal/provider/hcp":          "internal/resource internal/provider/terraform internal/httpc",
	"internal/provider/terraform":    "internal/resource internal/node internal/git internal/seal modules",
	"modules":                        "",
	"templates":                      "",

	// Support for tests; nothing of the product imports it.
	"internal/store/storetest":          "internal/store",
	"internal/node/nodetest":            "internal/node",
	"internal/resource/resourcetest":    "internal/resource internal/store internal/workflow",
	"test/fixture/service":              "",
	"test/contract":                     "",
	"test/githost/github":               "internal/git",
	"test/hcp":                          "",
	"test/faultproxy":                   "",
	"test/openid":                       "",
	"test/tofu":                         "",
	"test/bench":                        "",
	"test/docs":                         "",
	"test/githost/gitea":                "internal/git",
	"test/githost/gitlab":               "internal/git",
	"test/world":                        "internal/access internal/job internal/node internal/store test/contract",
	"internal/provider/vault/vaulttest": "",
}

// doors to packages that only a few may use, from outside of the module.
var foreign = map[string][]string{
	"os/exec":                                  {"internal/node/nodetest", "internal/cli", "internal/git", "internal/job", "internal/node", "internal/provider/vault/vaulttest", "internal/server", "internal/store/storetest", "test/bench", "test/githost/gitea", "test/tofu", "test/world"},
	"github.com/jackc/pgx/v5":                  {"internal/provider/postgres", "internal/provider/vault/vaulttest", "internal/store", "internal/store/storetest", "test/fixture/service", "test/world"},
	"github.com/gomodule/redigo/redis":         {"internal/node", "internal/provider/redis"},
	"modernc.org/sqlite":                       {"internal/store"},
	"github.com/coreos/go-oidc/v3/oidc":        {"internal/access"},
	"golang.org/x/oauth2":                      {"internal/access"},
	"github.com/spf13/cobra":                   {"internal/cli"},
	"github.com/danielgtaylor/huma/v2":         {"internal/api"},
	"text/template":                            {},
	"html/template":                            {},
	"github.com/nats-io/nats-server/v2/server": {"internal/embedded"},
	"github.com/versity/versitygw/s3api":       {"internal/embedded"},
	"github.com/go-sql-driver/mysql":           {"internal/provider/mysql", "test/fixture/service"},
	"github.com/hashicorp/go-tfe":              {"internal/provider/hcp", "test/hcp"},
}

func TestArrows(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(strings.TrimPrefix(words[0], module), "/")
		allowed, known := arrows[pkg]
		if !known && len(words) > 1 {
			t.Errorf("package %q is not in the picture: add it to ARCHITECTURE.md and here", pkg)
			continue
		}
		for _, imported := range words[1:] {
			check(t, pkg, imported, strings.Fields(allowed))
		}
	}
}

func check(t *testing.T, pkg, imported string, allowed []string) {
	t.Helper()
	if users, guarded := foreign[imported]; guarded && !slices.Contains(users, pkg) {
		t.Errorf("%s imports %s, which is for %v only", pkg, imported, users)
	}
	own, ok := strings.CutPrefix(imported, module+"/")
	if !ok || slices.Contains(allowed, "*") || slices.Contains(allowed, own) {
		return
	}
	t.Errorf("%s imports %s: no arrow leads there", pkg, own)
}
