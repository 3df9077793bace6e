package platform

import (
	"testing"

	"github.com/pave-platform/pave"
)

// An organisation stays with the server that it was imported from, until somebody asks.
func TestSignIn(t *testing.T) {
	t.Parallel()
	p := newLooked(t, map[string]*place{})
	bind := func(provider, url, token string) {
		p.exec(`DELETE FROM bindings WHERE kind = 'repository'`)
		p.exec(`INSERT INTO bindings (environment, kind, provider, settings, module, secrets) VALUES ('', 'repository', $1, $2, '', $3)`,
			provider, `{"url":"`+url+`"}`, `{"token":"`+token+`"}`)
	}
	want := func(org string, asked bool, url, token string) {
		t.Helper()
		got, err := p.signIn(t.Context(), pave.ImportRequest{Provider: "gitlab", Org: org}, asked)
		if (err != nil) != (url == "") || got.Settings["url"] != url || got.Secrets["token"] != token {
			t.Errorf("%s, asked %v: %+v, %v, want %s by %s", org, asked, got, err, url, token)
		}
	}
	p.exec(`INSERT INTO imports (provider, org, looked, error, entity_file, allow, binding) VALUES ('gitlab', 'acme', 0, '', '', '', $1)`,
		`{"settings":{"url":"https://own"},"secrets":{"token":"first"}}`)
	bind("gitlab", "https://own", "second") // another token
	want("acme", false, "https://own", "second")
	want("other", false, "https://own", "second")
	bind("gitlab", "https://gitlab.com", "foreign") // where acme may be somebody else's
	want("acme", false, "https://own", "first")
	want("acme", true, "https://gitlab.com", "foreign")
	bind("github", "", "x")
	want("acme", true, "https://own", "first")
	want("other", true, "", "")
}
