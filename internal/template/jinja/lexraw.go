package jinja

import (
	"strings"
)

func (l *lexer) comment(start, inside int) error {
	n := strings.Index(l.t.src[inside:], l.d.commentEnd)
	if n < 0 {
		return l.t.errorAt(start, "comment is never closed").WithHint("close it with %s", l.d.commentEnd)
	}
	end := inside + n
	sign := byte(0)
	if end > inside {
		sign = l.signAt(end - 1)
	}
	l.trim = sign == '-'
	l.newline = sign == 0 && l.t.env.opt.TrimBlocks && !l.js
	l.pos = end + len(l.d.commentEnd)
	return nil
}

// raw reads {% raw %} through {% endraw %}, if that is what starts there.
func (l *lexer) raw(start, inside int) (bool, error) {
	words := []string{"raw"}
	if l.js {
		words = append(words, "verbatim")
	}
	for _, word := range words {
		end, sign, ok := l.bareTag(inside, word)
		if !ok || sign == '+' {
			continue
		}
		l.trim = sign == '-' && !l.js
		l.newline = sign != '-' && l.js && l.t.env.opt.TrimBlocks
		if err := l.rawBody(start, end, word); err != nil {
			return true, err
		}
		// nunjucks takes the white space after endraw, not that in raw.
		l.trim = l.trim || sign == '-' && l.js
		return true, nil
	}
	return false, nil
}

// rawBody reads from the end of {% raw %} to the end of its {% endraw %}; those of
// nunjucks nest.
func (l *lexer) rawBody(start, from int, word string) error {
	level := 1
	for i := from; ; {
		n := strings.Index(l.t.src[i:], l.d.blockStart)
		if n < 0 {
			return l.t.errorAt(start, "%s is never closed", word).WithHint("close it with %s end%s %s", l.d.blockStart, word, l.d.blockEnd)
		}
		i += n
		inside := i + len(l.d.blockStart)
		sign := l.signAt(inside)
		if sign != 0 {
			inside++
		}
		end, endSign, ok := l.bareTag(inside, "end"+word)
		if !ok {
			if l.js {
				if _, _, again := l.bareTag(inside, word); again {
					level++
				}
			}
			i += len(l.d.blockStart)
			continue
		}
		if level--; level > 0 {
			i = end
			continue
		}
		l.text(l.t.src[from:i], from, sign, tagBlock)
		l.trim, l.pos = endSign == '-', end
		l.newline = endSign == 0 && l.t.env.opt.TrimBlocks && !l.js
		return nil
	}
}

// bareTag reports whether the tag whose inside starts at i is the one word given,
// where it ends, and its last sign.
func (l *lexer) bareTag(i int, word string) (end int, sign byte, ok bool) {
	src := l.t.src
	rest, ok := strings.CutPrefix(strings.TrimLeftFunc(src[i:], isSpace), word)
	if !ok {
		return 0, 0, false
	}
	rest = strings.TrimLeftFunc(rest, isSpace)
	if sign = l.signAt(len(src) - len(rest)); sign != 0 {
		rest = rest[1:]
	}
	rest, ok = strings.CutPrefix(rest, l.d.blockEnd)
	return len(src) - len(rest), sign, ok
}
