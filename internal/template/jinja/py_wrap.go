package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func filterWordWrap(c *call) (any, error) {
	s, ok := asText(c.value)
	if !ok {
		return nil, c.wrong("a string")
	}
	width, err := c.int(0, 79)
	if err != nil {
		return nil, err
	}
	if width <= 0 && s != "" {
		return nil, failf("wordwrap needs a width above zero")
	}
	w := &wrapper{width: int(min(width, 1<<30)), long: true, hyphens: true}
	for i, p := range map[int]*bool{1: &w.long, 3: &w.hyphens} {
		if c.given(i) {
			if *p, err = c.truth(i); err != nil {
				return nil, err
			}
		}
	}
	sep, err := c.str(2, "\n")
	if err != nil {
		return nil, err
	}
	if err := c.r.spend(32 * len(s)); err != nil {
		return nil, err
	}
	var out []string
	for _, line := range lines(s, false) {
		wrapped := w.wrap(line)
		if len(wrapped) == 0 {
			wrapped = []string{""}
		}
		out = append(out, wrapped...)
	}
	if err := c.r.spendTimes(len(sep), int64(len(out))); err != nil {
		return nil, err
	}
	return strings.Join(out, sep), nil
}

// A wrapper breaks text into lines as Python's textwrap does.
type wrapper struct {
	width         int
	long, hyphens bool
}

func (w *wrapper) wrap(s string) []string {
	chunks := w.chunks(s)
	var out []string
	for len(chunks) > 0 {
		if isBlank(chunks[0]) && len(out) > 0 {
			if chunks = chunks[1:]; len(chunks) == 0 {
				break
			}
		}
		var line []string
		size := 0
		for len(chunks) > 0 && runeOffset(chunks[0], w.width-size+1) < 0 {
			size += utf8.RuneCountInString(chunks[0])
			line, chunks = append(line, chunks[0]), chunks[1:]
		}
		if len(chunks) > 0 && runeOffset(chunks[0], w.width+1) >= 0 {
			switch {
			case w.long:
				head, tail := w.cut(chunks[0], w.width-size)
				line, chunks[0] = append(line, head), tail
			case len(line) == 0:
				line, chunks = append(line, chunks[0]), chunks[1:]
			}
		}
		if n := len(line); n > 0 && isBlank(line[n-1]) {
			line = line[:n-1]
		}
		if len(line) > 0 {
			out = append(out, strings.Join(line, ""))
		}
	}
	return out
}

// runeOffset returns how many bytes the first n characters of s have, or -1 if there
// are not so many.
func runeOffset(s string, n int) int {
	if len(s) < n {
		return -1
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	if n == 0 {
		return len(s)
	}
	return -1
}

// cut breaks a word that is longer than a line, after a hyphen if one fits.
func (w *wrapper) cut(word string, room int) (head, tail string) {
	n := runeOffset(word, room) // room may be 0: then nothing is taken, as in Python
	if w.hyphens && n < len(word) {
		part := word[:n]
		if i := strings.LastIndexByte(part, '-'); i > 0 && strings.Trim(part[:i], "-") != "" {
			return word[:i+1], word[i+1:]
		}
	}
	return word[:n], word[n:]
}

func isBlank(s string) bool { return strings.TrimFunc(s, isSpace) == "" }

// chunks cuts text into blanks and words, and words after their hyphens.
func (w *wrapper) chunks(s string) []string {
	var out []string
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n\v\f\r", r) })
		switch n {
		case 0:
			n = len(s) - len(strings.TrimLeft(s, " \t\n\v\f\r"))
			out, s = append(out, s[:n]), s[n:]
			continue
		case -1:
			n = len(s)
		}
		if w.hyphens {
			out = append(out, hyphenated(s[:n])...)
		} else {
			out = append(out, s[:n])
		}
		s = s[n:]
	}
	return out
}

// hyphenated cuts a word after each hyphen between letters, and around dashes.
func hyphenated(word string) []string {
	runes := []rune(word)
	letter := func(i int) bool { return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || runes[i] == '_') }
	isWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (letter(i) || unicode.IsDigit(runes[i]) || strings.ContainsRune(`!"'&.,?`, runes[i]))
	}
	var out []string
	start := 0
	for i := 0; i < len(runes); i++ {
		if runes[i] != '-' {
			continue
		}
		j := i
		for j < len(runes) && runes[j] == '-' {
			j++
		}
		switch {
		case j-i >= 2 && isWord(i-1) && j < len(runes) && (letter(j) || unicode.IsDigit(runes[j])):
			out = append(out, string(runes[start:i]), string(runes[i:j]))
			start = j
		case j-i == 1 && letter(i-1) && (letter(i-2) || i >= 3 && runes[i-2] == '-' && letter(i-3)) && letter(j) && (letter(j+1) || j+1 < len(runes) && runes[j+1] == '-' && letter(j+2)):
			out = append(out, string(runes[start:j]))
			start = j
		}
		i = j - 1
	}
	if start < len(runes) {
		out = append(out, string(runes[start:]))
	}
	return out
}
