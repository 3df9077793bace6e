package vault

import (
	"context"
	"net/http"
	"time"

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
	cfg, err := configOf(b.Settings)
	if err != nil {
		return []pave.Check{failedCheck("vault", err)}
	}
	return checked(ctx, cfg.server, d.Timeout, b, []question{
		{"vault store " + cfg.mount, cfg.store.check},
		{"vault policy", cfg.store.policy},
	})
}

// A question is what is asked of a server where pave is let in.
type question struct {
	name string
	ask  func(context.Context, *session) (string, error)
}

// checked asks whether a server can be used and lets pave in, and then what more is asked,
// until something fails.
func checked(ctx context.Context, cfg server, timeout time.Duration, b resource.Opened, more []question) []pave.Check {
	s, err := newSession(cfg, timeout)
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
	for _, q := range append([]question{
		{"vault " + cfg.address.Host, health},
		{"vault sign-in by " + cfg.auth, func(ctx context.Context, s *session) (string, error) {
			_, err := s.signed(ctx, pave.Secret{})
			return s.until(), err
		}},
	}, more...) {
		detail, err := q.ask(ctx, s)
		if err != nil {
			return append(out, failedCheck(q.name, err))
		}
		out = append(out, pave.Check{Name: q.name, OK: true, Detail: detail})
	}
	return out
}

func failedCheck(name string, err error) pave.Check {
	return pave.Check{Name: name, Detail: err.Error(), Fix: or(pave.HintOf(err), "pave bind ... says it anew")}
}

// health says what the server is at: sealed, standby and not reached are told apart.
func health(ctx context.Context, s *session) (string, error) {
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

// mounted says what is mounted at a path; Denied where nothing is that pave may see. fix
// tells how a thing of that kind is mounted.
func (s *session) mounted(ctx context.Context, mount, kind, fix string) (is, version string, err error) {
	var got struct {
		Data struct {
			Type    string
			Options map[string]string
		}
	}
	err = s.do(ctx, call{method: http.MethodGet, path: "sys/internal/ui/mounts/" + mount, out: &got})
	if a, ok := answerOf(err); ok && (a.status == http.StatusForbidden || a.status == http.StatusNotFound || a.status == http.StatusBadRequest) {
		return "", "", pave.Errorf(pave.Denied, "there is no %s at %q, or none that pave may see", kind, mount).
			WithHint("vault secrets enable -path=%s %s, and the policy in docs/vault.md", mount, fix)
	}
	return got.Data.Type, or(got.Data.Options["version"], "1"), err
}

// check sees that the mount is a KV store of version 2.
func (c store) check(ctx context.Context, s *session) (string, error) {
	is, version, err := s.mounted(ctx, c.mount, "store", "kv-v2")
	if err != nil {
		return "", err
	}
	if is != "kv" || version != "2" {
		return "", pave.Errorf(pave.Invalid, "%q is a store of %s version %s, not of kv version 2", c.mount, is, version).
			WithHint("vault kv enable-versioning %s, or pave bind ... --set mount=MOUNT", c.mount)
	}
	return "kv version 2", nil
}

// policy asks for the capabilities at the place of an entry that stands for all.
func (c store) policy(ctx context.Context, s *session) (string, error) {
	path := c.entry("pave-check", "pave-check", "pave-check")
	rules := c.rules()
	for i, w := range wants {
		rules[i].like = c.mount + "/" + w.door + "/" + path
	}
	if err := s.allowed(ctx, rules); err != nil {
		return "", err
	}
	return "all that is needed below " + c.mount + "/data/" + c.below(), nil
}

// rules are the policy that the driver needs.
func (c store) rules() []rule {
	var out []rule
	for _, w := range wants {
		out = append(out, rule{path: c.mount + "/" + w.door + "/" + c.below(), capabilities: w.capabilities})
	}
	return out
}

func (c store) policyText() string { return policyText(c.rules()) }

// below is where all entries lie, as a policy says it.
func (c store) below() string {
	prefix, _ := c.root()
	if prefix == "" {
		return "*"
	}
	return prefix + "/*"
}
