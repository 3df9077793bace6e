package cookiecutter

// match reports whether a path fits a pattern of _copy_without_render, by the
// rules of Python's fnmatch: "*" and "?" match any character, slashes too.
func match(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, from := -1, 0 // the last star, and where its match may end next
	i, j := 0, 0
	for j < len(n) {
		if i < len(p) && p[i] == '*' {
			star, from = i, j
			i++
			continue
		}
		if i < len(p) {
			if ok, width := matchOne(p[i:], n[j]); ok {
				i, j = i+width, j+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		i, j = star+1, from
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// matchOne matches one character against the start of p, of which width runes are
// used up.
func matchOne(p []rune, c rune) (ok bool, width int) {
	switch p[0] {
	case '?':
		return true, 1
	case '[':
		if end := classEnd(p); end > 0 {
			return inClass(p[1:end], c), end + 1
		}
	}
	return p[0] == c, 1
}

// classEnd returns where the bracket that p starts with closes, or 0: then it is
// a character like others.
func classEnd(p []rune) int {
	i := 1
	if i < len(p) && p[i] == '!' {
		i++
	}
	if i < len(p) && p[i] == ']' {
		i++
	}
	for ; i < len(p); i++ {
		if p[i] == ']' {
			return i
		}
	}
	return 0
}

func inClass(class []rune, c rune) bool {
	negated := class[0] == '!'
	if negated {
		class = class[1:]
	}
	for i := 0; i < len(class); i++ {
		if i+2 < len(class) && class[i+1] == '-' {
			if class[i] <= c && c <= class[i+2] {
				return !negated
			}
			i += 2
			continue
		}
		if class[i] == c {
			return !negated
		}
	}
	return negated
}
