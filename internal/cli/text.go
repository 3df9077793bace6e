package cli

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// escape matches sequences that terminals act on: CSI, OSC and other strings up
// to their end, and two-character escapes.
var escape = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]?" +
	"|(?:\x1b[\\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\x07\x1b\u009c]*(?:\x07|\x1b\\\\|\u009c)?" +
	"|\x1b[ -/]*[0-~]?")

// clean makes text that came from a server or a program harmless to a terminal:
// it removes escape sequences, control characters but newline and tab, and marks
// that turn the direction of writing.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = escape.ReplaceAllString(s, "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069',
			r == '\u200e', r == '\u200f', r == '\u061c':
			return -1
		}
		return r
	}, s)
}

// oneLine is clean, with line ends and tabs as spaces.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, clean(s))
}

// shortID is the prefix and 12 characters of an id; that much is accepted
// everywhere.
func shortID(id string) string {
	if at := strings.IndexByte(id, '_'); at >= 0 && len(id) > at+13 {
		return id[:at+13]
	}
	return id
}

// age is how long ago t was, in one unit.
func age(now, t time.Time) string {
	d := max(0, now.Sub(t))
	switch {
	case t.IsZero():
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// seconds prints a duration as the progress does.
func seconds(d time.Duration) string {
	if d < 100*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// pad fills s up to n columns.
func pad(s string, n int) string {
	if w := width(s); w < n {
		return s + strings.Repeat(" ", n-w)
	}
	return s
}

// width counts the columns of s; marks and colours take none.
func width(s string) int {
	n := 0
	for _, r := range escape.ReplaceAllString(s, "") {
		if !unicode.Is(unicode.Mn, r) {
			n++
		}
	}
	return n
}

// yesNo is a truth for people.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// joined joins values of any string type.
func joined[T ~string](values []T) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
