package terraform

import (
	"fmt"
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

// nested is a number that is squared again and again, or another step that doubles what
// there is.
func nested(first, step string, times int) string {
	head, tail, last := "", "", first
	for i := range times {
		head += fmt.Sprintf("[for a%d in [%s] : ", i, strings.ReplaceAll(step, "?", last))
		last, tail = fmt.Sprintf("a%d", i), tail+"]"
	}
	return head + last + tail
}

// What takes long to evaluate is not evaluated: a description is not known, a rule is left
// to a plan.
func TestHeavy(t *testing.T) {
	t.Parallel()
	list := "[" + strings.Repeat("0,", 100) + "0]"
	loops := `"%{for a in ` + list + `}%{for b in ` + list + `}%{for c in ` + list + `}` + strings.Repeat("x", 600) + `%{endfor}%{endfor}%{endfor}"`
	square := `"n ${` + nested("1e1200", "?*?", 14) + `[0]}"`
	long := strings.Repeat("x", 60_000)
	many := `["` + strings.Repeat(`a","`, 990) + `b"]`
	for name, c := range map[string]struct{ typ, fallback, condition string }{
		"loops in a text":          {"string", `""`, loops + ` != var.x`},
		"squares":                  {"string", `""`, square + ` != var.x`},
		"doubled texts":            {"string", `"xxxxxxxx"`, nested("var.x", `"${?}${?}"`, 30) + ` != []`},
		"a loop in a loop":         {"list(string)", many, `alltrue([for a in var.x : alltrue([for b in var.x : can(regex("a+b", a))])])`},
		"a loop of copies":         {"list(string)", many, `alltrue([for a in var.x : length(join("", concat(` + strings.Repeat("var.x,", 200) + `[]))) > 0])`},
		"equal lists in a loop":    {"list(string)", many, `alltrue([for a in var.x : ` + strings.Repeat("var.x == var.x && ", 150) + `true])`},
		"one of two, often":        {"any", many, strings.Repeat("true ? var.x : ", 200) + `[] == []`},
		"an expression, expanded":  {"string", `"` + long + `"`, `can(regex("((a{30}){30}x?)y", var.x))`},
		"a number of a text":       {"string", `"9999999"`, `tostring(tonumber("1e${var.x}")) != ""`},
		"arithmetic of a text":     {"string", `"9999999"`, `tostring("1e${var.x}" + 0) != ""`},
		"minus a text":             {"string", `"9999999"`, `tostring(-"1e${var.x}") != ""`},
		"arithmetic of a default":  {"string", `"1e9999999"`, `tostring(var.x + 0) != ""`},
		"floor of a text":          {"string", `"1e640000000"`, `floor(var.x) > 0`},
		"a large list":             {"list(string)", `["` + strings.Repeat(`a","`, 20_000) + `b"]`, `length(var.x) > 0`},
		"a list of anything":       {"list(any)", `[` + strings.Repeat(`1,"a",[],{},`, 4_000) + `]`, `length(var.x) > 0`},
		"a part's default":         {`list(object({a = optional(list(string), ` + many + `)}))`, `[` + strings.Repeat("{},", 900) + `]`, `length(var.x) > 0`},
		"a part that is evaluated": {`object({a = optional(string, ` + square + `)})`, `{}`, `var.x.a == ""`},
		"JSON in a text":           {"string", `"` + strings.Repeat("[", 50_000) + `"`, `jsondecode(var.x) != 1`},
	} {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte("variable \"x\" {\n type = " + c.typ + "\n default = " + c.fallback +
			"\n validation {\n condition = " + c.condition + "\n error_message = \"no\"\n }\n}\n")}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v := found.vars["x"]
		value, _ := v.fallback.Value(nil)
		if why, left := v.judge("x", value, true); why != "" || len(left) != 1 {
			t.Errorf("%s: %q, left is %q", name, why, left)
		}
	}
	for name, text := range map[string]string{"loops": loops, "squares": square} {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte("variable \"x\" {\n description = " + text + "\n default = " + text + "\n sensitive = " + text +
			"\n validation {\n condition = true\n error_message = " + text + "\n }\n}\n")}})
		if err != nil || found.Inputs[0].Description != "" || !found.Inputs[0].Sensitive || len(found.Inputs[0].Rules) > 0 {
			t.Errorf("%s: %+v, %v", name, found.Inputs, err)
		}
		resolve(found, pave.KindDatabase, pave.BindRequest{}, nil)
	}
	found, err := inspect(fstest.MapFS{"main.tf.json": {Data: []byte(`{"variable":{"x":{"type":"string","default":1e400000000,"validation":[{"condition":"${true}","error_message":"no"}]}}}`)}})
	if x := resolve(found, pave.KindDatabase, pave.BindRequest{}, nil); err != nil || len(x.wrong) > 0 {
		t.Error(x.wrong, err)
	}
}

// All rules of a module have one measure of fuel.
func TestFuel(t *testing.T) {
	t.Parallel()
	rule := "\n validation {\n condition = alltrue([for a in var.x : can(regex(\"^[a-z]{1,63}$\", a))])\n error_message = \"no\"\n }"
	many := `["` + strings.Repeat(`a","`, 30) + `b"]`
	for n, left := range map[int]bool{5: false, 2000: true} {
		found, err := inspect(fstest.MapFS{"main.tf": {Data: []byte("variable \"x\" {\n type = list(string)\n default = " + many + strings.Repeat(rule, n) + "\n}\n")}})
		if err != nil {
			t.Fatal(err)
		}
		v := found.vars["x"]
		value, _ := v.fallback.Value(nil)
		if why, notes := v.judge("x", value, true); why != "" || (len(notes) > n/2) != left || !left && len(notes) > 0 {
			t.Errorf("%d rules: %q, %d left", n, why, len(notes))
		}
	}
}
