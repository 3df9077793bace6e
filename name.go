package pave

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Name is a validated name of a service, team, environment or resource. It is
// safe as a path element, DNS label, SQL identifier (quoted) and git path.
type Name string

const nameRule = "must be 1 to 40 characters: a-z, 0-9 and '-', starting with a letter, not ending in '-'"

var namePattern = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$`)

// reserved names would collide with pave's own hosts, databases and routes, with
// names that mean "no choice" on the command line, or with device names.
var reserved = []string{
	"pave", "postgres", "template0", "template1", "root", "admin", "localhost",
	"all", "none", "default", "new", "nothing", "undefined", "null", "api", "git",
	"www", "con", "prn", "aux", "nul", "select", "user", "table", "public",
}

// ParseName validates s. The error is Invalid and names field, value, rule and an
// example.
func ParseName(field, s string) (Name, error) {
	if !namePattern.MatchString(s) {
		return "", BadField(field, s, nameRule, fmt.Sprintf("for example: --%s %s", field, suggestName(s)))
	}
	if slices.Contains(reserved, s) {
		return "", BadField(field, s, "is a reserved word", fmt.Sprintf("for example: --%s %s-service", field, s))
	}
	return Name(s), nil
}

// suggestName turns s into a valid name that resembles it, for error messages.
func suggestName(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', b.Len() > 0 && r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == 40 {
			break
		}
	}
	out := strings.Trim(b.String(), "-")
	if !namePattern.MatchString(out) || slices.Contains(reserved, out) {
		return "payment-processor"
	}
	return out
}

// DidYouMean returns the candidate closest to s, or "" when none is near. Near
// is an edit distance of at most a third of the length, and at least one; words
// of one or two letters are near to nothing.
func DidYouMean(s string, candidates []string) string {
	if len(s) < 3 {
		return ""
	}
	best, dist := "", max(1, len(s)/3)+1
	for _, c := range candidates {
		if d := editDistance(s, c); d < dist {
			best, dist = c, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment) between a and b.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var prev2 []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev = prev, cur
	}
	return prev[len(b)]
}
