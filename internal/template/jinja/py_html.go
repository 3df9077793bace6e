package jinja

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"sync"
)

func unescapeHTML(s string) string { return html.UnescapeString(s) }

// quoteURL is Python's quote: what is not safe becomes %XX.
func quoteURL(s, safe string, plus bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || strings.IndexByte("_.-~", c) >= 0 || strings.IndexByte(safe, c) >= 0:
			b.WriteByte(c)
		case c == ' ' && plus:
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

func filterURLEncode(c *call) (any, error) {
	if !isIterable(c.value) || isTextual(c.value) {
		s, err := c.text()
		if err == nil {
			err = c.r.spend(3 * len(s))
		}
		return quoteURL(s, "/", false), err
	}
	source := c.value
	if d, ok := source.(*Dict); ok {
		source = &view{d, "items"}
	}
	pairs, err := c.r.items(source)
	if err != nil {
		return nil, err
	}
	var parts []string
	for _, p := range pairs {
		kv, err := c.r.items(p)
		if err != nil {
			return nil, err
		}
		if len(kv) != 2 {
			return nil, failf("urlencode needs a string, a map, or pairs of a key and a value")
		}
		var text [2]string
		for i, x := range kv {
			if text[i], err = c.r.text(x); err == nil {
				err = c.r.spend(3 * len(text[i]))
			}
			if err != nil {
				return nil, err
			}
		}
		parts = append(parts, quoteURL(text[0], "", true)+"="+quoteURL(text[1], "", true))
	}
	return strings.Join(parts, "&"), nil
}

func isTextual(v any) bool { _, ok := asText(v); return ok }

// Large patterns are compiled when a template first needs them.
var (
	urlWords = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[\s\p{Z}\x{85}\x0b\x1c-\x1f]+|[^\s\p{Z}\x{85}\x0b\x1c-\x1f]+`)
	})
	urlHead  = regexp.MustCompile(`^([(<]|&lt;)+`)
	urlTail  = regexp.MustCompile(`([)>.,\n]|&gt;)+$`)
	httpLink = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^((https?://|www\.)(([\pL\pN_%-]+\.)+)?([a-z]{2,63}|xn--[\pL\pN_%]{2,59})|([\pL\pN_%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)|(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|(\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])))(?::[\d]{1,5})?(?:[/?#]\S*)?$`)
	})
	mailLink = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\S+@[\pL\pN_][\pL\pN_.-]*\.[\pL\pN_]+$`) })
)

func filterURLize(c *call) (any, error) {
	s, ok := asText(c.value)
	if !ok {
		return nil, c.wrong("a string")
	}
	limit, err := c.int(0, -1)
	if err != nil {
		return nil, err
	}
	attrs, err := c.linkAttrs()
	if err != nil {
		return nil, err
	}
	if err := c.r.spend(20 * len(s)); err != nil {
		return nil, err
	}
	if _, safe := c.value.(markup); !safe {
		s = htmlEscapes.Replace(s)
	}
	words := urlWords().FindAllString(s, -1)
	for i, w := range words {
		if strings.TrimFunc(w, isSpace) != "" {
			words[i] = linked(w, attrs, int(limit))
		}
		if err := c.r.spend(len(words[i])); err != nil {
			return nil, err
		}
	}
	return strings.Join(words, ""), nil
}

// linkAttrs are the attributes rel and target of the links of urlize.
func (c *call) linkAttrs() (string, error) {
	rel, err := c.str(3, "")
	if err != nil {
		return "", err
	}
	nofollow, err := c.truth(1)
	if err != nil {
		return "", err
	}
	parts := append(strings.Fields(rel), "noopener")
	if nofollow {
		parts = append(parts, "nofollow")
	}
	slices.Sort(parts)
	attrs := ` rel="` + htmlEscapes.Replace(strings.Join(slices.Compact(parts), " ")) + `"`
	target, err := c.str(2, "")
	if err == nil && c.some(2) {
		attrs += ` target="` + htmlEscapes.Replace(target) + `"`
	}
	if c.some(4) {
		return "", failf("urlize: extra_schemes is not supported")
	}
	return attrs, err
}

// linked makes a link of a word that is one, less the punctuation around it.
func linked(w, attrs string, limit int) string {
	head := urlHead.FindString(w)
	middle := w[len(head):]
	tail := urlTail.FindString(middle)
	middle = middle[:len(middle)-len(tail)]
	// Brackets that are open in the middle are closed by the tail.
	for _, pair := range [][2]string{{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}} {
		missing := strings.Count(middle, pair[0]) - strings.Count(middle, pair[1])
		for ; missing > 0 && strings.Contains(tail, pair[1]); missing-- {
			n := strings.Index(tail, pair[1]) + len(pair[1])
			middle, tail = middle+tail[:n], tail[n:]
		}
	}
	shown := middle
	if runes := []rune(shown); limit >= 0 && len(runes) > limit {
		shown = string(runes[:limit]) + "..."
	}
	link := func(href string) string { return head + `<a href="` + href + `"` + attrs + `>` + shown + `</a>` + tail }
	switch {
	case httpLink().MatchString(middle):
		if strings.HasPrefix(middle, "https://") || strings.HasPrefix(middle, "http://") {
			return link(middle)
		}
		return link("https://" + middle)
	case strings.HasPrefix(middle, "mailto:") && mailLink().MatchString(middle[7:]):
		shown = middle[7:]
		attrs = cutRel(attrs)
		return link(middle)
	case strings.Contains(middle, "@") && !strings.HasPrefix(middle, "www.") && !strings.Contains(middle, ":") && mailLink().MatchString(middle):
		shown = middle
		attrs = cutRel(attrs)
		return link("mailto:" + middle)
	}
	return w
}

// cutRel drops the attributes, which links to mail addresses do not have.
func cutRel(string) string { return "" }
