package jinja_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pave-platform/pave/internal/template/jinja"
)

// Pieces of text that filters treat in a way of their own.
var pieces = []string{
	"a", "B", "word", "Hello", " ", "  ", "\n", "\t", "-", "--", "_", ".", ",", "é", "ß", "世", "🎉", "1", "42", "3.5", "<b>", "</b>", "&", "\"", "'", "(", ")", "[", "https://x.org/p", "me@x.org",
	"www.x.com", "o'clock", "x-y", "well-known", "ALLCAPS", "camelCase", "\r\n", "%", "{", "}", "/", "\\", "\u00a0", "ǆ", "\u2028", "$", "0x1f", "-7", "1e3", "1_000",
}

// What is done to a random text t, a random number n and a random fraction f.
var pythonUses = []string{
	"t|title", "t|capitalize", "t|upper", "t|lower", "t.title()", "t.swapcase()", "t.split()", "t.splitlines()", "t.split('-')", "t.rsplit(none, 1)", "t|wordcount", "t|wordwrap(%d)", "t|wordwrap(%d, false)", "t|wordwrap(%d, break_on_hyphens=false)",
	"t|truncate(%d + 3)", "t|truncate(%d + 3, true, '.')", "t|indent(%d)", "t|indent(%d, true, true)", "t|center(%d)", "t.center(%d, '*')", "t.ljust(%d)", "t.zfill(%d)", "t|e", "t|striptags", "t|urlencode", "t|tojson", "[t]",
	"t|int(-1)", "t|float(-1)", "t|int(-1, 16)", "t|reverse", "t[%d:]", "t[:-%d]", "t[::%d + 1]", "t|length", "t|list", "t.find('-')", "t.count('a')", "t.replace('-', '+', %d)", "t.strip('aB -')", "t.partition('-')",
	"t is lower", "t is upper", "t.isdigit()", "t.isalpha()", "t.isalnum()", "t.isspace()", "t.istitle()", "t.isidentifier()", "t|urlize", "t.expandtabs(%d + 1)", "t.casefold()", "'%%-9s|' %% t", "'%%.3s' %% t", "'{:^9}'.format(t)",
	"n", "f", "f|round(%d)", "f|round(%d, 'floor')", "f|round", "n|round(-1)", "'%%5.1f' %% f", "'%%e' %% f", "'%%g' %% f", "'%%08.3f' %% f", "'{:.3g}'.format(f)", "'{:,.2f}'.format(f)", "'{:+e}'.format(f)", "'{}'.format(f)", "'{:%%}'.format(f)",
	"'%%x' %% n", "'%%+05d' %% n", "'{:,}'.format(n)", "'{:b}'.format(n)", "n // %d", "n %% (%d + 1)", "f // (%d + 1)", "f %% (%d + 1)", "f * n", "f / 3", "n / 7", "f|int", "n|filesizeformat", "f|filesizeformat(true)", "f|string", "[f, n]", "f ** 2", "f|tojson",
}

var scriptUses = []string{
	"t|title", "t|capitalize", "t|upper", "t|lower", "t.split(' ')", "t.split('-')", "t|truncate(%d + 3)", "t|truncate(%d + 3, true, '.')", "t|indent(%d + 1)", "t|center(%d + 1)", "t|e", "t|striptags", "t|striptags(true)", "t|urlencode", "t|dump",
	"t|int(-1)", "t|float(-1)", "t|int(-1, 16)", "t|length", "t.length", "t.indexOf('-')", "t|replace('-', '+')", "t|trim", "t.slice(%d)", "t.substring(%d)", "t.padStart(%d)", "t|urlize", "t|nl2br", "t|lower|title", "t is lower", "t.charAt(%d)", "t == n", "t < 'b'", "t|wordcount",
	"n", "f", "f|round(%d)", "f|round(%d, 'floor')", "f|round", "f * n", "f / 3", "n / 7", "n %% (%d + 1)", "f %% (%d + 1)", "n // (%d + 1)", "f|string", "[f, n]", "f ** 2", "f|dump", "f.toFixed(2)", "n == f", "f + t", "n ~ f", "-f", "f * 1e9",
}

func texts(t *testing.T, name string, uses []string, d jinja.Dialect, o *oracle) {
	seed := drawn(t, name)
	r := rand.New(rand.NewPCG(seed, 0))
	n := 4000
	if s := os.Getenv("GENERATED"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	equal, purpose, bad := 0, 0, 0
	for range n {
		var text strings.Builder
		for range r.IntN(9) {
			text.WriteString(pieces[r.IntN(len(pieces))])
		}
		f := (r.Float64() - 0.3) * []float64{1, 10, 1000, 1e-5, 1e6}[r.IntN(5)]
		if r.IntN(3) == 0 {
			f = float64(r.IntN(200)-100) / 8
		}
		vars, err := json.Marshal(map[string]any{"t": text.String(), "n": r.IntN(3000) - 1000, "f": json.Number(strconv.FormatFloat(f, 'e', -1, 64))})
		if err != nil {
			t.Fatal(err)
		}
		use := uses[r.IntN(len(uses))]
		use = strings.ReplaceAll(strings.ReplaceAll(use, "%d", strconv.Itoa(r.IntN(12))), "%%", "%")
		req := request{Src: "{{ " + use + " }}", Vars: vars}
		kind, got := ours(t, d, req)
		wantKind, want := o.ask(t, req).text()
		switch {
		case kind == wantKind && (kind == "error" || got == want):
			equal++
		case kind == "error" && d == jinja.Nunjucks && onPurpose(got):
			purpose++
		default:
			if bad++; bad <= 20 {
				t.Errorf("%s with %s\nours:     %s %q\noriginal: %s %q", use, vars, kind, got, wantKind, want)
			}
		}
	}
	t.Logf("%s: %d texts and numbers, %d equal, %d differ on purpose", name, n, equal, purpose)
}

func TestTextsJinja2(t *testing.T) {
	needOracle(t)
	texts(t, "jinja2", pythonUses, jinja.Jinja2, startPython(t))
}

func TestTextsNunjucks(t *testing.T) {
	needOracle(t)
	texts(t, "nunjucks", scriptUses, jinja.Nunjucks, startNode(t))
}
