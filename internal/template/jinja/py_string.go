package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// self is a method that maps the string itself.
func self(f func(s string) string) *filter {
	return fn("", func(c *call) (any, error) {
		s, _ := asText(c.value)
		return like(c.value, f(s)), c.r.spend(3 * len(s))
	})
}

// asks is a method that asks something of the string.
func asks(f func(s string) bool) *filter {
	return fn("", func(c *call) (any, error) {
		s, _ := asText(c.value)
		return f(s), c.r.scan(len(s))
	})
}

func pyStringMethods() map[string]*filter {
	return map[string]*filter{
		"lower": self(strings.ToLower), "upper": self(upper), "casefold": self(func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "ß", "ss")) }),
		"title": self(titleString), "capitalize": self(capitalize), "swapcase": self(swapCase),
		"strip": fn("chars?", strip(true, true)), "lstrip": fn("chars?", strip(true, false)), "rstrip": fn("chars?", strip(false, true)),
		"startswith": fn("prefix start? end?", pyHasPrefix), "endswith": fn("suffix start? end?", pyHasSuffix),
		"removeprefix": fn("prefix", cutAffix(strings.TrimPrefix)), "removesuffix": fn("suffix", cutAffix(strings.TrimSuffix)),
		"replace": fn("old new count?", replaceMethod),
		"split":   fn("sep? maxsplit?", split(false)), "rsplit": fn("sep? maxsplit?", split(true)),
		"splitlines": fn("keepends?", splitLines),
		"partition":  fn("sep", partition(strings.Index)), "rpartition": fn("sep", partition(strings.LastIndex)),
		"join": fn("items", joinMethod), "format": fn("*", formatMethod),
		"find": fn("sub start? end?", find(strings.Index, false)), "rfind": fn("sub start? end?", find(strings.LastIndex, false)),
		"index": fn("sub start? end?", find(strings.Index, true)), "rindex": fn("sub start? end?", find(strings.LastIndex, true)),
		"count":  fn("sub start? end?", countMethod),
		"center": fn("width fillchar?", pad(centerPad)), "ljust": fn("width fillchar?", pad(func(n, _ int) int { return 0 })),
		"rjust": fn("width fillchar?", pad(func(n, _ int) int { return n })), "zfill": fn("width", zfill),
		"expandtabs": fn("tabsize?", expandTabs),
		"isdigit":    asks(all(unicode.IsDigit)), "isnumeric": asks(all(unicode.IsNumber)), "isdecimal": asks(all(unicode.IsDigit)),
		"isalpha": asks(all(unicode.IsLetter)), "isalnum": asks(all(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })),
		"isspace": asks(all(isSpace)), "islower": asks(isLower), "isupper": asks(isUpper), "istitle": asks(isTitle),
		"isidentifier": asks(isIdentifier), "isascii": asks(func(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0 }),
	}
}

func all(f func(r rune) bool) func(s string) bool {
	return func(s string) bool {
		return s != "" && strings.IndexFunc(s, func(r rune) bool { return !f(r) }) < 0
	}
}

// upper is Python's: the sharp s becomes two letters.
func upper(s string) string {
	return strings.ToUpper(strings.ReplaceAll(s, "ß", "SS"))
}

func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return titleOf(r) + strings.ToLower(s[n:])
}

// titleOf is a letter at the start of a word.
func titleOf(r rune) string {
	if r == 'ß' {
		return "Ss"
	}
	return string(unicode.ToTitle(r))
}

// titleString is Python's str.title: what follows anything but a letter that has two
// cases is a capital.
func titleString(s string) string {
	var b strings.Builder
	inWord := false
	for _, r := range s {
		if inWord {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteString(titleOf(r))
		}
		inWord = isCased(r)
	}
	return b.String()
}

func isCased(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }

func swapCase(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteString(upper(string(r)))
		}
	}
	return b.String()
}

func isLower(s string) bool {
	return strings.IndexFunc(s, unicode.IsLower) >= 0 && strings.IndexFunc(s, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsTitle(r) }) < 0
}

func isUpper(s string) bool {
	return strings.IndexFunc(s, unicode.IsUpper) >= 0 && strings.IndexFunc(s, func(r rune) bool { return unicode.IsLower(r) || unicode.IsTitle(r) }) < 0
}

func isTitle(s string) bool {
	return strings.IndexFunc(s, isCased) >= 0 && titleString(s) == s
}

