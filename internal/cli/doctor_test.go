package cli

import (
	"strings"
	"testing"
)

func TestOwnChecks(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		environ []string
		broken  string // name of the check that fails, "" for none
		fix     string
	}{
		"nothing":        {nil, "", ""},
		"known":          {[]string{"PAVE_HOME=/x", "PAVE_HOOK_URL=x", "PAVE_TLS_CERT=c"}, "", ""},
		"typo":           {[]string{"PAVE_POSTGRESS_URL=x"}, "environment", "PAVE_POSTGRES_URL"},
		"unknown":        {[]string{"PAVE_COLOUR=red"}, "environment", "pave help environment"},
		"proxy":          {[]string{"http_proxy=http://proxy:3128"}, "proxy", "no_proxy=.localhost"},
		"proxy adds":     {[]string{"http_proxy=http://proxy:3128", "no_proxy=corp.example"}, "proxy", "no_proxy=corp.example,.localhost"},
		"proxy but":      {[]string{"http_proxy=http://proxy:3128", "NO_PROXY=.localhost"}, "", ""},
		"proxy for TLS":  {[]string{"https_proxy=http://proxy:3128"}, "", ""},
		"proxy and star": {[]string{"http_proxy=http://proxy:3128", "no_proxy=*"}, "", ""},
	}
	for name, c := range cases {
		failed := ""
		for _, check := range ownChecks(c.environ) {
			if check.OK {
				continue
			}
			failed = check.Name
			if !strings.Contains(check.Fix, c.fix) {
				t.Errorf("%s: fix %q, want %q in it", name, check.Fix, c.fix)
			}
		}
		if failed != c.broken {
			t.Errorf("%s: %q failed, want %q", name, failed, c.broken)
		}
	}
}
