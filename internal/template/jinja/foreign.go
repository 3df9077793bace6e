package jinja

import (
	"regexp"
	"slices"
	"strings"
)

// A foreignTag is a {{ }} that may belong to GitHub Actions, Argo, Helm or another:
// it does unless root is a variable.
type foreignTag struct {
	root       string
	start, end int
	inside     int    // where the expression begins
	before     string // white space that its signs would take away
	after      string
}

// foreignRoots are the first names of expressions of GitHub Actions and Argo.
func foreignRoots() []string {
	return []string{
		"github", "secrets", "matrix", "needs", "env", "inputs", "vars", "steps", "job", "jobs", "runner", "strategy",
		"args", "workflow", "gitea", "forgejo",
	}
}

// actionsFunctions are functions of GitHub Actions.
func actionsFunctions() []string {
	return []string{
		"always", "cancelled", "success", "failure", "hashFiles", "contains", "startsWith", "endsWith", "format", "join",
		"toJSON", "fromJSON",
	}
}

// What only a Go template can mean: an operand that begins with a dot or a dollar
// sign, a comment, a keyword in front, or a function and its argument side by side.
var (
	goStart = regexp.MustCompile(`^((range|with|define|template|block|include)\s+["$.]|\.([A-Za-z_]|\s|$|\))|\$[A-Za-z_.\s:=]|\$$|/\*|(if|else|and|or)\s+\S|else$|not\s+[.$]|(not\s+)?\(\s*(\w+\s+)?[.$][A-Za-z_.\s])`)
	goCall  = regexp.MustCompile(`^([A-Za-z_]\w*)\s+([.$][A-Za-z_.\s]|\.$|"|` + "`" + `|\((\s*[.$]|\s*\w+\s+[.$"]))`)
	goWord  = regexp.MustCompile(`^(end|break|continue)$`)
)

// foreign returns the tag that starts at start if it may be somebody else's, or nil.
func (l *lexer) foreign(start, inside int) *foreignTag {
	end := l.foreignEnd(inside)
	if end < 0 {
		return nil
	}
	text := strings.TrimSuffix(strings.TrimSpace(l.t.src[inside:end]), "-")
	f := &foreignTag{start: start, inside: inside, end: end + len(l.d.varEnd)}
	dollar := strings.HasPrefix(l.d.varStart, "$") || start > 0 && l.t.src[start-1] == '$'
	root, ok := l.rootOf(strings.TrimSpace(text), dollar)
	if !ok {
		return nil
	}
	f.root = root
	return f
}

// rootOf returns the name that, when it is a variable, makes the expression ours
// ("" if nothing can).
func (l *lexer) rootOf(text string, dollar bool) (root string, ok bool) {
	if !dollar && wordAt(text, 0) == text && !slices.Contains([]string{"end", "else", "break", "continue"}, text) {
		return "", false // most tags are a variable
	}
	if goStart.MatchString(text) {
		return "", true
	}
	if goWord.MatchString(text) {
		return text, true
	}
	if m := goCall.FindStringSubmatch(text); m != nil && !isOperatorWord(m[1]) {
		return m[1], true
	}
	if !dollar {
		name := wordAt(text, 0)
		rest := text[len(name):]
		return name, name != "" && slices.Contains(l.t.env.foreign, name) && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
	}
	return l.dollarRoot(text)
}

// dollarRoot finds the first name of an expression after a dollar sign, past strings
// and functions of GitHub Actions.
func (l *lexer) dollarRoot(text string) (root string, ok bool) {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '\'' || c == '"' {
			n := strings.IndexByte(text[i+1:], c)
			if n < 0 {
				return "", false
			}
			i += n + 1
			continue
		}
		name := wordAt(text, i)
		if name == "" {
			continue
		}
		rest := strings.TrimSpace(text[i+len(name):])
		if slices.Contains(l.t.env.foreign, name) {
			return name, true
		}
		if !slices.Contains(actionsFunctions(), name) || !strings.HasPrefix(rest, "(") {
			break
		}
		root, i = name, i+len(name)-1
	}
	return root, root != ""
}

// wordAt returns the word that starts at i, or "".
func wordAt(s string, i int) string {
	j := i
	for j < len(s) && (s[j] == '_' || s[j]|0x20 >= 'a' && s[j]|0x20 <= 'z' || isDigit(s[j])) {
		j++
	}
	return s[i:j]
}

func isOperatorWord(s string) bool {
	return slices.Contains([]string{"and", "or", "not", "in", "is", "if", "else"}, s)
}

// foreignEnd returns where the tag's end mark is, or -1. Quotes are those of GitHub
// and Go: no backslash ends in '...', two quotes stand for one.
func (l *lexer) foreignEnd(i int) int {
	src := l.t.src[i:min(i+4000, len(l.t.src))]
	for j := 0; j < len(src); j++ {
		switch c := src[j]; {
		case strings.HasPrefix(src[j:], l.d.varEnd):
			return i + j
		case c == '\'' || c == '"' || c == '`':
			k := j + 1
			for k < len(src) && src[k] != c {
				if src[k] == '\\' && c == '"' {
					k++
				}
				k++
			}
			if k < len(src) {
				j = k
			}
		}
	}
	return -1
}