func isIdentifier(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

func strip(left, right bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		cut := isSpace
		if c.some(0) {
			chars, err := c.str(0, "")
			if err == nil {
				err = c.r.scan(len(s) * min(len(chars), 64))
			}
			if err != nil {
				return nil, err
			}
			set := map[rune]bool{}
			for _, r := range chars {
				set[r] = true
			}
			cut = func(r rune) bool { return set[r] }
		}
		if left {
			s = strings.TrimLeftFunc(s, cut)
		}
		if right {
			s = strings.TrimRightFunc(s, cut)
		}
		return like(c.value, s), c.r.scan(len(s))
	}
}

func cutAffix(f func(s, affix string) string) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		affix, err := c.str(0, "")
		return like(c.value, f(s, affix)), err
	}
}

func replaceMethod(c *call) (any, error) {
	s, _ := asText(c.value)
	old, err := c.str(0, "")
	if err != nil {
		return nil, err
	}
	repl, err := c.str(1, "")
	if err != nil {
		return nil, err
	}
	n, err := c.int(2, -1)
	if err != nil {
		return nil, err
	}
	text, err := c.r.replace(s, old, repl, n)
	return like(c.value, text), err
}

// replace is Python's str.replace; fewer than zero times means all.
func (r *renderer) replace(s, old, repl string, n int64) (string, error) {
	count := strings.Count(s, old)
	if n >= 0 {
		count = int(min(int64(count), n))
	}
	if err := r.spend(len(s)); err != nil {
		return "", err
	}
	if err := r.spendTimes(len(repl), int64(count)); err != nil {
		return "", err
	}
	return strings.Replace(s, old, repl, count), nil
}

func find(index func(s, sub string) int, must bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		sub, err := c.str(0, "")
		if err != nil {
			return nil, err
		}
		from := int64(0)
		part, err := c.sub(s, 1)
		if err != nil {
			return nil, err
		}
		if from, err = c.int(1, 0); from < 0 {
			from = max(0, from+int64(utf8.RuneCountInString(s)))
		}
		i := index(part, sub)
		if i < 0 && must {
			return nil, failf("%s: %q is not in the string", c.name, cutPlace(sub))
		}
		if i < 0 {
			return int64(-1), err
		}
		return from + int64(utf8.RuneCountInString(part[:i])), c.r.scan(len(s))
	}
}

func countMethod(c *call) (any, error) {
	s, _ := asText(c.value)
	sub, err := c.str(0, "")
	if err != nil {
		return nil, err
	}
	s, err = c.sub(s, 1)
	return int64(strings.Count(s, sub)), err
}

// centerPad is how many of n fill characters go to the left, as Python does it.
func centerPad(n, width int) int { return n/2 + n&width&1 }

func pad(left func(n, width int) int) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, _ := asText(c.value)
		width, err := c.int(0, 0)
		if err != nil {
			return nil, err
		}
		fill, err := c.str(1, " ")
		if err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(fill) != 1 {
			return nil, c.bad(1, "one character")
		}
		text, err := c.r.pad(s, fill, width, left)
		return like(c.value, text), err
	}
}

// pad fills s up to the width.
func (r *renderer) pad(s, fill string, width int64, left func(n, width int) int) (string, error) {
	n := width - int64(utf8.RuneCountInString(s))
	if n <= 0 {
		return s, nil
	}
	if err := r.spendTimes(len(fill), n); err != nil {
		return "", err
	}
	l := left(int(n), int(width))
	return strings.Repeat(fill, l) + s + strings.Repeat(fill, int(n)-l), r.spend(len(s))
}

func zfill(c *call) (any, error) {
	s, _ := asText(c.value)
	width, err := c.int(0, 0)
	if err != nil {
		return nil, err
	}
	sign := ""
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		sign, s = s[:1], s[1:]
		width--
	}
	text, err := c.r.pad(s, "0", width, func(n, _ int) int { return n })
	return like(c.value, sign+text), err
}

func expandTabs(c *call) (any, error) {
	s, _ := asText(c.value)
	size, err := c.int(0, 8)
	if err != nil {
		return nil, err
	}
	size = min(max(size, 0), 1000)
	if err := c.r.spendTimes(strings.Count(s, "\t")+1, size); err != nil {
		return nil, err
	}
	var b strings.Builder
	column := int64(0)
	for _, r := range s {
		switch {
		case r == '\t' && size > 0:
			n := size - column%size
			b.WriteString(strings.Repeat(" ", int(n)))
			column += n
		case r == '\t':
		default:
			b.WriteRune(r)
			if column++; r == '\n' || r == '\r' {
				column = 0
			}
		}
	}
	return like(c.value, b.String()), c.r.spend(len(s))
}
