package cli

import (
	"strings"
	"testing"

	"github.com/pave-platform/pave"
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

// TestDoctorTellsEachBinding: what two bindings of a system answer has the same names.
func TestDoctorTellsEachBinding(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.checks = []pave.Check{{Name: "git", OK: true, Detail: "as the server sees it"}, {Name: "gitea sign-in", OK: true, Detail: "token of ada"},
		{Name: "gitea sign-in", Detail: "the token is not known", Fix: "pave bind"}}
	got := f.pave(t, nil, "", "doctor")
	for text, want := range map[string]int{"gitea sign-in": 2, "the token is not known": 1, "as the server sees it": 0} {
		if n := strings.Count(got.out, text); n != want {
			t.Errorf("%q is there %d times, want %d:\n%s", text, n, want, got.out)
		}
	}
}
