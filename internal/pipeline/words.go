package pipeline

import (
	"regexp"
	"strings"
)

// line is one command as people write it for a shell.
type line struct {
	argv  []string
	set   map[string]string // variables set before it
	shell bool              // only a shell can run it
	text  string
}

var portWord = regexp.MustCompile(`\$(PORT|HOST)\b|\$\{(PORT|HOST)(:?-[^}]*)?\}`)

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// parseLine splits a command without a shell, where that means the same. $PORT and
// $HOST are known; anything else that a shell would change needs one.
func parseLine(text string) line {
	l := line{set: map[string]string{}, text: strings.TrimSpace(text)}
	words, ok := split(portWord.ReplaceAllStringFunc(l.text, func(s string) string {
		if strings.Contains(s, "HOST") {
			return hostMark
		}
		return portMark
	}))
	if !ok {
		l.shell = true
		return l
	}
	for len(words) > 0 && (words[0] == "exec" || words[0] == "cross-env" || words[0] == "env" || assignment.MatchString(words[0])) {
		if k, v, found := strings.Cut(words[0], "="); found {
			l.set[k] = v
		}
		words = words[1:]
	}
	l.argv = words
	return l
}

// split splits words as a shell does; ok is false where a shell would do more.
func split(text string) (words []string, ok bool) {
	var word strings.Builder
	in, started := rune(0), false
	flush := func() {
		if started {
			words = append(words, word.String())
		}
		word.Reset()
		started = false
	}
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case c == '$' && in != '\'':
			mark := ""
			for _, m := range []string{portMark, hostMark} {
				if strings.HasPrefix(string(runes[i:min(i+len(m), len(runes))]), m) {
					mark = m
				}
			}
			if mark == "" {
				return nil, false
			}
			word.WriteString(mark)
			started, i = true, i+len(mark)-1
		case in != 0 && c == in:
			in = 0
		case in == '"' && (c == '\\' || c == '`'), in == 0 && strings.ContainsRune("|&;<>()`*?[~!\\\n", c):
			return nil, false
		case in == 0 && (c == '"' || c == '\''):
			in, started = c, true
		case in == 0 && (c == ' ' || c == '\t'):
			flush()
		default:
			word.WriteRune(c)
			started = true
		}
	}
	flush()
	return words, in == 0
}

// shellCommand runs a line by a shell, with setup before it.
func shellCommand(setup, text string) []string {
	return []string{"/bin/sh", "-c", setup + text}
}
