package jinja

import (
	"fmt"
	"strings"
)

func jsEscape(force bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		if _, safe := c.value.(markup); safe && !force {
			return c.value, nil
		}
		s, err := c.text()
		if err == nil {
			err = c.r.spend(6 * len(s))
		}
		return markup(jsEscapes.Replace(s)), err
	}
}

func jsStripTags(c *call) (any, error) {
	s, err := c.jsString()
	if err != nil {
		return nil, err
	}
	keep, err := c.truth(0)
	if err != nil {
		return nil, err
	}
	s = strings.TrimFunc(jsTags.ReplaceAllString(s, ""), isSpace)
	if keep {
		s = jsLines.ReplaceAllStringFunc(s, func(line string) string { return strings.Trim(line, " ") })
		s = jsBlanks.ReplaceAllString(s, " ")
		s = jsNewlines.ReplaceAllString(strings.ReplaceAll(s, "\r\n", "\n"), "\n\n")
	} else {
		s = jsSpaces.ReplaceAllString(s, " ")
	}
	return like(c.value, s), c.r.spend(4 * len(s))
}

// componentURL is encodeURIComponent.
func componentURL(s string) string { return quoteURL(s, "!*'()", false) }

func jsURLEncode(c *call) (any, error) {
	if s, ok := asText(c.value); ok {
		return componentURL(s), c.r.spend(3 * len(s))
	}
	var pairs [][2]any
	if d, ok := c.value.(*Dict); ok {
		for _, i := range jsKeys(d) {
			pairs = append(pairs, [2]any{d.keys[i], d.vals[i]})
		}
	} else {
		items, err := c.jsItems()
		if err != nil {
			return nil, err
		}
		for _, x := range items {
			kv := sequence(x)
			if len(kv) < 2 {
				return nil, failf("urlencode needs a string, a map, or pairs of a key and a value")
			}
			pairs = append(pairs, [2]any{kv[0], kv[1]})
		}
	}
	var parts []string
	for _, p := range pairs {
		k, err := c.r.concatText(p[0])
		if err != nil {
			return nil, err
		}
		v, err := c.r.concatText(p[1])
		if err == nil {
			err = c.r.spend(3 * (len(k) + len(v)))
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, componentURL(k)+"="+componentURL(v))
	}
	return strings.Join(parts, "&"), nil
}

func jsURLize(c *call) (any, error) {
	s, ok := asText(c.value)
	if !ok {
		return nil, c.wrong("a string")
	}
	limit, err := c.int(0, 1<<40)
	if err != nil {
		return nil, err
	}
	rel := ""
	if c.given(1) && c.args[1] == true {
		rel = ` rel="nofollow"`
	}
	if err := c.r.spend(30 * len(s)); err != nil {
		return nil, err
	}
	words := urlWords().FindAllString(s, -1)
	for i, w := range words {
		url := w
		if m := jsPunctuation.FindStringSubmatch(w); m != nil {
			url = m[1]
		}
		short := url
		if runes := []rune(url); int64(len(runes)) > limit {
			short = string(runes[:max(0, limit)])
		}
		switch {
		case strings.HasPrefix(url, "http://"), strings.HasPrefix(url, "https://"):
			words[i] = fmt.Sprintf(`<a href="%s"%s>%s</a>`, url, rel, short)
		case strings.HasPrefix(url, "www."):
			words[i] = fmt.Sprintf(`<a href="http://%s"%s>%s</a>`, url, rel, short)
		case jsMail.MatchString(url):
			words[i] = fmt.Sprintf(`<a href="mailto:%s">%s</a>`, url, url)
		case jsDomain.MatchString(url):
			words[i] = fmt.Sprintf(`<a href="http://%s"%s>%s</a>`, url, rel, short)
		}
	}
	return strings.Join(words, ""), nil
}
