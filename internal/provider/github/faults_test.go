package github_test

import (
	"cmp"
	"errors"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/github"
	"github.com/pave-platform/pave/internal/resource"
	hub "github.com/pave-platform/pave/test/githost/github"
)

// Every way a call may go wrong ends in a code that says whether a retry is worth it,
// and a hint.
func TestFaults(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(2 * time.Hour)
	for name, c := range map[string]struct {
		fault hub.Fault
		code  pave.Code // of Apply; "" is that it says when to come again
		text  string
	}{
		"401":                     {hub.Fault{Status: 401, Body: `{"message":"Bad credentials"}`}, pave.Denied, "Bad credentials"},
		"403":                     {hub.Fault{Status: 403, Body: `{"message":"no"}`, Header: map[string]string{"X-Accepted-GitHub-Permissions": "contents=write"}}, pave.Denied, "403"},
		"plan":                    {hub.Fault{Status: 403, Body: `{"message":"Upgrade to GitHub Pro or make this repository public to enable this feature."}`}, pave.Denied, "Upgrade"},
		"422":                     {hub.Fault{Status: 422, Body: `{"message":"Validation Failed","errors":[{"code":"invalid","field":"name"}]}`}, pave.Invalid, "name invalid"},
		"451":                     {hub.Fault{Status: 451, Body: `{"message":"blocked"}`}, pave.Denied, "blocked"},
		"500":                     {hub.Fault{Status: 500, Body: `{"message":"oops"}`}, pave.Unavailable, "500"},
		"502 in HTML":             {hub.Fault{Status: 502, Body: "<html>bad gateway</html>"}, pave.Unavailable, "502"},
		"HTML in the place of":    {hub.Fault{Status: 200, Body: "<html>please sign in</html>"}, pave.Unavailable, "does not speak"},
		"another type":            {hub.Fault{Status: 200, Body: `{"id":"x","name":["a"]}`}, pave.Unavailable, "does not speak"},
		"a body without end":      {hub.Fault{Status: 200, Body: `{"name":"` + strings.Repeat("a", 17<<20) + `"}`}, pave.Invalid, "more than"},
		"no answer":               {hub.Fault{Cut: true}, pave.Unavailable, "EOF"},
		"429 with seconds":        {hub.Fault{Status: 429, Header: map[string]string{"Retry-After": "600"}}, "", "answers again at"},
		"429 with a date":         {hub.Fault{Status: 429, Header: map[string]string{"Retry-After": soon.UTC().Format(nethttp.TimeFormat)}}, "", "answers again at"},
		"429 without":             {hub.Fault{Status: 429}, "", "answers again at"},
		"primary limit":           {hub.Fault{Status: 403, Header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(soon.Unix(), 10)}}, "", "answers again at"},
		"secondary limit":         {hub.Fault{Status: 403, Body: `{"message":"You have exceeded a secondary rate limit."}`}, "", "answers again at"},
		"503 with seconds":        {hub.Fault{Status: 503, Header: map[string]string{"Retry-After": "300"}}, "", "answers again at"},
		"secondary limit, header": {hub.Fault{Status: 403, Header: map[string]string{"Retry-After": "60"}}, "", "answers again at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			calls := atomic.Int64{}
			rig.hub.Fault = func(*nethttp.Request) *hub.Fault { calls.Add(1); return &c.fault }
			r := rig.fresh()
			st, err := rig.Apply(t.Context(), r)
			later := pave.Later{}
			if told, code := errors.As(err, &later), cmp.Or(c.code, pave.Unavailable); err == nil || pave.CodeOf(err) != code || told != (c.code == "") || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("%+v, %v (%s)", st, err, pave.CodeOf(err))
			}
			if pave.HintOf(err) == "" && c.code != pave.Invalid {
				t.Errorf("%v has no hint", err)
			}
			if c.code == "" { // who was told to wait does not call
				before := calls.Load()
				if _, err := rig.Observe(t.Context(), r); pave.CodeOf(err) != pave.Unavailable || calls.Load() != before {
					t.Errorf("called again while it is to wait: %v", err)
				}
				return
			}
			if n := calls.Load(); n > 3 {
				t.Errorf("%d calls", n)
			}
			rig.hub.Lock()
			rig.hub.Fault = nil
			rig.hub.Unlock()
			rig.apply(t, r)
		})
	}
}

