package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminals says which of the three streams are terminals.
type terminals struct{ in, out, err bool }

// findTerminals looks at the streams. PAVE_FORCE_TTY makes all of them terminals.
func (a *app) findTerminals() terminals {
	if a.deps.Getenv("PAVE_FORCE_TTY") != "" {
		return terminals{true, true, true}
	}
	is := func(v any) bool {
		f, ok := v.(*os.File)
		return ok && term.IsTerminal(int(f.Fd()))
	}
	return terminals{is(a.in), is(a.out), is(a.err)}
}

// ornate reports whether stdout may show moving lines.
func (a *app) ornate() bool { return a.tty.out && a.deps.Getenv("TERM") != "dumb" }

// colour reports whether stdout may show colours: on a terminal, unless somebody
// said no (no-color.org); CLICOLOR_FORCE says yes for pipes too.
func (a *app) colour() bool {
	env := a.deps.Getenv
	switch force := env("CLICOLOR_FORCE"); {
	case a.noColor, env("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	case env("CLICOLOR") == "0", env("TERM") == "dumb":
		return false
	}
	return a.tty.out
}

// Colours of marks.
const (
	green  = "32"
	red    = "31"
	yellow = "33"
	dim    = "2"
)

func (a *app) paint(code, s string) string {
	if !a.colour() {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// columns is the width of the terminal.
func columns(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			return w
		}
	}
	return 80
}
