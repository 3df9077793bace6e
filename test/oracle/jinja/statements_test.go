package jinja_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/template/jinja"
)

const statementVars = `{"a": 3, "b": "x", "e": [], "f": false, "l": [1, 2, 3], "m": {"k": "v", "z": 1}, "t": true, "users": [{"g": ["x", "y"], "n": "Ann"}, {"g": [], "n": "Bob"}]}`

// statements makes random templates: blocks in blocks, with white space and signs.
type statements struct {
	r  *rand.Rand
	js bool
}

func (s *statements) pick(list ...string) string { return list[s.r.IntN(len(list))] }

func (s *statements) tag(words string) string {
	return "{%" + s.pick("", "", "", "-") + " " + words + " " + s.pick("", "", "", "-") + "%}"
}

func (s *statements) expr() string {
	return s.pick("a", "b", "l|length", "t", "f", "x", "y", "i", "m.k", "a+1", "b~a", "l|join(',')", "'lit'", "loop.index", "e", "users[0].n", "x|default('-')", "i|default(0)", "y is defined")
}

func (s *statements) text() string {
	return s.pick(" ", "\n", "  \n  ", "a", "\n\n", "text ", " - ", "\n  x\n", "\t")
}

func (s *statements) body(depth int) string {
	var b strings.Builder
	for range 1 + s.r.IntN(4) {
		b.WriteString(s.node(depth))
	}
	return b.String()
}

func (s *statements) node(depth int) string {
	kind := s.r.IntN(13)
	if depth <= 0 || kind < 4 {
		return s.text()
	}
	inner := func() string { return s.body(depth - 1) }
	switch kind {
	case 4, 5:
		return "{{" + s.pick("", "-") + " " + s.expr() + " " + s.pick("", "-") + "}}"
	case 6:
		out := s.tag("if "+s.expr()) + inner()
		if s.r.IntN(3) == 0 {
			out += s.tag("elif "+s.expr()) + inner()
		}
		if s.r.IntN(2) == 0 {
			out += s.tag("else") + inner()
		}
		return out + s.tag("endif")
	case 7:
		out := s.tag("for i in "+s.pick("l", "e", "users", "[1, 2]", "range(2)")) + inner()
		if s.r.IntN(3) == 0 {
			out += s.tag("else") + inner()
		}
		return out + s.tag("endfor")
	case 8:
		return s.tag("set " + s.pick("x", "y") + " = " + s.expr())
	case 9:
		return s.tag("set "+s.pick("x", "y")) + inner() + s.tag("endset")
	case 10:
		return "{#" + s.pick("", "-") + " c " + s.pick("", "-") + "#}"
	case 11:
		name := s.pick("m1", "m2")
		return s.tag("macro "+name+"(x, y='d')") + inner() + s.tag("endmacro") + "{{ " + name + "(" + s.pick("1", "a", "b, 2", "x=5", "") + ") }}"
	}
	return s.special(inner)
}

// special makes the statements that only one dialect has, and filter blocks.
func (s *statements) special(inner func() string) string {
	choice := s.r.IntN(5)
	switch {
	case s.js && choice < 2:
		return "{% switch a %}" + s.tag("case 3") + inner() + s.tag("default") + inner() + s.tag("endswitch")
	case s.js || choice == 0:
		return s.tag("filter upper") + inner() + s.tag("endfilter")
	case choice == 1:
		return s.tag("with x = "+s.expr()) + inner() + s.tag("endwith")
	case choice == 2:
		return s.tag("raw") + s.text() + s.tag("endraw")
	case choice == 3:
		return s.tag("for k, v in m.items()") + "{{ k }}" + inner() + s.tag("endfor")
	}
	return s.tag("for i in l if i > 1") + inner() + s.tag("endfor")
}

func compareStatements(t *testing.T, name string, d jinja.Dialect, o *oracle) {
	seed := drawn(t, name)
	s := &statements{r: rand.New(rand.NewPCG(seed, 0)), js: d == jinja.Nunjucks}
	n := 3000
	if v := os.Getenv("GENERATED"); v != "" {
		n, _ = strconv.Atoi(v)
	}
	equal, purpose, bad := 0, 0, 0
	for range n {
		req := request{
			Src: s.body(3), Vars: json.RawMessage(statementVars),
			Options: json.RawMessage(fmt.Sprintf(`{"trim_blocks": %t, "lstrip_blocks": %t}`, s.r.IntN(2) == 0, s.r.IntN(2) == 0)),
		}
		kind, text := ours(t, d, req)
		wantKind, want := o.ask(t, req).text()
		switch {
		case kind == wantKind && (kind == "error" || text == want):
			equal++
		case s.js && kind == "error" && (strings.Contains(text, "unknown variable") || strings.Contains(text, "was not given") || strings.Contains(text, "there is no value")):
			purpose++
		default:
			if bad++; bad <= 10 {
				t.Errorf("%q with %s\nours:     %s %q\noriginal: %s %q", req.Src, req.Options, kind, text, wantKind, want)
			}
		}
	}
	t.Logf("%s: %d templates, %d equal, %d differ on purpose", name, n, equal, purpose)
}

func TestStatementsJinja2(t *testing.T) {
	needOracle(t)
	compareStatements(t, "jinja2", jinja.Jinja2, startPython(t))
}

func TestStatementsNunjucks(t *testing.T) {
	needOracle(t)
	compareStatements(t, "nunjucks", jinja.Nunjucks, startNode(t))
}
