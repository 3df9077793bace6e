package git

import (
	"regexp"
	"strings"

	"github.com/pave-platform/pave"
)

// A Ref is the validated name of a branch or tag, whole (refs/heads/main) or
// short (main).
type Ref string

// A Revision is a validated Ref or the id of a commit, whole or at least 7
// characters of it.
type Revision string

var hexPattern = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// ParseRef validates s by the rules of git check-ref-format and a few of ours: at
// most 200 bytes, no leading "-", printable UTF-8. The error is Invalid.
func ParseRef(s string) (Ref, error) {
	if rule := badRef(s); rule != "" {
		return "", pave.BadField("ref", s, rule, "for example: main, or refs/heads/main")
	}
	return Ref(s), nil
}

// ParseRevision validates s. The error is Invalid.
func ParseRevision(s string) (Revision, error) {
	if hexPattern.MatchString(s) {
		return Revision(s), nil
	}
	if rule := badRef(s); rule != "" {
		return "", pave.BadField("revision", s, rule, "for example: main, or the id of a commit")
	}
	return Revision(s), nil
}

// badRef returns the rule s breaks, or "".
func badRef(s string) string {
	switch {
	case s == "" || len(s) > 200:
		return "must have 1 to 200 bytes"
	case s == "@" || strings.Contains(s, "@{"):
		return "must not be \"@\" or have \"@{\" in it"
	case strings.HasPrefix(s, "-"):
		return "must not start with \"-\""
	case strings.Contains(s, "..") || strings.HasSuffix(s, "."):
		return "must not have \"..\" in it or end in \".\""
	case strings.ContainsAny(s, " ~^:?*[\\"):
		return "must not have a space or any of ~ ^ : ? * [ \\"
	case strings.ContainsFunc(s, notPlain):
		return "must be printable UTF-8"
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "-") || strings.HasSuffix(part, ".lock") {
			return "must not have a part that is empty, starts with \".\" or \"-\", or ends in \".lock\""
		}
	}
	return ""
}
