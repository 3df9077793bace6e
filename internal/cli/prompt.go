package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
)

// maxAnswerLine is how long an answer may be, in bytes.
const maxAnswerLine = 4 << 10

// ask puts a question to the terminal and returns the line that is typed, without the
// blanks around it. An end of the input is errDeclined, an interrupt errInterrupted.
func (a *app) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(a.err, question)
	if a.answers == nil {
		a.answers = bufio.NewReader(a.in)
	}
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() { // a read of a terminal cannot be stopped, only left
		text, err := readLine(a.answers)
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return "", errInterrupted
	case l := <-got:
		if errors.Is(l.err, io.EOF) && l.text == "" {
			fmt.Fprintln(a.err)
			return "", errDeclined
		}
		if l.err != nil && !errors.Is(l.err, io.EOF) {
			return "", l.err
		}
		return strings.TrimSpace(l.text), nil
	}
}

// readLine reads up to a line end, and gives up where none comes.
func readLine(r *bufio.Reader) (string, error) {
	var out []byte
	for len(out) < maxAnswerLine {
		b, err := r.ReadByte()
		if err != nil || b == '\n' {
			return string(out), err
		}
		out = append(out, b)
	}
	return "", usagef("the answer is longer than %d bytes", maxAnswerLine)
}

// maxTries is how often a question is put before the command gives up.
const maxTries = 5

// asking reports whether missing values may be asked for: somebody sits at a terminal,
// and the answer is for people.
func (a *app) asking(ch *change) bool {
	env := a.deps.Getenv
	return a.tty.in && a.tty.err && !ch.yes && !ch.view.data() && ch.view.output == "" && env("CI") == "" && env("PAVE_PROMPT_DISABLED") == ""
}

// A question is one value that is asked for.
type question struct {
	label    string
	help     string   // one line, before the question
	standard string   // what an empty answer means
	optional bool     // an empty answer may mean nothing
	choices  []string // shown
	only     bool     // the answer is one of the choices
	check    func(string) error
}

// askFor puts a question until the answer will do. What is wrong with one is said.
func (a *app) askFor(ctx context.Context, q question) (string, error) {
	if q.help != "" {
		fmt.Fprintf(a.err, "  %s\n", oneLine(q.help))
	}
	for i, c := range q.choices {
		fmt.Fprintf(a.err, "  %2d  %s\n", i+1, oneLine(c))
	}
	text := q.label
	if q.standard != "" {
		text += " [" + oneLine(q.standard) + "]"
	}
	for range maxTries {
		answer, err := a.ask(ctx, text+": ")
		if err != nil {
			return "", err
		}
		answer, err = q.accept(answer)
		if err == nil {
			return answer, nil
		}
		fmt.Fprintf(a.err, "  %s\n", oneLine(err.Error()))
		if hint := pave.HintOf(err); hint != "" {
			fmt.Fprintf(a.err, "  %s\n", oneLine(hint))
		}
	}
	return "", usagef("%s was not given in %d answers; nothing was changed", strings.ToLower(q.label), maxTries)
}

// accept makes a value of what was typed: the number of a choice is that choice.
func (q question) accept(answer string) (string, error) {
	if answer == "" {
		answer = q.standard
	}
	if n, err := strconv.Atoi(answer); err == nil && n > 0 && n <= len(q.choices) {
		answer, _, _ = strings.Cut(q.choices[n-1], " ")
	}
	known := make([]string, len(q.choices))
	for i, c := range q.choices {
		known[i], _, _ = strings.Cut(c, " ")
	}
	switch {
	case answer == "" && q.optional:
		return "", nil
	case answer == "":
		return "", usagef("a value is needed")
	case q.only && !slices.Contains(known, answer):
		e := usagef("%q is none of them", answer)
		if near := pave.DidYouMean(answer, known); near != "" {
			e = e.WithHint("did you mean %s?", near)
		}
		return "", e
	case q.check != nil:
		return answer, q.check(answer)
	}
	return answer, nil
}
