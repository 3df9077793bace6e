package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

// Exit codes of shells for a program that cannot be started.
const (
	exitNoProgram    = 127
	exitNotRunnable  = 126
	exitSignalOffset = 128
)

func (a *app) run() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run NAME -- CMD...", Short: "Run a command here with a service's variables and a database of your own",
		Long: "Run a command on this machine as the service would run: with its variables (those of the\n" +
			"first environment that is not protected, or of --env), a free PORT, and a database and\n" +
			"cache of your own where the service has them. They are made by the platform, kept between\n" +
			"runs, made anew by --fresh, and go with the service.\n\n" +
			"Secrets are never given, of no environment: a name that the service has as a secret keeps\n" +
			"the value it has in your own environment, and is told where it has none. Everything else of\n" +
			"your environment passes; the service's variables win over it, and --set wins over all.\n\n" +
			"There is no shell between. Signals are passed on, and the exit code is that of the command.",
		Example: examples("pave run payment-processor -- go run .", "pave run shop --env staging --port 8080 -- npm run dev",
			"pave run shop --fresh -- sh -c 'psql $DATABASE_URL'"),
		Args:              runArgs,
		ValidArgsFunction: a.completeArg(serviceNames),
	}
	var r pave.DevRequest
	var sets []string
	var port int
	f := cmd.Flags()
	f.StringVar(&r.Environment, "env", "", "the variables of this `ENVIRONMENT`; the first that is not protected without")
	f.BoolVar(&r.Fresh, "fresh", false, "a new, empty database and cache in place of your old ones")
	f.IntVar(&port, "port", 0, "the `PORT` that the command gets; a free one without")
	f.StringArrayVar(&sets, "set", nil, "a variable over all others, `KEY=VALUE`, repeatable")
	complete(cmd, "env", environmentNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return err
		}
		given, err := plainSets(sets)
		if err != nil {
			return err
		}
		if port, err = portFor(port); err != nil {
			return err
		}
		dev, err := a.api().DevEnvironment(cmd.Context(), args[0], r)
		if err != nil {
			return err
		}
		env := devVariables(dev, port)
		maps.Copy(env, given)
		if err := a.tellDev(cmd.Context(), dev, port, env); err != nil {
			return err
		}
		return a.runHere(args[1:], env)
	}
	return cmd
}

// runArgs wants a name, then --, then a command.
func runArgs(cmd *cobra.Command, args []string) error {
	dash := cmd.ArgsLenAtDash()
	switch {
	case dash == 1 && len(args) > 1:
		return nil
	case dash < 0 && len(args) > 1:
		return usagef("%s needs -- before the command", cmd.CommandPath()).WithHint("pave run %s -- %s", oneLine(args[0]), oneLine(strings.Join(args[1:], " ")))
	}
	return usagef("%s needs the name of a service and, after --, a command", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
}

// plainSets reads KEY=VALUE flags of any name.
func plainSets(sets []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" || strings.ContainsRune(s, 0) {
			return nil, pave.BadField("set", s, "is not of the form KEY=VALUE", "for example: --set LOG_LEVEL=debug")
		}
		out[key] = value
	}
	return out, nil
}

// portFor is the port that was asked for, or one that is free at this moment.
func portFor(port int) (int, error) {
	if port != 0 {
		if port < 1 || port > 65535 {
			return 0, pave.BadField("port", strconv.Itoa(port), "is not a port", "one of 1 to 65535")
		}
		return port, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, pave.Errorf(pave.Unavailable, "find a free port: %w", err).WithHint("--port PORT names one")
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// devVariables are the variables of a service, with its port put in.
func devVariables(dev pave.DevEnvironment, port int) map[string]string {
	env := maps.Clone(dev.Variables)
	if env == nil {
		env = map[string]string{}
	}
	marks := strings.NewReplacer("${PORT}", strconv.Itoa(port), "${HOST}", "127.0.0.1")
	for name, value := range dev.Ports {
		env[name] = marks.Replace(value)
	}
	return env
}

// tellDev says what the command gets, and what it does not.
func (a *app) tellDev(ctx context.Context, dev pave.DevEnvironment, port int, env map[string]string) error {
	at, err := a.endpoint(ctx)
	if err != nil {
		return err
	}
	a.say("%s as in %s, at http://127.0.0.1:%d", dev.Service, dev.Environment, port)
	for _, own := range dev.Own {
		a.say("  your own %s", oneLine(own))
	}
	if u, err := url.Parse(at.URL); err == nil && len(dev.Own) > 0 {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			a.say("  they listen on the machine of the server, %s, only: from here they are not reached", oneLine(u.Hostname()))
		}
	}
	for _, name := range dev.Secrets {
		_, given := env[name]
		if _, own := os.LookupEnv(name); !own && !given {
			a.say("  %s is a secret and is not given: set it in your environment, or --set %s=VALUE", oneLine(name), oneLine(name))
		}
	}
	return nil
}

// passedOn are the signals that the command gets from us.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// runHere runs a program in the place of this one, as far as anybody can tell: streams,
// terminal, signals and exit code are its own.
func (a *app) runHere(argv []string, env map[string]string) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
	cmd.Env = os.Environ()
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name]) // the last of a name counts
	}
	if err := cmd.Start(); err != nil {
		return cannotRun(argv[0], err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			// What is typed at a terminal the command has got already: it is of our group.
			if typed := s == syscall.SIGINT || s == syscall.SIGQUIT; !typed || !a.tty.in {
				_ = cmd.Process.Signal(s) // it may have ended just now
			}
		case err := <-done:
			return endOf(cmd, err)
		}
	}
}

func cannotRun(program string, err error) error {
	code, hint := exitNotRunnable, "chmod +x makes a file a program"
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code, hint = exitNoProgram, "it is looked for in the folders of PATH; a line for a shell is sh -c LINE"
	}
	return &exitError{code, pave.Errorf(pave.Invalid, "run %s: %w", oneLine(program), err).WithHint("%s", hint)}
}

// endOf is the exit code of the command, as a shell tells it.
func endOf(cmd *exec.Cmd, err error) error {
	if err == nil {
		return nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return pave.Errorf(pave.Unavailable, "wait for %s: %w", oneLine(fmt.Sprint(cmd.Args[0])), err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &exitError{code: exitSignalOffset + int(status.Signal())}
	}
	return &exitError{code: exit.ExitCode()}
}