// A short wait is waited, and the work is done.
func TestShortLimitIsWaited(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	n := 0
	rig.hub.Fault = func(*nethttp.Request) *hub.Fault {
		if n++; n == 3 || n == 9 {
			return &hub.Fault{Status: 429, Header: map[string]string{"Retry-After": "1"}}
		}
		return nil
	}
	begun := time.Now()
	rig.apply(t, rig.fresh())
	if took := time.Since(begun); took < 2*time.Second {
		t.Errorf("done after %s", took)
	}
}

// Whatever is asked of a host that named a time, the error says that time: the run waits.
func TestEverythingWaits(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(r *rig, repository, given resource.Resource) error{
		"apply": func(r *rig, repository, _ resource.Resource) error {
			_, err := r.Apply(t.Context(), repository)
			return err
		},
		"aside":  func(r *rig, repository, _ resource.Resource) error { return r.SetAside(t.Context(), repository) },
		"delete": func(r *rig, repository, _ resource.Resource) error { return r.Delete(t.Context(), repository) },
		"give": func(r *rig, _, given resource.Resource) error {
			_, err := r.pipelines().Apply(t.Context(), given)
			return err
		},
		"take": func(r *rig, _, given resource.Resource) error { return r.pipelines().Delete(t.Context(), given) },
		"checks": func(r *rig, repository, _ resource.Resource) error {
			_, err := r.Checks(t.Context(), repository, "", false)
			return err
		},
		"list all": func(r *rig, _, _ resource.Resource) error { _, err := r.List(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			repository := rig.fresh()
			rig.apply(t, repository)
			rig.hub.Lock()
			rig.hub.Fault = func(*nethttp.Request) *hub.Fault {
				return &hub.Fault{Status: 429, Header: map[string]string{"Retry-After": "300"}}
			}
			rig.hub.Unlock()
			err := do(rig, repository, rig.given(t, repository, "API_KEY=x"))
			if later := (pave.Later{}); pave.CodeOf(err) != pave.Unavailable || !errors.As(err, &later) || time.Until(later.At) < 4*time.Minute {
				t.Errorf("%v (%s)", err, pave.CodeOf(err))
			}
		})
	}
}

// The primary limit is reached in the midst; what is left is done after its end.
func TestLimitInTheMidst(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.hub.Limit, rig.hub.Reset = 7, time.Now().Add(8*time.Second)
	r := rig.fresh()
	st, err := rig.Apply(t.Context(), r)
	for end := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if later := (pave.Later{}); !errors.As(err, &later) {
			t.Fatal(err)
		}
		st, err = rig.Apply(t.Context(), r)
	}
	if err != nil || !st.Ready {
		t.Errorf("%+v, %v", st, err)
	}
}

// Credentials go to the host of the binding alone.
func TestRedirectElsewhere(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	seen := make(chan string, 10)
	other := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		seen <- r.Header.Get("Authorization")
	}))
	t.Cleanup(other.Close)
	rig.hub.Fault = func(*nethttp.Request) *hub.Fault {
		return &hub.Fault{Status: 302, Header: map[string]string{"Location": other.URL}}
	}
	if _, err := rig.Apply(t.Context(), rig.fresh()); pave.CodeOf(err) != pave.Denied || !strings.Contains(err.Error(), "another host") {
		t.Errorf("%v", err)
	}
	if len(seen) > 0 {
		t.Errorf("the other host was called, with %q", <-seen)
	}
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	delete(rig.bound.Settings, "allow")
	if _, err := rig.Apply(t.Context(), rig.fresh()); pave.CodeOf(err) != pave.Denied || !strings.Contains(err.Error(), "not a public address") {
		t.Errorf("%v", err)
	}
	rig.bound.Settings["allow"] = "127.0.0.1"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rig.bound.Settings["url"] = "http://" + l.Addr().String()
	_ = l.Close()
	if _, err := rig.Apply(t.Context(), rig.fresh()); pave.CodeOf(err) != pave.Unavailable {
		t.Errorf("nobody listens: %v", err)
	}
	secure := httptest.NewTLSServer(nethttp.NotFoundHandler())
	t.Cleanup(secure.Close)
	rig.bound.Settings["url"] = secure.URL
	if _, err := rig.Apply(t.Context(), rig.fresh()); pave.CodeOf(err) != pave.Denied || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
}

