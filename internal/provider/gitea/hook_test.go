package gitea

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/provider/githost"
	fake "github.com/pave-platform/pave/test/githost/gitea"
)

// A call of a webhook as it came.
type delivered struct {
	header http.Header
	body   []byte
}

func TestHooks(t *testing.T) {
	everywhere(t, func(t *testing.T, w fake.World) {
		h, ctx := openHost(t, w), t.Context()
		calls := make(chan delivered, 100)
		here := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // what is cut has no good signature
			calls <- delivered{r.Header, body}
		}))
		t.Cleanup(here.Close)
		if _, err := h.Create(ctx, githost.Repository{Name: "shop"}); err != nil {
			t.Fatal(err)
		}
		_, err := h.Hook(ctx, "shop", here.URL)
		wantCode(t, "Hook of nothing", err, pave.NotFound)
		secret := pave.NewSecret("pvcnry-hook-2")
		for i, s := range []pave.Secret{pave.NewSecret("pvcnry-hook-1"), secret} { // the second replaces the first
			if err := h.SetHook(ctx, "shop", githost.Hook{URL: here.URL, Active: i == 1}, s); err != nil {
				t.Fatal(err)
			}
		}
		got, err := h.Hook(ctx, "shop", here.URL)
		if diff := cmp.Diff(githost.Hook{URL: here.URL, Active: true, Events: []string{"push", "change", "run"}}, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if _, all := w.Do(t, "GET", "repos/acme/shop/hooks", nil); len(all.([]any)) != 1 {
			t.Errorf("webhooks: %v", all)
		}
		dir, _, _ := committed(t)
		push(t, h, "shop", dir)
		call := <-calls
		id, event, err := h.Verify(call.header, call.body, secret)
		if id == "" || event != "push" || err != nil {
			t.Errorf("delivery %q, event %q, %v", id, event, err)
		}
		refuses(t, h, call, secret)
		for range 2 { // the second finds nothing
			if err := h.DropHook(ctx, "shop", here.URL); err != nil {
				t.Fatal(err)
			}
		}
		if all, err := h.Hooks(ctx, "shop"); len(all) > 0 || err != nil {
			t.Errorf("taken away, there are %v, %v", all, err)
		}
	})
}

// refuses tries calls that are not what was signed.
func refuses(t *testing.T, h *Host, call delivered, secret pave.Secret) {
	t.Helper()
	signed := call.header.Get("X-Gitea-Signature")
	for _, c := range []struct {
		reason, signature string
		body              []byte
		secret            pave.Secret
	}{
		{"another body", signed, append([]byte(" "), call.body...), secret},
		{"the secret of before", signed, call.body, pave.NewSecret("pvcnry-hook-1")},
		{"no secret", signed, call.body, pave.Secret{}},
		{"no signature", "", call.body, secret},
		{"no hexadecimal", "zz", call.body, secret},
		{"a part of it", signed[:32], call.body, secret},
	} {
		header := call.header.Clone()
		for _, name := range []string{"X-Gitea-Signature", "X-Forgejo-Signature"} {
			header.Set(name, c.signature)
		}
		_, _, err := h.Verify(header, c.body, c.secret)
		wantCode(t, c.reason, err, pave.Denied)
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.26.0", "15.0.1+gitea-1.22.0"} {
		s := fake.New(t)
		s.Version = version
		h := openHost(t, s.World())
		main, other := pushed(t, h, "shop")
		s.AddRun("shop", main, "pave.yaml", "completed", "failure")
		s.AddRun("shop", other, "pave.yaml", "completed", "success")
		runs, err := h.Runs(t.Context(), "shop", main)
		if err != nil || len(runs) != 1 {
			t.Fatalf("%s: %+v, %v", version, runs, err)
		}
		r := runs[0]
		if r.State != pave.RunStopped || r.Ended.IsZero() || r.URL == "" || r.Commit != main || r.Branch == "" {
			t.Errorf("%s: %+v", version, r)
		}
		jobs, err := h.Jobs(t.Context(), "shop", r.ID)
		if err != nil || len(jobs) != 1 || jobs[0].State != pave.RunStopped || jobs[0].Name != "test" {
			t.Errorf("%s: jobs %+v, %v", version, jobs, err)
		}
		if all, err := h.Runs(t.Context(), "shop", ""); err != nil || len(all) != 2 {
			t.Errorf("%s: of all commits %+v, %v", version, all, err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := fake.New(t)
	s.Grant("reads", fake.User{Login: "ben", Scopes: []string{"read:repository", "read:organization", "read:user"}, Create: true})
	s.Grant("guest", fake.User{Login: "cat"})
	s.Grant("narrow", fake.User{Login: "dan", Scopes: []string{"write:repository", "write:organization"}, Create: true})
	s.Grant("enough", fake.User{Login: "eve", Scopes: []string{"write:repository", "write:organization", "read:user"}, Create: true})
	s.Grant("nothing", fake.User{Login: "fay", Scopes: []string{"read:issue"}, Create: true})
	for _, c := range []struct{ reason, token, org, failed string }{
		{"all that is needed", s.Token, s.Org, ""},
		{"a token that nobody knows", "nobody", s.Org, "gitea sign-in"},
		{"no more than is needed", "enough", s.Org, ""},
		{"a token that reads", "reads", s.Org, "gitea permissions"},
		{"a user who may make no repository", "guest", s.Org, "gitea organisation"},
		{"a token that sees no user", "narrow", s.Org, "gitea permissions"},
		{"a token that may do nothing here", "nothing", s.Org, "gitea permissions"},
		{"an organisation that is not there", s.Token, "acne", "gitea organisation"},
	} {
		h := openHost(t, fake.World{URL: s.URL, Org: c.org, Token: c.token})
		failed := ""
		for _, check := range h.Check(t.Context()) {
			if !check.OK {
				failed += check.Name
				if c.token == "nothing" && !strings.HasPrefix(check.Detail, "the token lacks read:user, write:repository, write:organization of") {
					t.Errorf("%s: %s", c.reason, check.Detail)
				}
				if check.Fix == "" {
					t.Errorf("%s: %s has no next command", c.reason, check.Detail)
				}
			}
		}
		if failed != c.failed {
			t.Errorf("%s: failed %q, want %q", c.reason, failed, c.failed)
		}
	}
	if len(s.Names()) != 0 {
		t.Errorf("checking made %v", s.Names())
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.26.0":              "Gitea 1.26.0 []",
		"1.20.5":              "Gitea 1.20.5 [variables and secrets of Actions (1.22), runs of Actions (1.21)]",
		"1.21.11+dev-3":       "Gitea 1.21.11+dev-3 [variables and secrets of Actions (1.22)]",
		"15.0.1+gitea-1.22.0": "Forgejo 15.0.1 []",
		"development":         "Gitea development []",
		"":                    "Gitea  []",
	} {
		v := parseVersion(text)
		if got := fmt.Sprintf("%s [%s]", v.text, v.missing()); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
