package vault

import (
	"encoding/pem"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/vault/vaulttest"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/test/faultproxy"
)

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// verdict is what the checks of a binding say: the one that fails, with its fix, or how
// many are good.
func (l *lab) verdict(settings map[string]string) string {
	b, err := l.bound.Open(l.t.Context(), l.values)
	if err != nil {
		l.t.Fatal(err)
	}
	b.Settings = maps.Clone(b.Settings)
	maps.Copy(b.Settings, settings)
	checks := l.CheckBinding(l.t.Context(), b)
	for _, c := range checks {
		if strings.Contains(c.Detail+c.Fix, canary) {
			l.t.Errorf("%s holds the canary", c.Name)
		}
		if !c.OK {
			return fmt.Sprintf("%s: %s | %s", c.Name, c.Detail, c.Fix)
		}
	}
	return fmt.Sprintf("%d good", len(checks))
}

// What is wrong is told apart before anything is made.
func TestCheckBinding(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		has := func(when string, set map[string]string, parts ...string) {
			t.Helper()
			got := l.verdict(set)
			for _, p := range parts {
				if !strings.Contains(got, p) {
					t.Errorf("%s: %q is not in %q", when, p, got)
				}
			}
		}
		has("all is well", nil, "4 good")
		_, out := s.Call("LIST", "auth/token/accessors", nil)
		if data, _ := out["data"].(map[string]any); data != nil && len(data["keys"].([]any)) > 1 {
			t.Errorf("the check leaves tokens: %v", data["keys"])
		}
		has("another mount", map[string]string{"mount": "nothing"}, "vault store nothing", "vault secrets enable -path=nothing kv-v2")
		has("another role", map[string]string{"role": "nobody"}, "sign-in by approle", "does not let pave in", "--secret-file secret_id=FILE")
		has("another path", map[string]string{"path": "apps/{service}-{env}"}, "lack create, read, update, patch on secret/data/apps/*", "update on secret/destroy/apps/*")
		cfg, err := configOf(l.bound.Settings)
		if err != nil {
			t.Fatal(err)
		}
		s.Policy(strings.Replace(cfg.policyText(), `"list", "patch"`, `"list"`, 1))
		has("a policy that lacks one", nil, "policies lack patch on secret/metadata/teams/*", `path "secret/metadata/teams/*" { capabilities = ["read", "list", "patch", "delete"] }`)
		s.Policy(`path "other/*" { capabilities = ["read"] }`)
		has("no policy", nil, "vault store secret", "none that pave may see")
		s.Policy(cfg.policyText())
		l.values.put("binding", canary)
		has("another secret id", nil, "invalid role or secret ID")
		s.Seal()
		has("sealed", nil, "is sealed", "vault operator unseal")
	})
}

func TestCheckReaches(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	p := faultproxy.New(t, s.URL)
	l := newLab(t, s, p.URL, time.Hour)
	for want, fault := range map[string]faultproxy.Fault{
		"is not initialized":                    faultproxy.Status(501, ""),
		"is sealed":                             faultproxy.Body(503, "application/json", `{"sealed": true}`),
		"secondary of a disaster recovery":      faultproxy.Status(472, ""),
		"which is no JSON | is a Vault at http": faultproxy.HTML(200),
		"is not reached":                        faultproxy.Refuse(),
		"4 good":                                faultproxy.Body(200, "application/json", `{"standby": true, "version": "1"}`),
	} {
		p.Clear()
		p.On("/v1/sys/health", 0, fault)
		if got := l.verdict(nil); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	p.Clear()
	if checks := l.CheckBinding(t.Context(), resource.Opened{Settings: l.bound.Settings}); !strings.Contains(checks[0].Detail, "reads tokens and values") {
		t.Errorf("without TLS: %q", checks[0].Detail)
	}
	p.On("/v1/sys/internal/ui/mounts/secret", 0, faultproxy.Body(200, "application/json", `{"data": {"type": "kv", "options": null}}`))
	if got := l.verdict(nil); !strings.Contains(got, "is a store of kv version 1") || !strings.Contains(got, "vault kv enable-versioning secret") {
		t.Errorf("a store of version 1: %q", got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := map[string]string{"address": "https://vault.example.com:8200", "role": "r"}
	for _, c := range []struct{ name, value, want string }{
		{"address", "", "is no address"}, {"address", "vault:8200", "is no address"}, {"address", "ftp://x", "is no address"},
		{"address", "https://me:" + canary + "@x", "is no address"}, {"address", "https://x/v1", "is no address"},
		{"mount", "../sys", "is no path"}, {"mount", "a//b", "is no path"}, {"mount", "/a", "is no path"}, {"mount", "a?b", "is no path"},
		{"mount", "kv/team-a", ""}, {"path", "teams/{team}", "does not tell"}, {"path", "{service}", "does not tell"},
		{"path", "x/{other}/{service}/{env}", "is no path"}, {"path", "{service}/../{env}", "is no path"}, {"path", "{env}/{service}", ""},
		{"path", "a/{service}-{env}", ""}, {"namespace", "a/../b", "is no path"}, {"namespace", "/admin/", ""}, {"auth_mount", "a b", "is no path"},
		{"auth", "ldap", "is no way"}, {"auth", "kubernetes", ""}, {"role", "", "is missing"},
		{"ca_file", "/nowhere", "cannot be read"}, {"ca_file", empty, "holds no certificate"},
	} {
		set := maps.Clone(good)
		set[c.name] = c.value
		_, err := configOf(set)
		if text := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && !strings.Contains(text, c.want) || strings.Contains(text, canary) {
			t.Errorf("%s=%q: %v, want %q", c.name, c.value, err, c.want)
		}
		if c.want != "" && (pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "") {
			t.Errorf("%s=%q: %s, %q", c.name, c.value, pave.CodeOf(err), pave.HintOf(err))
		}
	}
	for path, want := range map[string]string{"teams/{team}/{service}/{env}": "teams 3", "{env}/{service}": " 2", "a/b/{service}-{env}": "a/b 1", "a/x-{service}/{env}": "a 2"} {
		prefix, depth := store{path: path}.root()
		if got := fmt.Sprintf("%s %d", prefix, depth); got != want {
			t.Errorf("%s begins %q, want %q", path, got, want)
		}
	}
}

// The guide gives the policy that the driver needs, and all settings it has.
func TestGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/vault.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := strings.Join(strings.Fields(string(text)), " ")
	cfg := store{mount: "secret", path: defaultPath}
	for _, rule := range strings.SplitAfter(cfg.policyText(), " } ") {
		if !strings.Contains(guide, strings.TrimSpace(rule)) {
			t.Errorf("docs/vault.md lacks %s", rule)
		}
	}
	for _, f := range (&Driver{}).Fields() {
		if !strings.Contains(guide, "`"+f.Name+"`") {
			t.Errorf("docs/vault.md does not tell of %s", f.Name)
		}
	}
}