// An App's tokens end, and may be ended at any time.
func TestAppSignIn(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	rig.asApp()
	r := rig.fresh()
	rig.apply(t, r)
	count := func() (n int) {
		rig.hub.Lock()
		defer rig.hub.Unlock()
		for _, c := range rig.hub.Calls {
			if strings.HasSuffix(c, "/access_tokens") {
				n++
			}
		}
		return n
	}
	if n := count(); n != 1 {
		t.Errorf("%d tokens for one Apply", n)
	}
	rig.hub.Revoke()
	if _, err := rig.Observe(t.Context(), r); err != nil {
		t.Errorf("after the token was ended: %v", err)
	}
	rig.hub.Revoke()
	if _, err := rig.Follow(t.Context(), r); err != nil {
		t.Errorf("git after the token was ended: %v", err)
	}
	if n := count(); n != 3 {
		t.Errorf("%d tokens", n)
	}
	// One that is good for less than ten minutes is not used twice.
	rig.hub.Lock()
	rig.hub.TokenFor = 5 * time.Minute
	rig.hub.Unlock()
	rig.hub.Revoke()
	for range 2 {
		if _, err := rig.Observe(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	if n := count(); n < 5 {
		t.Errorf("%d tokens, and one was used to its end", n)
	}
}

// What has not changed is no call by the host's count.
func TestConditionalCalls(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	r := rig.fresh()
	rig.apply(t, r)
	if _, err := rig.Drift(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	before := len(rig.hub.Calls)
	for range 5 {
		if _, err := rig.Observe(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if _, err := rig.Drift(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	// A 404 has no tag: there is none among these.
	if more := rig.hub.Calls[before:]; len(more) > 0 {
		t.Errorf("calls that counted: %v", more)
	}
}

func TestBindings(t *testing.T) {
	t.Parallel()
	rig := newRig(t)
	good := resource.Opened{Settings: rig.bound.Settings, Secrets: map[string]pave.Secret{"token": rig.hub.Token()}}
	with := func(change func(settings map[string]string, secrets map[string]pave.Secret)) resource.Opened {
		b := resource.Opened{Settings: map[string]string{}, Secrets: map[string]pave.Secret{}}
		for k, v := range good.Settings {
			b.Settings[k] = v
		}
		for k, v := range good.Secrets {
			b.Secrets[k] = v
		}
		change(b.Settings, b.Secrets)
		return b
	}
	set := func(key, value string) func(map[string]string, map[string]pave.Secret) {
		return func(s map[string]string, _ map[string]pave.Secret) { s[key] = value }
	}
	canary := "s3cr3t-c4nary"
	app := func(key string) func(map[string]string, map[string]pave.Secret) {
		return func(s map[string]string, x map[string]pave.Secret) {
			delete(x, "token")
			s["app_id"], s["installation_id"], x["private_key"] = hub.App, hub.Installation, pave.NewSecret(key)
		}
	}
	for name, c := range map[string]struct {
		b    resource.Opened
		want string // in the check that fails; "" is that none does
	}{
		"good":         {good, ""},
		"App":          {with(app(rig.hub.Key().Reveal())), ""},
		"no org":       {with(set("org", "")), "org"},
		"no such org":  {with(set("org", "acne")), "no organisation acne"},
		"no host":      {with(set("url", "ftp://x")), "url"},
		"visibility":   {with(set("visibility", "secret")), "private, internal, public"},
		"topics":       {with(set("topics", "Go")), "topics"},
		"reviews":      {with(set("reviews", "7")), "reviews"},
		"variables":    {with(set("variables", "A")), "variables"},
		"allow":        {with(set("allow", "http://x")), "allowed address"},
		"no sign-in":   {with(func(_ map[string]string, x map[string]pave.Secret) { delete(x, "token") }), "neither a token"},
		"two sign-ins": {with(set("app_id", "5")), "both"},
		"bad token":    {with(func(_ map[string]string, x map[string]pave.Secret) { x["token"] = pave.NewSecret(canary) }), "Bad credentials"},
		"bad key":      {with(app(canary)), "no RSA key"},
		"bad id":       {with(func(s map[string]string, x map[string]pave.Secret) { app("k")(s, x); s["app_id"] = "x" }), "app_id"},
		"no installation": {with(func(s map[string]string, x map[string]pave.Secret) {
			app(rig.hub.Key().Reveal())(s, x)
			s["installation_id"] = "1"
		}), "no installation 1"},
		"installed beside": {with(func(s map[string]string, x map[string]pave.Secret) {
			app(rig.hub.Key().Reveal())(s, x)
			s["org"] = "other"
		}), "is of acme"},
		"bad secrets": {with(func(_ map[string]string, x map[string]pave.Secret) {
			x["secrets"] = pave.NewSecret("A=" + canary + "\n" + "=" + canary)
		}), "secrets"},
	} {
		text := ""
		for _, check := range rig.CheckBinding(t.Context(), c.b) {
			if !check.OK {
				text += check.Name + ": " + check.Detail + " " + check.Fix
			}
		}
		if (text == "") != (c.want == "") || !strings.Contains(text, c.want) || strings.Contains(text, canary) {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

// What is missing is said by name, whatever signs in.
func TestMissingPermissions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*rig)
		want    string
	}{
		"App":            {func(r *rig) { r.asApp(); r.hub.Denied["workflows"], r.hub.Denied["secrets"] = true, true }, "missing: Workflows: write, Secrets: write"},
		"classic":        {func(r *rig) { r.hub.Scopes = "repo, delete_repo" }, "missing: workflow, admin:repo_hook, read:org"},
		"fine-grained":   {func(r *rig) { r.hub.Scopes = ""; r.hub.Denied["repository_hooks"] = true }, "missing: Webhooks: write"},
		"not of teams":   {func(r *rig) { r.hub.Scopes = "repo, workflow, admin:repo_hook"; r.bound.Settings["teams"] = "none" }, "all that are needed"},
		"org has it all": {func(r *rig) { r.hub.Scopes = "repo, workflow, admin:repo_hook, admin:org" }, "all that are needed"},
	} {
		rig := newRig(t)
		rig.hub.Add("some", "")
		c.prepare(rig)
		b, err := rig.bound.Open(t.Context(), rig.vault)
		if err != nil {
			t.Fatal(err)
		}
		checks := rig.CheckBinding(t.Context(), b)
		if len(checks) != 2 || checks[1].Detail != c.want {
			t.Errorf("%s: %+v, want %q", name, checks, c.want)
		}
		if says := strings.Contains(checks[0].Detail, "may not delete"); says != (strings.Contains(checks[0].Detail, "classic") && name != "classic") {
			t.Errorf("%s: %q", name, checks[0].Detail)
		}
		if writes := slices.DeleteFunc(slices.Clone(rig.hub.Calls), func(c string) bool {
			return strings.HasPrefix(c, "GET ") || strings.HasSuffix(c, "access_tokens")
		}); len(writes) > 0 {
			t.Errorf("%s: a check wrote: %v", name, writes)
		}
	}
	var v github.Vendor
	if v.Name() != "github" || len(v.Fields()) == 0 {
		t.Error("the vendor does not say what it is")
	}
}
