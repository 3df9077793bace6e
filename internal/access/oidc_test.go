package access

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	pave "github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/test/openid"
)

// A visit is one login: a program waits, a person goes to the provider and back.
type visit struct {
	t        *testing.T
	a        *Access
	device   pave.Device
	browser  string
	callback url.Values
}

const callback = "http://127.0.0.1:1/login/callback"

func withProvider(t *testing.T, rules ...GroupRule) (*Access, *openid.Provider) {
	t.Helper()
	a := New(newDB(t))
	p := openid.New(t, callback)
	a.UseOIDC(OIDC{Issuer: p.URL, ClientID: p.ClientID, Secret: pave.NewSecret(p.Secret), Redirect: callback, Groups: rules, HTTP: http.DefaultClient})
	return a, p
}

// goes lets a person go to the provider and come back as far as our door.
func goes(t *testing.T, a *Access) visit {
	t.Helper()
	v := visit{t: t, a: a}
	var err error
	if v.device, err = a.StartDevice(t.Context(), "laptop"); err != nil {
		t.Fatal(err)
	}
	address, browser, err := a.StartOIDC(t.Context(), v.device.Code)
	if err != nil {
		t.Fatal(err)
	}
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("the provider refused: %s", resp.Status)
	}
	v.browser, v.callback = browser, back.Query()
	return v
}

func (v visit) finish() (pave.User, error) {
	return v.a.FinishOIDC(v.t.Context(), v.callback.Get("state"), v.browser, v.callback.Get("code"))
}

func TestOIDC(t *testing.T) {
	t.Parallel()
	a, p := withProvider(t)
	v := goes(t, a)
	ada, err := v.finish()
	if err != nil || ada.Name != "ada" || ada.Admin || ada.Viewer {
		t.Fatalf("the first login makes a user without rights: %+v %v", ada, err)
	}
	token, err := a.DeviceToken(t.Context(), v.device.Secret)
	if err != nil || token.User != "ada" {
		t.Errorf("the program is signed in: %+v %v", token, err)
	}
	if _, err := v.finish(); pave.CodeOf(err) != pave.Denied {
		t.Errorf("a state works once: %v", err)
	}
	p.Say(map[string]any{"sub": "u1", "preferred_username": "renamed", "email": "other@example.com"}, nil)
	if u, err := goes(t, a).finish(); err != nil || u.ID != ada.ID {
		t.Errorf("the subject is who they are, whatever they are called: %+v %v", u, err)
	}
	p.Say(map[string]any{"sub": "u2", "preferred_username": "ada", "email": "ada@example.com", "email_verified": "false"}, nil)
	if u, err := goes(t, a).finish(); err != nil || u.ID == ada.ID || u.Name != "ada-2" {
		t.Errorf("the same name or e-mail is nobody's proof: %+v %v", u, err)
	}
	p.Rotate()
	if _, err := goes(t, a).finish(); err != nil {
		t.Errorf("the provider's keys may change: %v", err)
	}
	for name, want := range map[string]string{"Ada Lovelace": "adalovelace", "../../etc": "etc", "\x1b[31m": "m", "": "user", "42": "user", "ada@x": "ada"} {
		if got := userName(identity{Name: name}); got != want || checkUserName(got) != nil {
			t.Errorf("%q is called %q, want %q", name, got, want)
		}
	}
}

// TestOIDCRefuses: what a provider, a browser or somebody between them may send that
// is no login.
func TestOIDCRefuses(t *testing.T) {
	t.Parallel()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func(*openid.Provider, *jwt.Token) any {
		return func(_ *openid.Provider, t *jwt.Token) any { t.Claims.(jwt.MapClaims)[name] = value; return nil }
	}
	for what, wrong := range map[string]func(*openid.Provider, *jwt.Token) any{
		"issuer":           claim("iss", "https://other.example"),
		"audience":         claim("aud", "grafana"),
		"audiences":        claim("aud", []string{"pave", "grafana"}),
		"authorized party": claim("azp", "grafana"),
		"expired":          claim("exp", time.Now().Add(-time.Minute).Unix()),
		"not yet":          claim("nbf", time.Now().Add(time.Hour).Unix()),
		"nonce of another": claim("nonce", strings.Repeat("x", 43)),
		"no nonce":         claim("nonce", ""),
		"nobody":           claim("sub", ""),
		"groups, no list":  claim("groups", map[string]any{"a": 1}),
		"algorithm none": func(_ *openid.Provider, t *jwt.Token) any {
			t.Method, t.Header["alg"] = jwt.SigningMethodNone, "none"
			return jwt.UnsafeAllowNoneSignatureType
		},
		"shared secret": func(p *openid.Provider, t *jwt.Token) any {
			t.Method, t.Header["alg"] = jwt.SigningMethodHS256, "HS256"
			return []byte(p.Secret)
		},
		"key of a stranger": func(*openid.Provider, *jwt.Token) any { return stranger },
		"unknown kid":       func(_ *openid.Provider, t *jwt.Token) any { t.Header["kid"] = "../../dev/null"; return stranger },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a, p := withProvider(t)
			p.Say(map[string]any{"sub": "u1", "preferred_username": "ada"}, func(token *jwt.Token) any { return wrong(p, token) })
			v := goes(t, a)
			if u, err := v.finish(); pave.CodeOf(err) != pave.Denied || pave.HintOf(err) == "" {
				t.Errorf("%+v %v", u, err)
			}
			if token, err := a.DeviceToken(t.Context(), v.device.Secret); err == nil {
				t.Errorf("the program was signed in: %+v", token)
			}
		})
	}
}

