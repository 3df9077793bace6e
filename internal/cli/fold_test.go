package cli

import (
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

// TestSecretsOfABucket: what comes with one thing is one line.
func TestSecretsOfABucket(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.plan = pave.Plan{ID: "plan_1", Service: "shop", Target: 2, Base: 1}
	add := func(kind string, env pave.Name, name, reason string, action pave.Action) {
		r := pave.Ref{Kind: kind, Env: env, Service: "shop", Name: name}
		external := "shop_" + string(env) + "_" + name
		f.plan.Changes = append(f.plan.Changes, pave.Change{Action: action, Ref: r, Provider: "local", External: external, Price: "not priced", Detail: []string{"credentials 1 -> 2"}})
		f.resource = append(f.resource, pave.Resource{Ref: r, Provider: "local", ExternalID: external, State: pave.ResourcePresent, Ready: reason == "", Reason: reason})
	}
	for _, env := range []pave.Name{"staging", "production"} {
		add("bucket", env, "b", "", pave.ActionUpdate)
		add("secret", env, "s3-endpoint", "", pave.ActionUpdate)
		add("secret", env, "s3-bucket", "", pave.ActionUpdate)
		add("secret", env, "aws-region", "", pave.ActionUpdate)
	}
	add("secret", "production", "other", "its value is gone", pave.ActionCreate)
	f.status.Infrastructure = f.resource
	cases := map[string]struct {
		args    []string
		secrets int // lines of the table
		want    string
	}{
		"plan":      {[]string{"plan", "rotate", "shop", "bucket"}, 3, "   ~  update  secret  production  shop_production_s3-endpoint and 2 more  local  not priced\n"},
		"detail":    {[]string{"plan", "rotate", "shop", "bucket"}, 3, "secret:staging/shop/s3-endpoint and 2 more: credentials 1 -> 2\n"},
		"plan each": {[]string{"plan", "rotate", "shop", "bucket", "-v"}, 7, "shop_production_aws-region"},
		"status":    {[]string{"status", "shop"}, 3, "   secret  staging     shop_staging_s3-endpoint and 2 more     local  ready\n"},
		"differs":   {[]string{"status", "shop"}, 3, "shop_production_other                   local  present  its value is gone\n"},
		"each":      {[]string{"status", "shop", "-v"}, 7, "   secret  staging     shop_staging_aws-region      local  ready\n"},
		"programs":  {[]string{"status", "shop", "--jq", ".infrastructure | length"}, 0, "9\n"},
	}
	for name, c := range cases {
		got := f.pave(t, nil, "", c.args...)
		if got.code != 0 || strings.Count(got.out, " secret  ") != c.secrets || !strings.Contains(got.out, c.want) {
			t.Errorf("%s: %d %s\n%s", name, got.code, got.err, got.out)
		}
	}
}
