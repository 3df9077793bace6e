package cookiecutter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/mozillazg/go-unidecode"
	"golang.org/x/text/unicode/norm"
)

// A slug says how slugify works, as the arguments of the Python library do.
type slug struct {
	entities, decimal, hexadecimal bool
	maxLength                      int
	wordBoundary                   bool
	separator                      string
	saveOrder                      bool
	stopwords                      []string
	pattern                        *regexp.Regexp
	lowercase, unicode             bool
	replacements                   [][2]string
}

var slugArguments = []string{
	"value", "entities", "decimal", "hexadecimal", "max_length", "word_boundary", "separator", "save_order", "stopwords",
	"regex_pattern", "lowercase", "replacements", "allow_unicode",
}

// maxSlug bounds the text to be made a slug.
const maxSlug = 100_000

func slugifyFilter(_ context.Context, args []any, kwargs map[string]any) (any, error) {
	a, err := arguments(slugArguments, args, kwargs)
	if err != nil {
		return nil, err
	}
	value, ok := a[0].(string)
	if !ok {
		return nil, fmt.Errorf("wants a text, not %s", plain(a[0]))
	}
	if len(value) > maxSlug {
		return nil, fmt.Errorf("wants a text of at most %d bytes", maxSlug)
	}
	s := slug{entities: true, decimal: true, hexadecimal: true, separator: "-", lowercase: true}
	for i, on := range map[int]*bool{1: &s.entities, 2: &s.decimal, 3: &s.hexadecimal, 5: &s.wordBoundary, 7: &s.saveOrder, 10: &s.lowercase, 12: &s.unicode} {
		if a[i] != nil {
			*on = truthy(a[i])
		}
	}
	if n, ok := a[4].(int64); ok {
		s.maxLength = int(min(n, maxSlug))
	}
	if sep, ok := a[6].(string); ok {
		s.separator = sep
	}
	list, _ := a[8].([]any)
	for _, word := range list {
		s.stopwords = append(s.stopwords, plain(word))
	}
	if expr, ok := a[9].(string); ok && expr != "" {
		if s.pattern, err = regexp.Compile(expr); err != nil {
			return nil, fmt.Errorf("regex_pattern %q cannot be used: %w", expr, err)
		}
	}
	list, _ = a[11].([]any)
	for _, pair := range list {
		two, ok := pair.([]any)
		if !ok || len(two) != 2 {
			return nil, errors.New("replacements are pairs of texts")
		}
		s.replacements = append(s.replacements, [2]string{plain(two[0]), plain(two[1])})
	}
	return s.of(value), nil
}

var (
	quotes        = regexp.MustCompile(`'+`)
	namedEntity   = regexp.MustCompile(`&([a-zA-Z]+[0-9]*);`)
	decimalEntity = regexp.MustCompile(`&#(\d+);`)
	hexEntity     = regexp.MustCompile(`&#x([\da-fA-F]+);`)
	comma         = regexp.MustCompile(`(\d),(\d)`)
	dashes        = regexp.MustCompile(`-{2,}`)
	notASCII      = regexp.MustCompile(`[^-a-zA-Z0-9]+`)
	notWord       = regexp.MustCompile(`[^-\pL\pN_]+|_`)
)

// of makes the slug, step by step as the Python library does.
func (s slug) of(text string) string {
	for _, r := range s.replacements {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	text = quotes.ReplaceAllString(text, "-")
	form := norm.NFKD
	if s.unicode {
		text = norm.NFKC.String(text)
		form = norm.NFKC
	} else {
		text = unidecode.Unidecode(norm.NFKD.String(text))
	}
	for _, e := range []struct {
		on   bool
		expr *regexp.Regexp
	}{{s.entities, namedEntity}, {s.decimal, decimalEntity}, {s.hexadecimal, hexEntity}} {
		if e.on {
			text = e.expr.ReplaceAllStringFunc(text, html.UnescapeString)
		}
	}
	text = form.String(text)
	if s.lowercase {
		text = strings.ToLower(text)
	}
	text = quotes.ReplaceAllString(text, "")
	for comma.MatchString(text) {
		text = comma.ReplaceAllString(text, "$1$2")
	}
	text = s.disallowed().ReplaceAllString(text, "-")
	text = strings.Trim(dashes.ReplaceAllString(text, "-"), "-")
	text = s.withoutStopwords(text)
	for _, r := range s.replacements {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	if s.maxLength > 0 {
		text = s.truncate(text)
	}
	return strings.ReplaceAll(text, "-", s.separator)
}

func (s slug) disallowed() *regexp.Regexp {
	switch {
	case s.pattern != nil:
		return s.pattern
	case s.unicode:
		return notWord
	}
	return notASCII
}

func (s slug) withoutStopwords(text string) string {
	if len(s.stopwords) == 0 {
		return text
	}
	stop := slices.Clone(s.stopwords)
	if s.lowercase {
		for i := range stop {
			stop[i] = strings.ToLower(stop[i])
		}
	}
	words := slices.DeleteFunc(strings.Split(text, "-"), func(w string) bool { return slices.Contains(stop, w) })
	return strings.Join(words, "-")
}

// truncate cuts a slug, between words where that is asked for.
func (s slug) truncate(text string) string {
	runes := []rune(strings.Trim(text, "-"))
	text = string(runes)
	if len(runes) < s.maxLength {
		return text
	}
	head := strings.Trim(string(runes[:min(len(runes), s.maxLength)]), "-")
	if !s.wordBoundary {
		return head
	}
	if !strings.Contains(text, "-") {
		return string(runes[:min(len(runes), s.maxLength)])
	}
	var out strings.Builder
	length := 0
	for word := range strings.SplitSeq(text, "-") {
		n := len([]rune(word))
		switch {
		case n == 0:
		case length+n < s.maxLength:
			out.WriteString(word + "-")
			length += n + 1
			continue
		case length+n == s.maxLength:
			out.WriteString(word)
			return strings.Trim(out.String(), "-")
		case s.saveOrder:
			return strings.Trim(cmp.Or(out.String(), head), "-")
		}
	}
	return strings.Trim(cmp.Or(out.String(), head), "-")
}
