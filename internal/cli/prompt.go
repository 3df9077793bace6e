package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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