// TestOIDCStates: a login belongs to the browser and the state that began it.
func TestOIDCStates(t *testing.T) {
	t.Parallel()
	a, _ := withProvider(t)
	mine, theirs := goes(t, a), goes(t, a)
	for what, v := range map[string]visit{
		"no state":        {browser: mine.browser, callback: url.Values{"code": mine.callback["code"]}},
		"other state":     {browser: mine.browser, callback: url.Values{"code": mine.callback["code"], "state": {"x"}}},
		"no browser":      {callback: theirs.callback},
		"other browser":   {browser: mine.browser, callback: theirs.callback},
		"code of another": {browser: mine.browser, callback: url.Values{"code": theirs.callback["code"], "state": mine.callback["state"]}},
	} {
		if what == "other browser" || what == "no browser" { // each uses a state up
			other := goes(t, a)
			v.callback = other.callback
		}
		v.t, v.a = t, a
		if u, err := v.finish(); pave.CodeOf(err) != pave.Denied {
			t.Errorf("%s: %+v %v", what, u, err)
		}
	}
	if _, _, err := a.StartOIDC(t.Context(), "ABCD-EFGH"); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("no program waits: %v", err)
	}
	if _, _, err := New(newDB(t)).StartOIDC(t.Context(), mine.device.Code); pave.CodeOf(err) != pave.NotFound {
		t.Errorf("no provider: %v", err)
	}
}

// TestGroups: groups give the roles of the rules, and take them; others stay.
func TestGroups(t *testing.T) {
	t.Parallel()
	a, p := withProvider(t, GroupRule{"eng", "web", pave.RoleDeveloper}, GroupRule{"leads", "web", pave.RoleLead}, GroupRule{"ops", "", pave.RoleAdmin}, GroupRule{"eng", "gone", pave.RoleLead})
	root, err := a.EnsureUser(t.Context(), "root", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.EnsureTeam(t.Context(), "web", root.ID, "run_1"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		groups []string
		role   string
		admin  bool
	}{{[]string{"eng", "leads"}, pave.RoleLead, false}, {[]string{"eng", "ops"}, pave.RoleDeveloper, true}, {nil, "", false}} {
		p.Say(map[string]any{"sub": "u1", "preferred_username": "ada", "groups": c.groups}, nil)
		u, err := goes(t, a).finish()
		if err != nil {
			t.Fatal(err)
		}
		who, err := a.PrincipalOf(t.Context(), u.ID)
		role := ""
		if len(who.Teams) == 1 {
			role = who.Teams[0].Role
		}
		if err != nil || role != c.role || who.User.Admin != c.admin {
			t.Errorf("groups %v: %+v %v", c.groups, who, err)
		}
	}
	for _, bad := range []string{"", "eng", "=web:lead", "eng=web:boss", "eng=Web!:lead", "eng=lead", "eng=:lead"} {
		if _, err := ParseGroupRule(bad); pave.CodeOf(err) != pave.Invalid {
			t.Errorf("rule %q: %v", bad, err)
		}
	}
}

func newDB(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "pave.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func FuzzGroupRule(f *testing.F) {
	f.Add("eng=web:lead")
	f.Add("ops=admin")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseGroupRule(text); err == nil && (r.Group == "" || rank(r.Role) < 1) {
			t.Errorf("%q: %+v", text, r)
		}
		if name := userName(identity{Name: text}); checkUserName(name) != nil {
			t.Errorf("%q is called %q", text, name)
		}
	})
}
