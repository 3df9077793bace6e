package jinja

import (
	"slices"
	"strings"
	"unicode/utf8"
)

func split(right bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		n, err := c.int(1, -1)
		if err != nil {
			return nil, err
		}
		var parts []string
		switch {
		case !c.some(0):
			if err := c.r.spend(16 * len(s)); err != nil {
				return nil, err
			}
			parts = splitSpace(s, n, right)
		default:
			sep, err := c.str(0, "")
			if err != nil {
				return nil, err
			}
			if sep == "" {
				return nil, failf("%s: the separator is empty", c.name)
			}
			if err := c.r.spendTimes(32, int64(strings.Count(s, sep))); err != nil {
				return nil, err
			}
			parts = splitSep(s, sep, n, right)
		}
		return c.texts(parts)
	}
}

// texts makes a list of strings, like the value.
func (c *call) texts(parts []string) (any, error) {
	if err := c.r.spendItems(3 * len(parts)); err != nil {
		return nil, err
	}
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = like(c.value, p)
	}
	return &list{out}, nil
}

func splitSep(s, sep string, n int64, right bool) []string {
	if n < 0 {
		return strings.Split(s, sep)
	}
	if !right {
		return strings.SplitN(s, sep, int(min(n, int64(len(s))))+1)
	}
	var parts []string
	for ; n > 0; n-- {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		parts = append(parts, s[i+len(sep):])
		s = s[:i]
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return parts
}

func splitSpace(s string, n int64, right bool) []string {
	if n < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var parts []string
	trim := strings.TrimLeftFunc
	if right {
		trim = strings.TrimRightFunc
	}
	for s = trim(s, isSpace); s != ""; n-- {
		i := strings.IndexFunc(s, isSpace)
		if right {
			i = strings.LastIndexFunc(s, isSpace)
		}
		if i < 0 || n == 0 {
			break
		}
		if right {
			_, size := utf8.DecodeRuneInString(s[i:])
			parts, s = append(parts, s[i+size:]), strings.TrimRightFunc(s[:i], isSpace)
		} else {
			parts, s = append(parts, s[:i]), strings.TrimLeftFunc(s[i:], isSpace)
		}
	}
	if s != "" {
		parts = append(parts, s)
	}
	if right {
		slices.Reverse(parts)
	}
	return parts
}

// spendLines counts what cutting s into lines takes.
func (r *renderer) spendLines(s string) error {
	n := 0
	for _, c := range s {
		if isLineEnd(c) {
			n++
		}
	}
	return r.spend(len(s) + 16*n)
}

func isLineEnd(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

// lines cuts s as Python's splitlines does.
func lines(s string, keep bool) []string {
	var out []string
	for s != "" {
		i := strings.IndexFunc(s, isLineEnd)
		if i < 0 {
			return append(out, s)
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		if keep {
			out = append(out, s[:i+n])
		} else {
			out = append(out, s[:i])
		}
		s = s[i+n:]
	}
	return out
}

func splitLines(c *call) (any, error) {
	s, _ := asText(c.value)
	keep, err := c.truth(0)
	if err == nil {
		err = c.r.spendLines(s)
	}
	if err != nil {
		return nil, err
	}
	return c.texts(lines(s, keep))
}

func partition(index func(s, sep string) int) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		sep, err := c.str(0, "")
		if err != nil || sep == "" {
			return nil, failf("%s needs a separator", c.name)
		}
		i := index(s, sep)
		switch {
		case i >= 0:
			return tuple{like(c.value, s[:i]), like(c.value, sep), like(c.value, s[i+len(sep):])}, c.r.spend(len(s))
		case c.name == "partition":
			return tuple{c.value, like(c.value, ""), like(c.value, "")}, nil
		}
		return tuple{like(c.value, ""), like(c.value, ""), c.value}, nil
	}
}

func joinMethod(c *call) (any, error) {
	items, err := c.r.items(c.args[0])
	if err != nil {
		return nil, err
	}
	sep, _ := asText(c.value)
	_, safe := c.value.(markup)
	for i, x := range items {
		if u, ok := x.(*undefined); ok {
			return nil, u.err()
		}
		if _, ok := asText(x); !ok && !safe {
			return nil, failf("join: element %d is %s, not a string", i+1, typeName(x)).with("use the filter: | join(%q)", sep)
		}
	}
	text, err := c.r.join(items, sep, func(x any) (string, error) {
		s, err := c.r.text(x)
		if _, isSafe := x.(markup); safe && !isSafe {
			s = htmlEscapes.Replace(s)
		}
		return s, err
	})
	return like(c.value, text), err
}

// join puts sep between the texts of the items.
func (r *renderer) join(items []any, sep string, text func(any) (string, error)) (string, error) {
	var b strings.Builder
	for i, x := range items {
		s, err := text(x)
		if err == nil {
			err = r.spend(len(s) + len(sep))
		}
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}
