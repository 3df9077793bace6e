package jinja

import (
	"math"
	"regexp"
	"strings"
	"unicode/utf16"
)

// jsFilters are the filters of nunjucks; those on lists are in js_list.go.
func jsFilters() map[string]*filter {
	all := map[string]*filter{
		"abs":         fn("", jsAbs),
		"capitalize":  jsMaps(jsCapitalize, true),
		"center":      fn("width?", jsCenter),
		"default":     fn("default_value? boolean? !", jsDefault),
		"dump":        fn("spaces? !", jsDump),
		"escape":      fn("", jsEscape(false)),
		"forceescape": fn("", jsEscape(true)),
		"float":       fn("default?", jsFloat),
		"indent":      fn("width? indentfirst?", jsIndent),
		"int":         fn("default? base?", jsInt),
		"lower":       jsMaps(strings.ToLower, false),
		"nl2br": jsMaps(func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "<br />\n")
		}, true),
		"replace":   fn("old new count?", jsReplace),
		"round":     fn("precision? method?", jsRound),
		"safe":      fn("", func(c *call) (any, error) { s, err := c.text(); return markup(s), err }),
		"string":    fn("", func(c *call) (any, error) { s, err := c.r.concatText(c.value); return like(c.value, s), err }),
		"striptags": fn("preserve_linebreaks?", jsStripTags),
		"title":     jsMaps(jsTitle, true),
		"trim":      fn("", jsTrim),
		"truncate":  fn("length? killwords? end?", jsTruncate),
		"upper":     jsMaps(upper, false),
		"urlencode": fn("", jsURLEncode),
		"urlize":    fn("length? nofollow?", jsURLize),
		"wordcount": fn("", jsWordCount),
	}
	for name, f := range jsListFilters() {
		all[name] = f
	}
	all["d"], all["e"] = all["default"], all["escape"]
	return all
}

// jsString returns the value as text: null and false are nothing, all but a string is
// an error.
func (c *call) jsString() (string, error) {
	if c.value == nil || c.value == false {
		return "", nil
	}
	s, ok := asText(c.value)
	if !ok {
		return "", c.wrong("a string").(*fault).with("make it one: | string")
	}
	return s, nil
}

// jsMaps is a filter that maps text; safe text may stay safe.
func jsMaps(f func(string) string, keeps bool) *filter {
	return fn("", func(c *call) (any, error) {
		s, err := c.jsString()
		if err == nil {
			err = c.r.spend(3 * len(s))
		}
		if err != nil {
			return nil, err
		}
		if keeps {
			return like(c.value, f(s)), nil
		}
		return f(s), nil
	})
}

func jsCapitalize(s string) string {
	s = strings.ToLower(s)
	for i, r := range s {
		if i > 0 {
			return upper(s[:i]) + s[i:]
		}
		if utf16.RuneLen(r) > 1 {
			return s // the first code unit is no letter
		}
	}
	return upper(s)
}

func jsTitle(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		words[i] = jsCapitalize(w)
	}
	return strings.Join(words, " ")
}

func jsAbs(c *call) (any, error) {
	f, err := c.r.jsToNumber(c.value)
	return c.r.finite(math.Abs(f), "abs", c.value, nil, err)
}

func jsCenter(c *call) (any, error) {
	s, err := c.jsString()
	if err != nil {
		return nil, err
	}
	width, err := c.int(0, 80)
	if width == 0 {
		width = 80
	}
	n := width - int64(jsLength(s))
	if err != nil || n <= 0 {
		return s, err
	}
	if err := c.r.spendTimes(1, n); err != nil {
		return nil, err
	}
	// The counts of the original are halves, which its loop rounds up.
	half, odd := float64(n)/2, float64(n%2)
	left, right := int(math.Ceil(max(0, half-odd))), int(math.Ceil(half))
	return like(c.value, strings.Repeat(" ", left)+s+strings.Repeat(" ", right)), c.r.spend(len(s))
}

func jsDefault(c *call) (any, error) {
	_, missing := c.value.(*undefined)
	if !missing {
		boolean, err := c.truth(1)
		if err != nil || !boolean {
			return c.value, err
		}
		if ok, err := jsTruth(c.value); ok || err != nil {
			return c.value, err
		}
	}
	if c.given(0) {
		return c.args[0], nil
	}
	return c.nothing("default has no value to give"), nil
}

func jsDump(c *call) (any, error) {
	w := &jsonWriter{writer: writer{r: c.r}, js: true}
	if u, ok := c.value.(*undefined); ok {
		return nil, u.err()
	}
	if s, ok := asText(c.otherwise(0)); ok {
		w.indent = s[:min(len(s), 10)]
	} else if c.some(0) {
		n, err := c.int(0, 0)
		if err != nil {
			return nil, err
		}
		w.indent = strings.Repeat(" ", int(min(max(n, 0), 10)))
	}
	w.value(c.value, w.indent != "", 0)
	if w.err == nil {
		w.err = c.r.spend(w.b.Len())
	}
	return w.b.String(), w.err
}

