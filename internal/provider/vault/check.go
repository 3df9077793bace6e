package vault

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// wants are the capabilities that the driver needs, by door of the store.
var wants = []struct {
	door         string
	capabilities []string
}{
	{"data", []string{"create", "read", "update", "patch"}},
	{"metadata", []string{"read", "list", "patch", "delete"}},
	{"destroy", []string{"update"}},
}

// CheckBinding asks whether the server can be used, whether it lets pave in, whether the
// store is of version 2, and which capabilities its policies lack.
func (d *Driver) CheckBinding(ctx context.Context, b resource.Opened) []pave.Check {
	s, err := d.newSession(b.Settings)
	if err != nil {
		return []pave.Check{failedCheck("vault", err)}
	}
	s.secret = func(_ context.Context, name string) (pave.Secret, error) {
		if v := b.Secrets[name]; !v.IsZero() {
			return v, nil
		}
		return pave.Secret{}, pave.Errorf(pave.Invalid, "the binding has no %s", name)
	}
	defer s.signOut(ctx)
	var out []pave.Check
	for _, step := range []struct {
		name string
		ask  func(context.Context) (string, error)
	}{
		{"vault " + s.cfg.address.Host, s.health},
		{"vault sign-in by " + s.cfg.auth, func(ctx context.Context) (string, error) {
			_, err := s.signed(ctx, pave.Secret{})
			return s.until(), err
		}},
		{"vault store " + s.cfg.mount, s.store},
		{"vault policy", s.policy},
	} {
		detail, err := step.ask(ctx)
		if err != nil {
			return append(out, failedCheck(step.name, err))
		}
		out = append(out, pave.Check{Name: step.name, OK: true, Detail: detail})
	}
	return out
}

func failedCheck(name string, err error) pave.Check {
	return pave.Check{Name: name, Detail: err.Error(), Fix: or(pave.HintOf(err), "pave bind ... says it anew")}
}

// health says what the server is at: sealed, standby and not reached are told apart.
func (s *session) health(ctx context.Context) (string, error) {
	var got struct {
		Version string
		Standby bool
	}
	err := s.once(ctx, pave.Secret{}, call{method: http.MethodGet, path: "sys/health", query: "standbyok=true&perfstandbyok=true", out: &got})
	if a, ok := answerOf(err); ok {
		switch a.status {
		case 501:
			return "", pave.Errorf(pave.Unavailable, "%s is not initialized", a.server).WithHint("an operator of Vault sets it up: vault operator init")
		case 503:
			return "", pave.Errorf(pave.Unavailable, "%s is sealed", a.server).WithHint("an operator of Vault unseals it: vault operator unseal")
		case 472:
			return "", pave.Errorf(pave.Unavailable, "%s is the secondary of a disaster recovery", a.server).WithHint("bind the address of the primary")
		}
	}
	if err != nil {
		return "", err
	}
	detail := "version " + got.Version
	if got.Standby {
		detail += ", standby: it hands on to the active one"
	}
	if s.cfg.address.Scheme == "http" {
		detail += "; http: whoever is on the way reads tokens and values"
	}
	return detail, nil
}

// until says how long the token is good.
func (s *session) until() string {
	_, _, _, end := s.held()
	if end.IsZero() {
		return "a token without an end"
	}
	return "a token until " + end.Format("2006-01-02 15:04:05") + ", made anew before"
}

// store sees that the mount is a KV store of version 2.
func (s *session) store(ctx context.Context) (string, error) {
	var got struct {
		Data struct {
			Type    string
			Options map[string]string
		}
	}
	err := s.do(ctx, call{method: http.MethodGet, path: "sys/internal/ui/mounts/" + s.cfg.mount, out: &got})
	if a, ok := answerOf(err); ok && (a.status == http.StatusForbidden || a.status == http.StatusNotFound || a.status == http.StatusBadRequest) {
		return "", pave.Errorf(pave.Denied, "there is no store at %q, or none that pave may see", s.cfg.mount).
			WithHint("vault secrets enable -path=%s kv-v2, and the policy in docs/vault.md", s.cfg.mount)
	}
	if err != nil {
		return "", err
	}
	if got.Data.Type != "kv" || got.Data.Options["version"] != "2" {
		return "", pave.Errorf(pave.Invalid, "%q is a store of %s version %s, not of kv version 2", s.cfg.mount, got.Data.Type, or(got.Data.Options["version"], "1")).
			WithHint("vault kv enable-versioning %s, or pave bind ... --set mount=MOUNT", s.cfg.mount)
	}
	return "kv version 2", nil
}

// policy asks for the capabilities at the place of an entry that stands for all.
func (s *session) policy(ctx context.Context) (string, error) {
	path := s.cfg.entry("pave-check", "pave-check", "pave-check")
	var paths []string
	for _, w := range wants {
		paths = append(paths, s.cfg.mount+"/"+w.door+"/"+path)
	}
	var got struct{ Data map[string]any }
	err := s.do(ctx, call{method: http.MethodPost, path: "sys/capabilities-self", in: map[string]any{"paths": paths}, out: &got})
	if err != nil {
		return "", err
	}
	missing := map[string][]string{}
	for i, w := range wants {
		has := fmt.Sprint(got.Data[paths[i]])
		for _, c := range w.capabilities {
			if !slices.Contains(strings.Fields(strings.Trim(has, "[]")), c) && has != "[root]" {
				missing[w.door] = append(missing[w.door], c)
			}
		}
	}
	if len(missing) == 0 {
		return "all that is needed below " + s.cfg.mount + "/data/" + s.below(), nil
	}
	var parts []string
	for _, door := range slices.Sorted(maps.Keys(missing)) {
		parts = append(parts, fmt.Sprintf("%s on %s/%s/%s", strings.Join(missing[door], ", "), s.cfg.mount, door, s.below()))
	}
	return "", pave.Errorf(pave.Denied, "its policies lack %s", strings.Join(parts, "; ")).WithHint("vault policy write pave - with: %s", s.cfg.policyText())
}

// below is where all entries lie, as a policy says it.
func (s *session) below() string { return s.cfg.below() }

func (c config) below() string {
	prefix, _ := c.root()
	if prefix == "" {
		return "*"
	}
	return prefix + "/*"
}

// policyText is the policy that the driver needs, on one line.
func (c config) policyText() string {
	var out []string
	for _, w := range wants {
		out = append(out, fmt.Sprintf(`path "%s/%s/%s" { capabilities = ["%s"] }`, c.mount, w.door, c.below(), strings.Join(w.capabilities, `", "`)))
	}
	return strings.Join(out, " ")
}
