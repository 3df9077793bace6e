package vault

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// A rule is one of a policy.
type rule struct {
	path         string // as the policy says it
	like         string // a path that it is for
	capabilities []string
}

// allowed is Denied where the policies of who signed in lack something, with all of that.
func (s *session) allowed(ctx context.Context, rules []rule) error {
	var paths []string
	for _, r := range rules {
		paths = append(paths, r.like)
	}
	var got struct{ Data map[string]any }
	err := s.do(ctx, call{method: http.MethodPost, path: "sys/capabilities-self", in: map[string]any{"paths": paths}, out: &got})
	if err != nil {
		return err
	}
	var lacks []string
	for _, r := range rules {
		has := fmt.Sprint(got.Data[r.like])
		missing := slices.DeleteFunc(slices.Clone(r.capabilities), func(c string) bool {
			return has == "[root]" || slices.Contains(strings.Fields(strings.Trim(has, "[]")), c)
		})
		if len(missing) > 0 {
			lacks = append(lacks, strings.Join(missing, ", ")+" on "+r.path)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	slices.Sort(lacks)
	return pave.Errorf(pave.Denied, "its policies lack %s", strings.Join(lacks, "; ")).WithHint("vault policy write pave - with: %s", policyText(rules))
}

// policyText is a policy on one line.
func policyText(rules []rule) string {
	var out []string
	for _, r := range rules {
		out = append(out, fmt.Sprintf(`path "%s" { capabilities = ["%s"] }`, r.path, strings.Join(r.capabilities, `", "`)))
	}
	return strings.Join(out, " ")
}
