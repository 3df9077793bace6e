package gitlab

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/provider/githost"
)

// A call of a webhook as it came.
type delivered struct {
	header http.Header
	body   []byte
}

func TestHooks(t *testing.T) {
	t.Parallel()
	for _, signs := range []bool{true, false} {
		s, h := newHost(t)
		s.Signs = signs
		calls := make(chan delivered, 100)
		here := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // what is cut has no good signature
			calls <- delivered{r.Header, body}
		}))
		t.Cleanup(here.Close)
		made(t, h, "shop")
		_, err := h.Hook(t.Context(), "shop", here.URL)
		wantCode(t, "Hook of nothing", err, pave.NotFound)
		want := githost.Hook{URL: here.URL, Active: true, Events: []string{"change", "push", "run"}}
		secret := pave.NewSecret("pvcnry-hook-2")
		for i, secret := range []pave.Secret{pave.NewSecret("pvcnry-hook-1"), secret, secret} {
			if i == 2 {
				s.GiveUp("acme/payments/shop")
				if is, err := h.Hook(t.Context(), "shop", here.URL); is.Active || err != nil {
					t.Errorf("one that was given up is %+v, %v", is, err)
				}
			}
			if err := h.SetHook(t.Context(), "shop", githost.Hook{URL: here.URL, Active: true}, secret); err != nil {
				t.Fatal(err)
			}
			got, err := h.Hook(t.Context(), "shop", here.URL)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		}
		dir, _, _ := committed(t)
		url, client, _ := h.Git(t.Context(), "shop")
		if err := git.Push(t.Context(), client, url, dir, "main"); err != nil {
			t.Fatal(err)
		}
		call := <-calls
		id, event, err := h.Verify(call.header, call.body, secret)
		if id == "" || event != "push" || err != nil {
			t.Errorf("delivery %q, event %q, %v", id, event, err)
		}
		refuses(t, h, call, secret, signs)
		if err := h.SetHook(t.Context(), "shop", githost.Hook{URL: here.URL}, secret); err != nil {
			t.Fatal(err)
		}
		if err := h.DropHook(t.Context(), "shop", here.URL); err != nil {
			t.Fatal(err)
		}
		if all, err := h.Hooks(t.Context(), "shop"); len(all) > 0 || err != nil {
			t.Errorf("taken away, there are %v, %v", all, err)
		}
		_, err = h.Hook(t.Context(), "shop", here.URL)
		wantCode(t, "Hook of one that is not to be active", err, pave.NotFound)
	}
}

// refuses tries calls that are not what was sent.
func refuses(t *testing.T, h *Host, call delivered, secret pave.Secret, signs bool) {
	t.Helper()
	with := func(name, value string) http.Header {
		header := call.header.Clone()
		header.Set(name, value)
		return header
	}
	cases := []struct {
		reason string
		header http.Header
		body   []byte
		secret pave.Secret
	}{
		{"another token", with("X-Gitlab-Token", "pvcnry-hook-1"), call.body, secret},
		{"no token", with("X-Gitlab-Token", ""), call.body, secret},
		{"no secret", with("X-Gitlab-Token", ""), call.body, pave.Secret{}},
		{"the secret of before", call.header, call.body, pave.NewSecret("pvcnry-hook-1")},
	}
	if signs {
		day := strconv.FormatInt(time.Now().Add(-25*time.Hour).Unix(), 10)
		cases = append(cases, []struct {
			reason string
			header http.Header
			body   []byte
			secret pave.Secret
		}{
			{"another body", call.header, append([]byte(" "), call.body...), secret},
			{"another delivery", with("Webhook-Id", "x"), call.body, secret},
			{"another time", with("Webhook-Timestamp", day), call.body, secret},
			{"no time", with("Webhook-Timestamp", ""), call.body, secret},
			{"another signature", with("Webhook-Signature", "v1,AAAA v2,zz"), call.body, secret},
		}...)
	}
	for _, c := range cases {
		_, _, err := h.Verify(c.header, c.body, c.secret)
		wantCode(t, c.reason, err, pave.Denied)
	}
}
