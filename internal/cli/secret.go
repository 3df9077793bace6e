package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pave-platform/pave"
	"golang.org/x/term"
)

// readSecret reads a value: at a terminal from a prompt that does not show it, else
// all of stdin without its last line end.
func (a *app) readSecret(name, service string) (pave.Secret, error) {
	var text []byte
	var err error
	if f, ok := a.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(a.err, "Value of %s (not shown): ", name)
		text, err = term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.err)
	} else {
		text, err = io.ReadAll(io.LimitReader(a.in, pave.MaxValue+3))
	}
	if err != nil {
		return pave.Secret{}, pave.Errorf(pave.Invalid, "read the value of %s: %w", name, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case value == "":
		return pave.Secret{}, usagef("the value of %s is empty: it comes from stdin or a prompt", name).
			WithHint("pave set secret %s --service %s < FILE", name, service)
	case len(value) > pave.MaxValue:
		return pave.Secret{}, usagef("the value of %s is longer than %d bytes", name, pave.MaxValue).WithHint("give a shorter one")
	}
	return pave.NewSecret(value), nil
}
