package yamlsize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"sigs.k8s.io/yaml"
)

// laughs is a list of lists, each of so many aliases of the one before.
func laughs(deep, wide int) string {
	var b strings.Builder
	b.WriteString("l0: &l0 [ha]\n")
	for i := range deep {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i+1, i+1, strings.Join(slicesOf(fmt.Sprintf("*l%d", i), wide), ", "))
	}
	return b.String()
}

func slicesOf(s string, n int) []string {
	return strings.Split(strings.Repeat(s+" ", n)[:n*(len(s)+1)-1], " ")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	long := "a: &a " + strings.Repeat("x", 60<<10) + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"", ""},
		"no alias":            {"a: [1, 2]\nb: \"*a & b\"\n", ""},
		"an ordinary one":     {"base: &base {image: go, env: {A: 1}}\none:\n  <<: *base\n  other: node\ntwo: *base\n", ""},
		"many small ones":     {"a: &a {x: 1}\nb: [" + strings.Repeat("*a, ", 5000) + "]\n", ""},
		"a long one, thrice":  {long + "b: [*a, *a, *a]\n", ""},
		"a long scalar":       {long + "b: [" + strings.Repeat("*a, ", 12000) + "]\n", "its aliases (*name) make 703 MiB of it"},
		"a long key":          {"? &a " + strings.Repeat("x", 900) + "\n: 1\nb: [" + strings.Repeat("{*a : 1}, ", 12000) + "]\n", "its aliases (*name) make 10 MiB of it"},
		"a long block":        {"a: &a |\n  " + strings.Repeat("x", 60<<10) + "\nb:\n" + strings.Repeat("- *a\n", 100), "its aliases (*name) make 5 MiB of it"},
		"merges of long ones": {"a: &a {x: " + strings.Repeat("x", 60<<10) + "}\nb: [" + strings.Repeat("{<<: *a}, ", 100) + "]\n", "its aliases (*name) make 5 MiB of it"},
		"lists of lists":      {laughs(9, 9), "its aliases (*name) make 1714 MiB of it"},
		"more than can be":    {laughs(100, 9), "make more than a million MiB of it"},
		"itself":              {"a: &a [*a]\n", "an alias (*name) names what it is part of"},
		"itself, further in":  {"a: &a {b: {c: [1, *a]}}\n", "an alias (*name) names what it is part of"},
		"nothing there":       {"a: *b # &\n", "unknown anchor 'b' referenced"},
		"broken":              {"a: &a [*a\n", "did not find expected"},
		"UTF-16":              {utf16(long + "b: [" + strings.Repeat("*a, ", 1000) + "]\n"), "its aliases (*name) make 58 MiB of it"},
		"behind a mark":       {"\ufeff" + long + "b: [" + strings.Repeat("*a, ", 1000) + "]\n", "its aliases (*name) make 58 MiB of it"},
	} {
		err := Check([]byte(c.text))
		if c.want == "" {
			if err == nil {
				_, err = yaml.YAMLToJSONStrict([]byte(c.text))
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if pave.CodeOf(err) != pave.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func utf16(s string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for _, r := range []byte(s) {
		b.Write([]byte{r, 0})
	}
	return b.String()
}

// What is let through stays small when it is written out.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{laughs(5, 9), "a: &a [*a]\n", "a: &a x\nb: {<<: [*a, *a]}\n", "? &a [x]\n: *a\n", "&a a: *a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if Check([]byte(text)) != nil {
			return
		}
		out, err := yaml.YAMLToJSONStrict([]byte(text))
		if err == nil && len(out) > 6*(max(4*len(text), unit)+unit) {
			t.Errorf("%d bytes became %d: %.200s", len(text), len(out), text)
		}
	})
}
