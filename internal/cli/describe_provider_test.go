package cli

import (
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

func TestDescribeProvider(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.provider = []pave.Provider{{Kind: "repository", Name: "github", Bound: []string{"default"}, Fields: []pave.BindingField{
		{Name: "org", Required: true, Description: "organisation that the repositories belong to"},
		{Name: "visibility", Default: "private", OneOf: []string{"private", "public"}, Description: "who may see a repository"},
		{Name: "protect", Default: "true", OneOf: []string{"true", "false"}, Description: "nobody pushes over the history of main"},
		{Name: "token", Required: true, Secret: true, Description: "of who makes them"}}}, {Kind: "cache", Name: "terraform"},
		{Kind: "queue", Name: "rabbitmq"}, {Kind: "queue", Name: "hcp-terraform"}, {Kind: "database", Name: "postgres", Bound: []string{"default"}}, {Kind: "cache", Name: "redis"}, {Kind: "database", Name: "terraform"},
		{Kind: "secret", Name: "vault", Fields: []pave.BindingField{{Name: "address", Required: true}, {Name: "role"}, {Name: "secret_id", Secret: true}, {Name: "token", Secret: true}}},
		{Kind: "repository", Name: "twoways", Fields: []pave.BindingField{{Name: "org", Required: true}, {Name: "app_id"}, {Name: "token", Secret: true}, {Name: "private_key", Secret: true}}}}
	cases := map[string]struct {
		args           []string
		out, err, lack string
	}{
		"settings": {args: []string{"repository/github"}, out: `Kind       repository
Name       github
Bound in   default

Told by --set
   SET         WITHOUT   WHAT IT IS
   org         (needed)  organisation that the repositories belong to
   visibility  private   who may see a repository: private, public
   protect     true      nobody pushes over the history of main

Told by --secret
   SECRET  WITHOUT   WHAT IT IS
   token   (needed)  of who makes them
`, err: "next: pave bind default repository github --set org=ORG --secret token < FILE\n"},
		"by its name":   {args: []string{"github"}, out: "Kind       repository\n"},
		"a module's":    {args: []string{"cache/terraform"}, out: "Bound in   nothing\n", err: "pave add module SOURCE --kind cache shows that\n", lack: "Told by"},
		"for programs":  {args: []string{"github", "--jq", ".fields[1].default"}, out: "private\n"},
		"at HCP":        {args: []string{"hcp-terraform"}, err: "next: pave bind ENVIRONMENT|default queue hcp-terraform --org ORG --module SOURCE --secret TFE_TOKEN < FILE\n"},
		"an engine":     {args: []string{"queue/rabbitmq"}, err: "next: pave add queue --service NAME --engine rabbitmq\n"},
		"the first one": {args: []string{"postgres"}, err: "next: pave add database --service NAME --engine postgresql\n"},
		"not bound now": {args: []string{"redis"}, err: "next: pave bind ENVIRONMENT|default cache redis\n"},
		"by approle":    {args: []string{"vault"}, err: "next: pave bind ENVIRONMENT|default secret vault --set address=ADDRESS --set role=ROLE --secret secret_id < FILE\n"},
		"by a token":    {args: []string{"twoways"}, err: "next: pave bind default repository twoways --set org=ORG --secret token < FILE\n"},
		"of several":    {args: []string{"terraform"}, err: "one of cache/terraform, database/terraform"},
		"unknown":       {args: []string{"repository/githb"}, err: "did you mean repository/github?"},
	}
	for name, c := range cases {
		got := f.pave(t, nil, "", append([]string{"describe", "provider"}, c.args...)...)
		if !strings.Contains(got.out, c.out) || !strings.Contains(got.err, c.err) || c.lack != "" && strings.Contains(got.out, c.lack) {
			t.Errorf("%s: %d %s\n%s", name, got.code, got.err, got.out)
		}
	}
}

func TestUnbindJSON(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.bound = pave.Bound{Environment: "staging", Binding: pave.Binding{Kind: "database", Provider: "postgres"}}
	if got := f.pave(t, nil, "", "unbind", "staging", "database", "--json", "environment", "--jq", ".environment"); got.code != 0 || got.out != "staging\n" {
		t.Errorf("%+v", got)
	}
	if got := f.pave(t, nil, "", "unbind", "staging", "database", "--json", "nothing"); got.code != exitUsage || len(f.made()) != 0 {
		t.Errorf("a field there is not: %+v, %v", got, f.calls)
	}
}
