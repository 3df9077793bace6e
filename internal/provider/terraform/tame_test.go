package terraform

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
	"github.com/zclconf/go-cty/cty"
)

// bombs are files that would end the server, or take all of its time, where their parser or
// an evaluation got at them.
var bombs = map[string]struct{ file, text string }{
	"parentheses":        {"main.tf", "locals {\n a = " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000) + "\n}\n"},
	"parentheses in all": {"main.tf", "a = " + strings.Repeat("(", 1<<20-4)},
	"calls":              {"main.tf", "variable \"x\" {\n type = " + strings.Repeat("list(", 100_000) + "string" + strings.Repeat(")", 100_000) + "\n}\n"},
	"minus":              {"main.tf", "variable \"x\" {\n default = " + strings.Repeat("-", 300_000) + "1\n}\n"},
	"not":                {"main.tf", "a = " + strings.Repeat("!", 300_000) + "true\n"},
	"not, line by line":  {"main.tf", "a = (" + strings.Repeat("!\n", 300_000) + "true)\n"},
	"a for over lines":   {"main.tf", "a = {for k, v in x : k => 1" + strings.Repeat("\n+1", 300_000) + "}\n"},
	"a sum":              {"main.tf", "a = 1" + strings.Repeat("+1", 300_000) + "\n"},
	"conditions":         {"main.tf", "a = " + strings.Repeat("x?1:", 200_000) + "1\n"},
	"indices":            {"main.tf", "a = b" + strings.Repeat("[0]", 200_000) + "\n"},
	"splats":             {"main.tf", "a = b" + strings.Repeat("[*]", 200_000) + "\n"},
	"splats with a dot":  {"main.tf", "a = b" + strings.Repeat(".*", 200_000) + "\n"},
	"lists":              {"main.tf", "a = " + strings.Repeat("[", 200_000) + "\n"},
	"objects":            {"main.tf", "a = " + strings.Repeat("{a=", 200_000) + "\n"},
	"blocks":             {"main.tf", strings.Repeat("a {\n", 200_000)},
	"blocks, not closed": {"main.tf", strings.Repeat("a{\nx}\n", 150_000)},
	"templates":          {"main.tf", "a = " + strings.Repeat(`"${`, 200_000) + "\n"},
	"ifs in a text":      {"main.tf", `a = "` + strings.Repeat("%{if x}", 100_000) + "\"\n"},
	"fors in a heredoc":  {"main.tf", "a = <<X\n" + strings.Repeat("%{for a in b}\n", 50_000) + "X\n"},
	"digits":             {"main.tf", "a = " + strings.Repeat("1", 900_000) + "\n"},
	"a large file":       {"main.tf", strings.Repeat("#\n", 600_000)},
	"lists of JSON":      {"main.tf.json", strings.Repeat("[", 500_000)},
	"objects of JSON":    {"main.tf.json", strings.Repeat(`{"a":`, 200_000)},
	"digits of JSON":     {"main.tf.json", `{"a":` + strings.Repeat("1", 900_000) + "}"},
	"broken JSON":        {"main.tf.json", `{"a":` + strings.Repeat("[}", 200_000) + "}"},
}

func TestBombs(t *testing.T) {
	t.Parallel()
	for name, c := range bombs {
		_, err := inspect(fstest.MapFS{c.file: {Data: []byte(c.text)}})
		if pave.CodeOf(err) != pave.Invalid || pave.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q)", name, err, pave.HintOf(err))
		}
	}
}

// A type in JSON is a text, as a secret of several parts is.
func TestBombsInTexts(t *testing.T) {
	t.Parallel()
	for _, open := range []string{"list(", "-", "[", "{a="} {
		deep := strings.Repeat(open, 200_000)
		found, err := inspect(fstest.MapFS{"main.tf.json": {Data: []byte(`{"variable": {"x": {"type": "` + deep + `"}, "y": {"type": "list(string)"}}}`)}})
		if err != nil {
			t.Fatal(err)
		}
		if v := found.vars["x"]; v.typ != cty.DynamicPseudoType {
			t.Errorf("%s: the type is %s", open, typeName(v.typ))
		}
		y := found.vars["y"]
		if v, ok := y.literalOf(deep); y.typ != cty.List(cty.String) || !ok || v.IsKnown() {
			t.Errorf("%s: of a %s there is %v, %v", open, typeName(y.typ), v, ok)
		}
	}
}

// What modules hold is read: many blocks, texts with many values, rules of many lines.
func TestTame(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("variable \"x\" {\n type = list(object({ a = optional(string), b = map(list(string)) }))\n default = [{ a = \"b\" }, {}]\n}\n", 2000) +
		"locals {\n a = \"" + strings.Repeat("${var.a[0]}-", 2000) + "\"\n b = [" + strings.Repeat("-1, [2],\n", 5000) + "]\n c = {\n" + strings.Repeat("  a = 1 + 2\n", 5000) + " }\n}\n" +
		"output \"x\" {\n value = <<-X\n" + strings.Repeat("a ${b} {\n", 5000) + "X\n}\n"
	if err := tame([]byte(text), "main.tf"); err != nil {
		t.Error(err)
	}
}
