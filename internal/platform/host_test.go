package platform

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
	"github.com/pave-platform/pave/internal/store"
)

// A message is taken once for each resource, whatever id its headers have by then.
func TestTakeDelivery(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "pave.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	p := &Platform{Deps: Deps{DB: db}}
	for _, c := range []struct {
		resource, id, body string
		code               pave.Code
	}{
		{"res_1", "a", `{"after":"1"}`, ""},
		{"res_1", "a", `{"after":"1"}`, pave.Conflict},
		{"res_1", "b", `{"after":"1"}`, pave.Conflict},
		{"res_2", "a", `{"after":"1"}`, ""},
		{"res_1", "c", `{"after":"2"}`, ""},
		{"res_1", "", `{"after":"3"}`, pave.Invalid},
	} {
		if err := p.takeDelivery(t.Context(), c.resource, c.id, []byte(c.body)); err == nil && c.code != "" || err != nil && pave.CodeOf(err) != c.code {
			t.Errorf("%s, delivery %q, %s: %v, want %q", c.resource, c.id, c.body, err, c.code)
		}
	}
}

// A name that nothing is told by is refused with what was meant.
func TestCheckFields(t *testing.T) {
	t.Parallel()
	fields := []pave.BindingField{{Name: "visibility", OneOf: []string{"private", "public"}}, {Name: "org"}, {Name: "token", Secret: true}}
	for name, c := range map[string]struct {
		r    pave.BindRequest
		hint string
	}{
		"known":        {pave.BindRequest{Set: map[string]string{"visibility": "public"}}, ""},
		"near":         {pave.BindRequest{Set: map[string]string{"visibilty": "public"}}, "did you mean visibility?"},
		"far":          {pave.BindRequest{Set: map[string]string{"colour": "red"}}, "one of visibility, org"},
		"a secret":     {pave.BindRequest{Set: map[string]string{"token": "x"}}, "--secret token"},
		"near, secret": {pave.BindRequest{Secrets: map[string]pave.Secret{"tokn": pave.NewSecret("x")}}, "did you mean token?"},
	} {
		if err := checkFields(fields, c.r, resource.Opened{}); (err == nil) != (c.hint == "") || !strings.HasPrefix(pave.HintOf(err), c.hint) {
			t.Errorf("%s: %v, %q, want %q", name, err, pave.HintOf(err), c.hint)
		}
	}
}

// What is given for one address goes to no other one.
func TestAgain(t *testing.T) {
	t.Parallel()
	module := func(kind, key, at string, secrets ...string) pave.Module {
		m := pave.Module{Secrets: map[string]string{}}
		if kind != "" {
			m.Backend = &pave.Backend{Type: kind, Config: map[string]string{key: at}}
		}
		for _, s := range secrets {
			m.Secrets[s] = "sec_1"
		}
		return m
	}
	for name, c := range map[string]struct {
		before, now pave.Module
		given       string
		refused     bool
	}{
		"the same":            {module("hcp-terraform", "url", "https://a", "TFE_TOKEN"), module("hcp-terraform", "url", "https://a"), "", false},
		"another host":        {module("hcp-terraform", "url", "https://a", "TFE_TOKEN"), module("hcp-terraform", "url", "https://b"), "", true},
		"given again":         {module("hcp-terraform", "url", "https://a", "TFE_TOKEN"), module("hcp-terraform", "url", "https://b"), "TFE_TOKEN", false},
		"this machine before": {module("", "", "", "AWS_SECRET_ACCESS_KEY"), module("hcp-terraform", "url", "https://b"), "TFE_TOKEN", true},
		"state elsewhere":     {module("http", "address", "https://a/{id}", "TF_HTTP_PASSWORD"), module("http", "address", "https://b/{id}"), "", true},
		"a lock elsewhere":    {module("http", "address", "https://a/{id}", "TF_HTTP_PASSWORD"), module("http", "lock_address", "https://b/{id}"), "", true},
		"what goes nowhere":   {module("http", "address", "https://a/{id}", "DB_PASSWORD"), module("http", "address", "https://b/{id}"), "", false},
		"back to the machine": {module("http", "address", "https://a/{id}", "TF_HTTP_PASSWORD"), module("", "", ""), "", false},
	} {
		if err := againForModule(&c.before, c.now, map[string]pave.Secret{c.given: {}}); (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
