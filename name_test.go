package pave

import (
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	good := []string{"a", "a1", "payment-processor", "x-1-y", strings.Repeat("a", 40)}
	for _, s := range good {
		if n, err := ParseName("name", s); err != nil || string(n) != s {
			t.Errorf("%q: got %q, %v; want it accepted", s, n, err)
		}
	}
	bad := map[string]string{
		"": "empty", strings.Repeat("a", 41): "too long", strings.Repeat("a", 1<<20): "a megabyte",
		"..": "parent", ".": "self", ".git": "git's folder", "a/b": "path", `a\b`: "path of another system", "/etc": "absolute",
		"-x": "an option", "--exec=x": "an option of git", "x-": "ends in a dash", "1a": "starts with a digit",
		"Payment": "upper case", "PAYMENT": "upper case", "pay_ment": "underscore", "pay ment": "space", "pay.ment": "dot",
		"pаyment": "Cyrillic twin", "ｐay": "full width", "payment\u200b": "zero width", "pay\u202ement": "right to left",
		"é": "accent", "e\u0301": "the same in pieces", "pay\x00": "NUL", "pay\r\nSet-Cookie: x": "header", "pay\n": "line end",
		"pay\t": "tab", " pay": "leading space", "pay ": "trailing space", "$(id)": "shell", "`id`": "shell", "a;b": "shell",
		"a|b": "shell", "a&b": "shell", "a>b": "shell", "a*": "glob", "~root": "home", "%s": "format", "%2e%2e": "escaped",
		"' or 1=1--": "SQL", `"x"`: "quoted", "x'--": "SQL comment", "*)(uid=*": "LDAP", "{{x}}": "template", "😀": "emoji",
		"con": "device", "nul": "device", "pave": "ours", "postgres": "the superuser", "template0": "PostgreSQL's", "select": "SQL word",
		"none": "means no choice", "all": "means every", "localhost": "a host", "root": "a user", "admin": "a user",
	}
	for s, why := range bad {
		_, err := ParseName("name", s)
		if CodeOf(err) != Invalid {
			t.Errorf("%.40q (%s): got %v, want Invalid", s, why, err)
			continue
		}
		e := err.(*Error)
		if len(e.Fields) != 1 || e.Fields[0].Field != "name" || e.Hint == "" || len(e.Message) > 400 {
			t.Errorf("%.40q (%s): the error must name field, rule and an example, in a line: %+v", s, why, e)
		}
		example := e.Hint[strings.LastIndex(e.Hint, " ")+1:]
		if _, err := ParseName("name", example); err != nil {
			t.Errorf("%.40q: the example %q is no name itself", s, example)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"a", "..", "Pay", "a-", "ｐay", "con"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName("name", s)
		if err != nil {
			if CodeOf(err) != Invalid {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if len(n) == 0 || len(n) > 40 || strings.Trim(string(n), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || n[0] == '-' {
			t.Errorf("%q was accepted", s)
		}
	})
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	cases := []struct{ reason, in, want string }{
		{"a letter is missing", "prodution", "production"},
		{"two letters are swapped", "stagign", "staging"},
		{"nothing is near", "banana", ""},
		{"short words are near to nothing", "x", ""},
		{"an exact name is itself", "staging", "staging"},
	}
	for _, c := range cases {
		if got := DidYouMean(c.in, []string{"staging", "production", "a"}); got != c.want {
			t.Errorf("%s: DidYouMean(%q) = %q, want %q", c.reason, c.in, got, c.want)
		}
	}
}