func jsIndent(c *call) (any, error) {
	s, err := c.jsString()
	if err != nil || s == "" {
		return "", err
	}
	width, err := c.int(0, 4)
	if err != nil {
		return nil, err
	}
	if width == 0 {
		width = 4
	}
	first, err := c.truth(1)
	if err != nil {
		return nil, err
	}
	if err := c.r.spendLines(s); err != nil {
		return nil, err
	}
	all := strings.Split(s, "\n")
	if err := c.r.spendTimes(len(all), width); err != nil {
		return nil, err
	}
	for i := range all {
		if i > 0 || first {
			all[i] = strings.Repeat(" ", int(max(0, width))) + all[i]
		}
	}
	return like(c.value, strings.Join(all, "\n")), c.r.spend(len(s))
}

func jsReplace(c *call) (any, error) {
	s, isText := asText(c.value)
	if p, ok := c.args[0].(*pattern); ok {
		repl, err := c.r.concatText(c.args[1])
		if !isText {
			err = c.wrong("a string")
		}
		if err != nil {
			return nil, err
		}
		return c.r.replacePattern(s, p, repl)
	}
	if _, isNumber := number(c.value); isNumber && c.value != true && c.value != false {
		s, _ = c.text()
		isText = true
	}
	old, err := c.argText(0, "")
	if err != nil {
		return nil, err
	}
	if c.args[0] == nil || !isText || !isTextual(c.args[0]) && c.args[0] != any(old) && isBoolOrObject(c.args[0]) {
		return c.value, nil
	}
	repl, err := c.r.concatText(c.args[1])
	if err != nil {
		return nil, err
	}
	n, err := c.int(2, -1)
	if err != nil {
		return nil, err
	}
	if old == "" {
		n = -1
	}
	text, err := c.r.replace(s, old, repl, n)
	return like(c.value, text), err
}

func isBoolOrObject(v any) bool {
	switch v.(type) {
	case string, markup, int64, float64:
		return false
	}
	return true
}

var (
	jsTags     = regexp.MustCompile(`(?is)</?([a-z][a-z0-9]*)\b[^>]*>|<!--.*?-->`)
	jsSpaces   = regexp.MustCompile(`[\s\p{Z}\x0b\x{feff}]+`)
	jsLines    = regexp.MustCompile(`[^\n\r\x{2028}\x{2029}]+`)
	jsBlanks   = regexp.MustCompile(` +`)
	jsNewlines = regexp.MustCompile(`\n\n\n+`)
	jsWord     = regexp.MustCompile(`[A-Za-z0-9_]+`)
)

func jsTrim(c *call) (any, error) {
	s, ok := asText(c.value)
	if !ok {
		return nil, c.wrong("a string")
	}
	return like(c.value, strings.TrimFunc(s, isSpace)), c.r.scan(len(s))
}

func jsTruncate(c *call) (any, error) {
	s, err := c.jsString()
	if err != nil {
		return nil, err
	}
	length, err := c.int(0, 255)
	if err != nil {
		return nil, err
	}
	if length == 0 {
		length = 255
	}
	kill, err := c.truth(1)
	if err != nil {
		return nil, err
	}
	end, err := c.argText(2, "...")
	if err != nil {
		return nil, err
	}
	c.value = like(c.value, s)
	units, err := c.units()
	if err != nil || int64(len(units)) <= length {
		return c.value, err
	}
	cut := int(max(0, length))
	if !kill {
		for i := cut; i >= 0; i-- {
			if units[i] == ' ' {
				cut = i
				break
			}
		}
	}
	return like(c.value, string(utf16.Decode(units[:cut]))+end), nil
}

var (
	jsPunctuation = regexp.MustCompile(`^(?:\(|<|&lt;)?(.*?)(?:\.|,|\)|\n|&gt;)?$`)
	jsMail        = regexp.MustCompile(`(?i)^[\w.!#$%&'*+\-/=?^` + "`" + `{|}~]+@[a-z\d\-]+(\.[a-z\d\-]+)+$`)
	jsDomain      = regexp.MustCompile(`\.(?:org|net|com)(?::|/|$)`)
)

func jsWordCount(c *call) (any, error) {
	s, err := c.jsString()
	if err != nil {
		return nil, err
	}
	if err := c.r.spend(24 * len(s)); err != nil {
		return nil, err
	}
	n := len(jsWord.FindAllStringIndex(s, -1))
	if n == 0 {
		return nil, nil
	}
	return int64(n), nil
}
