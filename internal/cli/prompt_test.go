package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

func TestQuestionAccept(t *testing.T) {
	t.Parallel()
	choices := []string{"go-http  A Go service", "node-express  A Node service"}
	for name, c := range map[string]struct {
		q            question
		answer, want string
		wrong        string
	}{
		"what stands there":     {question{standard: "web"}, "", "web", ""},
		"another":               {question{standard: "web"}, "ops", "ops", ""},
		"nothing":               {question{}, "", "", "a value is needed"},
		"nothing will do":       {question{optional: true}, "", "", ""},
		"a number":              {question{choices: choices}, "2", "node-express", ""},
		"a number that is none": {question{choices: choices}, "7", "7", ""},
		"none of them":          {question{choices: choices, only: true}, "go-htp", "", "none of them"},
		"one of them":           {question{choices: choices, only: true}, "go-http", "go-http", ""},
		"checked":               {question{check: aName("name")}, "A B", "", "name"},
		"an integer":            {inputQuestion(pave.TemplateInput{Type: "integer"}), "x", "", "integer"},
		"a boolean":             {inputQuestion(pave.TemplateInput{Type: "boolean"}), "true", "true", ""},
		"a number with a point": {inputQuestion(pave.TemplateInput{Type: "number"}), "1.5", "1.5", ""},
		"a choice":              {inputQuestion(pave.TemplateInput{Type: "string", Choices: []string{"a", "b"}}), "c", "", "none of them"},
	} {
		got, err := c.q.accept(c.answer)
		if c.wrong == "" && (err != nil || got != c.want) || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Who is not at a terminal, or wants data, is never asked.
func TestAsking(t *testing.T) {
	t.Parallel()
	here := terminals{true, true, true}
	for name, c := range map[string]struct {
		tty  terminals
		ch   change
		env  string
		want bool
	}{
		"a terminal":   {here, change{view: &view{}}, "", true},
		"stdin a pipe": {terminals{false, true, true}, change{view: &view{}}, "", false},
		"stderr a log": {terminals{true, true, false}, change{view: &view{}}, "", false},
		"stdout a log": {terminals{true, false, true}, change{view: &view{}}, "", true},
		"--yes":        {here, change{view: &view{}, yes: true}, "", false},
		"--json":       {here, change{view: &view{json: "id"}}, "", false},
		"--jq":         {here, change{view: &view{jq: "."}}, "", false},
		"-o name":      {here, change{view: &view{output: "name"}}, "", false},
		"CI":           {here, change{view: &view{}}, "CI", false},
		"disabled":     {here, change{view: &view{}}, "PAVE_PROMPT_DISABLED", false},
	} {
		a := &app{tty: c.tty, deps: Deps{Getenv: func(k string) string { return map[string]string{c.env: "true"}[k] }}}
		if got := a.asking(&c.ch); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Wrong answers end, as a missing one and an interrupt do.
func TestAskFor(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	env := map[string]string{"PAVE_FORCE_TTY": "1"}
	got := f.pave(t, env, strings.Repeat("no such\n", 10), "create", "service", "--name", "x", "--team", "y")
	if got.code != exitUsage || strings.Count(got.err, "is not a template") != maxTries || !strings.Contains(got.err, "was not given in 5 answers") {
		t.Errorf("%d: %s", got.code, got.err)
	}
	if got := f.pave(t, env, "", "create", "service"); got.code != exitUsage || !strings.Contains(got.err, "declined") {
		t.Errorf("%d: %s", got.code, got.err)
	}
	if got := f.pave(t, env, strings.Repeat("x", maxAnswerLine+1), "create", "service"); got.code != exitUsage || !strings.Contains(got.err, "longer than") {
		t.Errorf("%d: %s", got.code, got.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &app{in: blocked{}, err: &strings.Builder{}}
	if _, err := a.ask(ctx, "?"); exitCode(err) != exitInterrupted {
		t.Error(err)
	}
	if diff := cmp.Diff([]string(nil), f.made()); diff != "" {
		t.Errorf("something was made: %s", diff)
	}
}

// blocked is a terminal at which nobody types.
type blocked struct{}

func (blocked) Read([]byte) (int, error) { select {} }
