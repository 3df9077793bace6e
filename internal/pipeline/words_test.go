package pipeline

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

func TestParseLine(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason, in string
		argv       []string
		set        map[string]string
		shell      bool
	}{
		"plain":      {"words are split at blanks", "node  server.js", []string{"node", "server.js"}, nil, false},
		"quotes":     {"quotes hold a word together", `a "b c" 'd $e' f" "g`, []string{"a", "b c", "d $e", "f g"}, nil, false},
		"empty word": {"an empty word is a word", `a ''`, []string{"a", ""}, nil, false},
		"port":       {"PORT is known in every form", "s $PORT -b ${HOST}:${PORT:-80}", []string{"s", "${PORT}", "-b", "${HOST}:${PORT}"}, nil, false},
		"assignment": {"variables before the program", "A=1 exec B='2 3' node x", []string{"node", "x"}, map[string]string{"A": "1", "B": "2 3"}, false},
		"cross-env":  {"so do npm's", "cross-env A=1 node x", []string{"node", "x"}, map[string]string{"A": "1"}, false},
		"other":      {"another variable needs a shell", "node $FILE", nil, nil, true},
		"port-like":  {"a longer name is another variable", "x $PORTS", nil, nil, true},
		"and":        {"so does a list", "a && b", nil, nil, true},
		"glob":       {"so does a pattern", "java -jar target/*.jar", nil, nil, true},
		"open quote": {"a quote that does not end is left to the shell, which says so", "a 'b", nil, nil, true},
		"backtick":   {"also in double quotes", "a \"`b`\"", nil, nil, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := parseLine(c.in)
			if l.shell != c.shell {
				t.Fatalf("%s: shell is %v", c.reason, l.shell)
			}
			if diff := cmp.Diff(c.argv, l.argv); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
			if len(c.set)+len(l.set) > 0 && !cmp.Equal(c.set, l.set) {
				t.Errorf("%s: set %v, want %v", c.reason, l.set, c.set)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	deep := fstest.MapFS{"go.mod": mapFile("module x")}
	name := ""
	for range 40 {
		name += "d/"
		deep[name+"main.go"] = mapFile("package main")
	}
	large := fstest.MapFS{packageFile: {Data: make([]byte, maxRead+1)}}
	many := fstest.MapFS{"index.html": mapFile("x")}
	for i := range maxFiles + 100 {
		many["f"+string(rune('a'+i%26))+"/"+string(rune('a'+i/26%26))+string(rune('a'+i/676))+".js"] = mapFile("process.env.X")
	}
	cases := map[string]struct {
		reason string
		tree   fstest.MapFS
		code   pave.Code
	}{
		"deep":  {"folders in each other are not followed without end", deep, pave.Invalid},
		"large": {"a package.json of half a megabyte is not read", large, pave.Invalid},
		"many":  {"thousands of files are looked at as far as the bound goes", many, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Detect(c.tree, Override{}); pave.CodeOf(err) != c.code {
				t.Errorf("%s: got %v", c.reason, err)
			}
		})
	}
}
