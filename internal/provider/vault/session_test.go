package vault

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
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

const (
	logins   = "/v1/auth/*/login"
	renewals = "/v1/auth/token/renew-self"
)

// A token is renewed before it ends, a new one gotten before that is refused too, and no
// call fails for it.
func TestTokenIsRenewed(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		p := faultproxy.New(t, s.URL)
		l := newLab(t, s, p.URL, time.Second)
		r := l.fresh()
		l.apply(r)
		p.Clear()
		calls := 0
		for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); calls++ {
			if _, err := l.Observe(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n, m := len(p.Calls(logins)), len(p.Calls(renewals)); m == 0 || n == 0 || n+m > 15 {
			t.Errorf("%d logins and %d renewals for %d calls", n, m, calls)
		}
	})
}

// A token that was revoked is replaced in the midst of the work, once; where that does not
// help the error says what to do.
func TestTokenIsRefused(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		p := faultproxy.New(t, s.URL)
		l := newLab(t, s, p.URL, time.Hour)
		r := l.fresh()
		l.apply(r)
		s.Revoke()
		p.Clear()
		if _, err := l.Observe(t.Context(), r); err != nil || len(p.Calls(logins)) != 1 {
			t.Errorf("after the token was revoked: %v, %d logins", err, len(p.Calls(logins)))
		}
		s.Revoke()
		p.Clear()
		l.values.put("binding", canary+"-not-it")
		_, err := l.Observe(t.Context(), r)
		if pave.CodeOf(err) != pave.Denied || !strings.Contains(pave.HintOf(err), "--secret-file secret_id=FILE") || strings.Contains(fmt.Sprint(err, pave.HintOf(err)), canary) {
			t.Errorf("a secret id that is not good: %v (%s)", err, pave.HintOf(err))
		}
		if n := len(p.Calls("*")); n > 3 {
			t.Errorf("%d calls", n)
		}
	})
}

// What the policy does not allow is refused for good, with one login more and no value.
func TestNotAllowed(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		s.Policy(`path "secret/data/teams/*" { capabilities = ["read"] }`)
		r := l.fresh()
		_, err := l.Apply(t.Context(), r)
		if pave.CodeOf(err) != pave.Denied || !strings.Contains(fmt.Sprint(err), "permission denied") || pave.HintOf(err) == "" || strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%v (%s)", err, pave.HintOf(err))
		}
		if got := s.Get(path(r)); got != nil {
			t.Errorf("written all the same: %v", got)
		}
	})
}

// A token that was given is used as it is; where it ends a new one is bound in its place.
func TestGivenToken(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		give := func(ttl string) {
			_, out := s.Call("POST", "auth/token/create", map[string]any{"policies": []string{"pave"}, "ttl": ttl, "explicit_max_ttl": ttl})
			auth, _ := out["auth"].(map[string]any)
			token, _ := auth["client_token"].(string)
			l.values.put("token", token+"\n")
		}
		l.bound = resource.Bound{Settings: maps.Clone(l.bound.Settings), Secrets: map[string]string{"token": "token"}}
		l.bound.Settings["auth"] = "token"
		give("1s")
		r := l.fresh()
		l.apply(r)
		var err error
		for end := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			_, err = l.Observe(t.Context(), r)
		}
		if pave.CodeOf(err) != pave.Denied || !strings.Contains(pave.HintOf(err), "--secret-file token=FILE") {
			t.Errorf("a token that ended: %v (%s)", err, pave.HintOf(err))
		}
		give("1h")
		if _, err := l.Observe(t.Context(), r); err != nil {
			t.Errorf("with a new token: %v", err)
		}
	})
}

// A service account signs in with its token, which is read anew each time.
func TestServiceAccount(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	p := faultproxy.New(t, s.URL)
	file := filepath.Join(t.TempDir(), "token")
	l := newLab(t, s, p.URL, time.Hour)
	l.bound = resource.Bound{Settings: maps.Clone(l.bound.Settings)}
	maps.Copy(l.bound.Settings, map[string]string{"auth": "kubernetes", "auth_mount": "cluster/one", "role": "pave", "jwt_file": file, "namespace": "org/a"})
	door := func(x *faultproxy.Exchange) {
		var in struct{ Role, JWT string }
		if json.Unmarshal(x.Body(), &in) != nil || in.Role != "pave" || in.JWT != "ey.second.x" || x.R.Header.Get("X-Vault-Namespace") != "org/a" {
			faultproxy.Status(403, "")(x)
			return
		}
		faultproxy.Body(200, "application/json", `{"auth": {"client_token": "`+s.Token+`", "lease_duration": 3600, "renewable": true}}`)(x)
	}
	r := l.fresh()
	if _, err := l.Apply(t.Context(), r); pave.CodeOf(err) != pave.Denied || pave.HintOf(err) == "" {
		t.Errorf("without a token: %v", err)
	}
	for text, want := range map[string]pave.Code{"ey.first.x": pave.Denied, "ey.second.x\n": "", canary: pave.Denied, "": pave.Denied, "a.b.c\nd": pave.Denied} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l.sessions = sessions{}
		p.Clear()
		p.On("POST /v1/auth/cluster/one/login", 0, door)
		if _, err := l.Apply(t.Context(), r); pave.CodeOf(err) != want || strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("with %q: %v, want %q", text, err, want)
		}
		if n := len(p.Calls(logins)); (n > 0) != strings.HasPrefix(text, "ey.") {
			t.Errorf("with %q: %d logins", text, n)
		}
	}
}

// Sealed is no absence, and passes.
func TestSealed(t *testing.T) {
	vaulttest.Each(t, func(t *testing.T, s *vaulttest.Server) {
		l := newLab(t, s, s.URL, time.Hour)
		r := l.fresh()
		l.apply(r)
		s.Seal()
		_, err := l.Observe(t.Context(), r)
		if pave.CodeOf(err) != pave.Unavailable || !strings.Contains(fmt.Sprint(err), "sealed") || !strings.Contains(pave.HintOf(err), "unseal") {
			t.Errorf("%v (%s)", err, pave.HintOf(err))
		}
		s.Unseal()
		l.persist((*lab).doApply, r)
	})
}

// Whom the driver talks to: a certificate is held to the authorities of the binding, and
// a private address is only reached where that was said.
func TestWhomItTrusts(t *testing.T) {
	t.Parallel()
	s := vaulttest.New(t)
	l := newLab(t, s, s.URL, time.Hour)
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(front.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(front), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set  map[string]string
		want string
		hint string
	}{
		"no authority":    {map[string]string{"address": front.URL}, "certificate that is not trusted", "ca_file=FILE"},
		"with authority":  {map[string]string{"address": front.URL, "ca_file": ca}, "418", ""},
		"private address": {map[string]string{"allow": ""}, "not a public address", "--set allow=127.0.0.1:"},
	} {
		l.bound.Settings = maps.Clone(l.bound.Settings)
		was := maps.Clone(l.bound.Settings)
		maps.Copy(l.bound.Settings, c.set)
		_, err := l.Observe(t.Context(), l.fresh())
		if err == nil || pave.CodeOf(err) == pave.Unavailable || !strings.Contains(err.Error(), c.want) || !strings.Contains(pave.HintOf(err), c.hint) {
			t.Errorf("%s: %v (%s, %s)", name, err, pave.CodeOf(err), pave.HintOf(err))
		}
		l.bound.Settings = was
	}
}
