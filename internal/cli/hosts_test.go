package cli

import (
	"regexp"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// People are told how old a git host's answer is, programs find it in the answer; that it
// could not be a newer one both are told.
func TestHeard(t *testing.T) {
	t.Parallel()
	of := []string{"--service", "shop"}
	for name, c := range map[string]struct {
		args     []string
		reason   string
		none     bool
		out, err string // patterns
	}{
		"fresh":          {[]string{"list", "checks"}, "", false, `^4711\tci\tsuccess\t0123456\t`, `^asked \d+s ago\n$`},
		"one":            {[]string{"get", "check", "4711"}, "", false, `^4711\tci`, `^asked \d+s ago\n$`},
		"none":           {[]string{"list", "checks"}, "", true, `^$`, `^asked \d+s ago\nno checks\n$`},
		"quiet":          {[]string{"list", "checks", "-q"}, "", false, `^4711`, `^$`},
		"wide":           {[]string{"list", "checks", "-o", "wide"}, "", false, `^4711.*\thttps://host/4711\t20\d\d-\S+Z\n$`, `^asked \d+s ago\n$`},
		"for programs":   {[]string{"list", "checks", "--jq", ".[].observed"}, "", false, `^20\d\d-\S+Z\n$`, `^$`},
		"names":          {[]string{"list", "checks", "-o", "name"}, "", false, `^4711\n$`, `^$`},
		"away":           {[]string{"list", "checks"}, "github is\naway", false, `^4711`, `^asked \d+s ago, and the host says nothing newer: github is away\n$`},
		"away, programs": {[]string{"list", "checks", "--json", "id,observed"}, "away", false, `"observed": "20`, `^asked \d+s ago, and the host says nothing newer: away\n$`},
		"described":      {[]string{"describe", "check", "ci"}, "", false, `(?m)^Observed +20\d\d-`, `^asked \d+s ago\n$`},
		"described away": {[]string{"describe", "check", "4711"}, "away", false, `(?m)^Name +ci$`, `says nothing newer: away\n$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, at := newFake(t), time.Now().UTC()
			f.hosted = pave.HostList[pave.CommitCheck]{Observed: at, Reason: c.reason, Items: []pave.CommitCheck{}}
			if !c.none {
				f.hosted.Items = append(f.hosted.Items, pave.CommitCheck{ID: "4711", Name: "ci", State: pave.CheckSuccess,
					Commit: "0123456789012345678901234567890123456789", URL: "https://host/4711", Started: at.Add(-time.Hour), Observed: at})
			}
			got := f.pave(t, nil, "", append(c.args, of...)...)
			if got.code != 0 || !regexp.MustCompile(c.out).MatchString(got.out) || !regexp.MustCompile(c.err).MatchString(got.err) {
				t.Errorf("%v: %d\n%s\n%s", c.args, got.code, got.out, got.err)
			}
		})
	}
}
