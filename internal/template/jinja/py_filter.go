package jinja

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// mapsText is a filter without arguments on the text of the value.
func mapsText(f func(string) string) *filter {
	return fn("", func(c *call) (any, error) {
		s, err := c.text()
		if err != nil {
			return nil, err
		}
		return like(c.value, f(s)), c.r.spend(3 * len(s))
	})
}

// pyFilters are the filters of jinja2; those on lists are in py_list.go.
func pyFilters() map[string]*filter {
	all := map[string]*filter{
		"capitalize":     mapsText(capitalize),
		"center":         fn("width?", filterCenter),
		"default":        fn("default_value? boolean? !", filterDefault),
		"escape":         fn("", filterEscape(false)),
		"forceescape":    fn("", filterEscape(true)),
		"filesizeformat": fn("binary?", filterFileSize),
		"float":          fn("default?", filterFloat),
		"format":         fn("*", filterFormat),
		"indent":         fn("width? first? blank?", filterIndent),
		"int":            fn("default? base?", filterInt),
		"lower":          mapsText(strings.ToLower),
		"pprint":         fn("", filterPprint),
		"replace":        fn("old new count?", filterReplace),
		"round":          fn("precision? method?", filterRound),
		"safe":           fn("", func(c *call) (any, error) { s, err := c.text(); return markup(s), err }),
		"string":         mapsText(func(s string) string { return s }),
		"striptags":      fn("", filterStripTags),
		"title":          fn("", func(c *call) (any, error) { s, err := c.text(); return titleFilter(s), err }),
		"tojson":         fn("indent?", filterJSON),
		"trim":           fn("chars?", filterTrim),
		"truncate":       fn("length? killwords? end? leeway?", filterTruncate),
		"upper":          mapsText(upper),
		"urlencode":      fn("", filterURLEncode),
		"urlize":         fn("trim_url_limit? nofollow? target? rel? extra_schemes?", filterURLize),
		"wordcount":      fn("", filterWordCount),
		"wordwrap":       fn("width? break_long_words? wrapstring? break_on_hyphens?", filterWordWrap),
		"xmlattr":        fn("autospace?", filterXMLAttr),
		"abs":            fn("", filterAbs),
	}
	for name, f := range pyListFilters() {
		all[name] = f
	}
	all["d"], all["e"] = all["default"], all["escape"]
	return all
}

var wordStart = regexp.MustCompile(`[-\s\p{Z}\x{85}\x0b\x1c-\x1f({\[<]+`)

// titleFilter capitalises what follows white space, a hyphen or an opening bracket.
func titleFilter(s string) string {
	var b strings.Builder
	for s != "" {
		i := wordStart.FindStringIndex(s)
		if i == nil {
			i = []int{len(s), len(s)}
		}
		_, n := utf8.DecodeRuneInString(s[:i[0]])
		b.WriteString(upper(s[:n]) + strings.ToLower(s[n:i[0]]))
		b.WriteString(s[i[0]:i[1]])
		s = s[i[1]:]
	}
	return b.String()
}

func filterAbs(c *call) (any, error) {
	if f, ok := c.value.(float64); ok {
		if f < 0 {
			return -f, nil
		}
		return f, nil
	}
	n, ok := asInt(c.value)
	if !ok {
		return nil, c.wrong("a number")
	}
	if n < 0 {
		return pyUnary("-", n)
	}
	return n, nil
}

func filterCenter(c *call) (any, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	width, err := c.int(0, 80)
	if err != nil {
		return nil, err
	}
	text, err := c.r.pad(s, " ", width, centerPad)
	return like(c.value, text), err
}

func filterDefault(c *call) (any, error) {
	_, missing := c.value.(*undefined)
	if !missing {
		if boolean, err := c.truth(1); err != nil || !boolean {
			return c.value, err
		}
		ok, err := c.r.truth(c.value)
		if ok || err != nil {
			return c.value, err
		}
	}
	if c.given(0) {
		return c.args[0], nil
	}
	return "", nil
}

func filterEscape(force bool) func(c *call) (any, error) {
	return func(c *call) (any, error) {
		s, err := c.text()
		if err != nil {
			return nil, err
		}
		if _, safe := c.value.(markup); safe && !force {
			return c.value, nil
		}
		if err := c.r.spend(6 * len(s)); err != nil {
			return nil, err
		}
		return markup(htmlEscapes.Replace(s)), nil
	}
}

func filterFormat(c *call) (any, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	if len(c.args) > 0 && len(c.kw) > 0 {
		return nil, failf("format takes either values or names, not both")
	}
	var arg any = tuple(c.args)
	if len(c.kw) > 0 {
		d := NewDict()
		for _, k := range c.kw {
			d.put(k.name, k.value)
		}
		arg = d
	}
	return c.r.percent(s, arg, c.value)
}

