package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes. They are part of the interface: scripts depend on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitDenied      = 4
	exitConflict    = 5
	exitPolicy      = 6
	exitChanges     = 7
	exitRunning     = 8
	exitUnreachable = 9
	exitInterrupted = 130
)

// exitMeanings is the one table of exit codes, for help.
var exitMeanings = []struct {
	code    int
	meaning string
}{
	{exitDone, "done"},
	{exitFailed, "failed"},
	{exitUsage, "wrong use, or declined"},
	{exitNotFound, "not found: the object that the command names"},
	{exitDenied, "not signed in, or not allowed"},
	{exitConflict, "conflict with what is there"},
	{exitPolicy, "refused by policy"},
	{exitChanges, "the plan has changes (--detailed-exitcode)"},
	{exitRunning, "still running"},
	{exitUnreachable, "server unreachable"},
	{exitInterrupted, "interrupted"},
}

// byCode maps the codes of errors to exit codes.
var byCode = map[pave.Code]int{
	pave.Invalid: exitUsage, pave.NotFound: exitNotFound, pave.Denied: exitDenied, pave.Conflict: exitConflict,
	pave.Policy: exitPolicy, pave.Unavailable: exitFailed, pave.Internal: exitFailed,
}

// exitError ends a command with a code of its own. Without an error nothing more
// is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// errInterrupted ends a command that a signal ended.
var errInterrupted = &exitError{code: exitInterrupted}

func exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable
	}
	return byCode[pave.CodeOf(err)]
}

// report prints an error: what failed, each wrong input on a line, what to do
// next.
func (a *app) report(err error) {
	var exit *exitError
	if err == nil || errors.As(err, &exit) && exit.err == nil {
		return
	}
	fmt.Fprintf(a.err, "pave: %s\n", oneLine(err.Error()))
	var e *pave.Error
	if errors.As(err, &e) && len(e.Fields) > 1 {
		for _, f := range e.Fields {
			fmt.Fprintf(a.err, "  %s %q %s\n", oneLine(f.Field), oneLine(f.Value), oneLine(f.Message))
		}
	}
	hint := pave.HintOf(err)
	if hint == "" {
		hint = a.nextStep(err)
	}
	for line := range strings.SplitSeq(clean(hint), "\n") {
		fmt.Fprintf(a.err, "  next: %s\n", line)
	}
}

// nextStep is what to do about an error that does not say it itself.
func (a *app) nextStep(err error) string {
	var exit *exitError
	if errors.As(err, &exit) && exit.code == exitInterrupted {
		return "pave list runs: what was begun goes on"
	}
	switch pave.CodeOf(err) {
	case pave.Invalid:
		return strings.TrimSpace("pave "+a.command) + " --help"
	case pave.Denied:
		return "pave whoami says who you are here, pave can what you may do"
	case pave.NotFound:
		return "pave list services, or another kind: pave list --help"
	case pave.Conflict:
		return "look at what is there: pave list runs, pave status SERVICE"
	case pave.Policy:
		return "change what the policy names, or ask a lead of the team"
	case pave.Unavailable:
		return "pave doctor"
	}
	return "pave doctor; if all is well there, this is a defect of pave: please report it with this message"
}

// fieldsOfError are the inputs that an error names.
func fieldsOfError(err error) []string {
	var e *pave.Error
	var out []string
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			out = append(out, f.Field)
		}
	}
	return out
}

// usagef is an error about how a command was used.
func usagef(format string, args ...any) *pave.Error {
	return pave.Errorf(pave.Invalid, format, args...)
}

var flagInError = regexp.MustCompile(`-{1,2}[a-zA-Z][-a-zA-Z0-9]*`)

// otherNames are what people call a flag who know it from another command.
var otherNames = map[string]string{"set": "input", "input": "set", "inputs": "input", "lines": "tail"}

// flagError says which flag was meant.
func flagError(cmd *cobra.Command, err error) error {
	e := usagef("%s", strings.TrimSuffix(err.Error(), "\n")).WithHint("%s --help", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return e
	}
	given := unknown.GetSpecifiedName()
	e = usagef("%s is not a flag of %s", flagInError.FindString(err.Error()), cmd.CommandPath()).WithHint("%s --help", cmd.CommandPath())
	if unknown.GetSpecifiedShortnames() != "" {
		e.Message = fmt.Sprintf("-%s is not a flag of %s", given, cmd.CommandPath())
		return e
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags = append(flags, f.Name)
		}
	})
	near := pave.DidYouMean(given, flags)
	if other := otherNames[given]; slices.Contains(flags, other) {
		near = other
	}
	if near != "" {
		return e.WithHint("did you mean --%s?", near)
	}
	return e
}

// exactly is a check of arguments that names them.
func exactly(names ...string) cobra.PositionalArgs {
	return between(len(names), names...)
}

// between accepts all named arguments, of which the first are needed.
func between(needed int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < needed:
			return usagef("%s needs %s", cmd.CommandPath(), names[len(args)]).WithHint("%s", firstExample(cmd))
		case len(args) > len(names):
			return usagef("%s does not take %q", cmd.CommandPath(), oneLine(args[len(names)])).WithHint("%s --help", cmd.CommandPath())
		}
		return nil
	}
}

// firstExample is a call of the command that works.
func firstExample(cmd *cobra.Command) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(cmd.Example, "  $ "), "\n")
	return "for example: " + first
}

var serviceName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$`)

// nameArg checks the name of a service that must exist, before anything is asked.
func nameArg(name string) error {
	if serviceName.MatchString(name) {
		return nil
	}
	return pave.BadField("service", name, "is not a name: a-z, 0-9 and '-', at most 40", "pave list services")
}

// runArg checks the id of a run, which may be shortened.
func runArg(id string) error {
	if pave.IsIDPrefix("run", id) {
		return nil
	}
	hint := "pave list runs"
	if serviceName.MatchString(id) {
		hint += " --service " + id
	}
	return pave.BadField("run", id, "is not the id of a run, or too short a part of one", hint)
}