func filterIndent(c *call) (any, error) {
	s, ok := asText(c.value)
	if !ok {
		return nil, c.wrong("a string")
	}
	unit, isText := "", false
	if c.given(0) {
		unit, isText = asText(c.args[0])
	}
	if !isText {
		n, err := c.int(0, 4)
		if err == nil {
			err = c.r.spendTimes(1, n)
		}
		if err != nil {
			return nil, err
		}
		unit = strings.Repeat(" ", int(max(n, 0)))
	}
	first, err := c.truth(1)
	if err != nil {
		return nil, err
	}
	blank, err := c.truth(2)
	if err != nil {
		return nil, err
	}
	if err := c.r.spendLines(s); err != nil {
		return nil, err
	}
	all := lines(s+"\n", false)
	if err := c.r.spendTimes(len(unit), int64(len(all))); err != nil {
		return nil, err
	}
	for i, line := range all {
		if i == 0 && first || i > 0 && (line != "" || blank) {
			all[i] = unit + line
		}
	}
	return like(c.value, strings.Join(all, "\n")), c.r.spend(len(s))
}

func filterPprint(c *call) (any, error) {
	text, err := c.r.repr(c.value)
	if err == nil && utf8.RuneCountInString(text) > 80 {
		err = failf("pprint of what is wider than 80 characters is not supported").with("use | tojson(indent=2)")
	}
	return text, err
}

func filterReplace(c *call) (any, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	old, err := c.r.text(c.args[0])
	if err != nil {
		return nil, err
	}
	repl, err := c.r.text(c.args[1])
	if err != nil {
		return nil, err
	}
	n, err := c.int(2, -1)
	if err != nil {
		return nil, err
	}
	return c.r.replace(s, old, repl, n)
}

var tagOrComment = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)

func filterStripTags(c *call) (any, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	s = strings.Join(strings.FieldsFunc(tagOrComment.ReplaceAllString(s, ""), isSpace), " ")
	return unescapeHTML(s), c.r.spend(2 * len(s))
}

func filterTrim(c *call) (any, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	if _, ok := asText(c.value); !ok {
		c.value = s
	}
	return strip(true, true)(c)
}

func filterTruncate(c *call) (any, error) {
	s, ok := asText(c.value)
	size, err := c.r.length(c.value)
	if err != nil {
		return nil, c.wrong("a string")
	}
	length, err := c.int(0, 255)
	if err != nil {
		return nil, err
	}
	kill, err := c.truth(1)
	if err != nil {
		return nil, err
	}
	end, err := c.str(2, "...")
	if err != nil {
		return nil, err
	}
	leeway, err := c.int(3, 5)
	if err != nil {
		return nil, err
	}
	keep := length - int64(utf8.RuneCountInString(end))
	if keep < 0 || leeway < 0 {
		return nil, failf("truncate: the length must be at least that of %q, and leeway not negative", end)
	}
	if int64(size) <= length || int64(size)-length <= leeway {
		return c.value, nil
	}
	if !ok {
		return nil, c.wrong("a string")
	}
	runes := []rune(s)
	if err := c.r.spend(4 * len(s)); err != nil {
		return nil, err
	}
	s = string(runes[:keep])
	if i := strings.LastIndexByte(s, ' '); i >= 0 && !kill {
		s = s[:i]
	}
	return like(c.value, s+end), nil
}

var word = regexp.MustCompile(`[\p{L}\p{N}_]+`)

func filterWordCount(c *call) (any, error) {
	s, err := c.text()
	if err != nil {
		return nil, err
	}
	if err := c.r.spend(24 * len(s)); err != nil {
		return nil, err
	}
	return int64(len(word.FindAllStringIndex(s, -1))), nil
}

var attrKey = regexp.MustCompile(`[\s/>=]`)

func filterXMLAttr(c *call) (any, error) {
	d, ok := c.value.(*Dict)
	if !ok {
		return nil, c.wrong("a map")
	}
	space := true
	if c.given(0) {
		var err error
		if space, err = c.truth(0); err != nil {
			return nil, err
		}
	}
	var parts []string
	for i, k := range d.keys {
		if _, missing := d.vals[i].(*undefined); missing || d.vals[i] == nil {
			continue
		}
		key, ok := asText(k)
		if !ok || attrKey.MatchString(key) {
			return nil, failf("xmlattr: %q cannot be the name of an attribute", cutPlace(keyText(k)))
		}
		text, err := c.r.text(d.vals[i])
		if err == nil {
			err = c.r.spend(6 * (len(text) + len(key)))
		}
		if err != nil {
			return nil, err
		}
		if _, safe := d.vals[i].(markup); !safe {
			text = htmlEscapes.Replace(text)
		}
		parts = append(parts, htmlEscapes.Replace(key)+`="`+text+`"`)
	}
	out := strings.Join(parts, " ")
	if space && out != "" {
		out = " " + out
	}
	return out, nil
}
