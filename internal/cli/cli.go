// Package cli is the command line of pave: every command, one file each, that
// parses, calls the server through client, and prints. Answers go to
// stdout, messages to stderr; ornaments and questions are for terminals only.
//
// It knows neither how a server is found or started (Deps says) nor what a
// request means: the server plans and decides.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// Deps is what cmd/pave puts in.
type Deps struct {
	Version string
	// Ensure finds the running server, or starts one (and the node), and says where it is.
	Ensure func(ctx context.Context) (client.Endpoint, error)
	// Find is Ensure without starting.
	Find func(ctx context.Context) (client.Endpoint, error)
	// Up and Down start and end server and node, and tell what they do.
	Up, Down func(ctx context.Context, out io.Writer) error
	// Server runs the server in the foreground until ctx ends.
	Server func(ctx context.Context, flags ServerFlags) error
	// Node runs the node in the foreground until ctx ends.
	Node func(ctx context.Context) error
	// Serve is a server of a kind that is part of this program, for the node alone.
	Serve func(ctx context.Context, kind string) error
	// Static serves the files of the first folder that has an index.html until ctx ends.
	Static func(ctx context.Context, folders []string) error
	// Backup writes the state of the platform into a file, and its keys into another
	// where keys is not "", and tells what it did.
	Backup func(ctx context.Context, out io.Writer, file, keys string) error
	// Restore makes the state of the platform from a backup.
	Restore func(ctx context.Context, out io.Writer, file, keys string, replace bool) error
	// LocalChecks are the doctor's checks that need no server.
	LocalChecks func(ctx context.Context) []pave.Check
	// Getenv reads an environment variable; nil is os.Getenv.
	Getenv func(string) string
	// Environ lists all of them as KEY=value; nil is os.Environ.
	Environ func() []string
}

// ServerFlags are the flags of "pave server".
type ServerFlags struct {
	Listen    string   // address of the API, "" for the default
	Router    string   // address of the router, "" for the default
	Name      string   // of a further server of the home
	Templates []string // further folders of templates
	TLS       string   // local: a certificate by a CA of our own
	TLSCert   string   // or one in files
	TLSKey    string
	Hosts     []string // names that the server answers to
	// An OpenID provider that people sign in by: its address, our id there, the file
	// of the secret, and what its groups mean.
	Issuer, ClientID, SecretFile string
	Groups                       []string
}

// app is one run of the command line.
type app struct {
	deps     Deps
	in       io.Reader
	out, err io.Writer
	tty      terminals
	answers  *bufio.Reader // of the terminal, once something was asked
	command  string        // what was called, "create service"
	noColor  bool
	quiet    bool
	verbose  bool
	context  string // login that is meant, "" for the last one
	client   *client.Client
	// localServer finds the server of this machine, whatever login is meant.
	localServer func(context.Context) (client.Endpoint, error)
}

// Main runs one command and returns its exit code. It prints every error itself.
func Main(ctx context.Context, deps Deps, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if deps.Getenv == nil {
		deps.Getenv = os.Getenv
	}
	if deps.Environ == nil {
		deps.Environ = os.Environ
	}
	a := &app{deps: deps, in: stdin, out: stdout, err: stderr}
	a.localServer = deps.Find
	a.deps.Ensure, a.deps.Find = a.orContext(deps.Ensure), a.orContext(deps.Find)
	a.tty = a.findTerminals()
	root := a.root()
	root.SetArgs(joinJSONFlag(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(context.WithValue(ctx, appKey{}, a))
	if a.client != nil {
		a.client.Close()
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = errInterrupted
	}
	a.report(err)
	return exitCode(err)
}

// root is the tree of all commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "pave", Version: a.deps.Version,
		Short: "From nothing to a live service with one command",
		Long: "pave takes a developer from nothing to a live, guarded, observed, owned service\n" +
			"with one command, and keeps it that way. No server has to be started before:\n" +
			"a command that finds none starts it.",
		Example: examples("pave create service --name payment-processor --template go-http --team payment-squad",
			"pave status payment-processor", "pave list services"),
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: a.group,
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			a.command = strings.TrimPrefix(cmd.CommandPath(), "pave ")
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	f := root.PersistentFlags()
	f.BoolVar(&a.noColor, "no-color", false, "no colours, also on a terminal")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "only the answer, no progress")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "more: the steps of child runs, and every secret by its name")
	f.StringVar(&a.context, "context", "", "the login that is meant, local for the server of this machine")
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(&cobra.Group{ID: "change", Title: "Change:"}, &cobra.Group{ID: "look", Title: "Look:"},
		&cobra.Group{ID: "run", Title: "Runs:"}, &cobra.Group{ID: "write", Title: "Golden paths:"}, &cobra.Group{ID: "people", Title: "People:"}, &cobra.Group{ID: "machine", Title: "This machine:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("change", a.create(), a.adopt(false), a.set(false), a.unset(false), a.add(false), a.remove(false), a.scale(false), a.delete(), a.restore(),
		a.deploy(), a.promote(), a.rollback(false), a.restart(false), a.heal(false), a.rotate(false), a.exec(), a.connect(), a.link(false), a.unlink(false), a.undo(), a.plan(), a.apply())
	add("look", a.list(), a.get(), a.describe(), a.status(), a.explain(), a.logs(), a.events(), a.top(), a.audit(), a.clone(), a.open(), a.apiCall(), a.insight())
	add("write", a.template(), a.ci())
	add("run", a.watch(), a.retry(), a.cancel())
	add("change", a.rename(false), a.bind(), a.unbind(), a.imports(), a.propose(), a.test(), a.redeliver())
	add("machine", a.run())
	add("people", a.login(), a.logout(), a.whoami(), a.can(), a.approve(true), a.approve(false), a.invite(), a.suspend(true), a.suspend(false), a.admin())
	add("machine", a.up(), a.down(), a.doctor(), a.version(), a.completion(), a.man(), a.server())
	root.AddCommand(a.node(), a.static(), a.gitCredential(), a.hook())
	root.AddCommand(topics()...)
	root.SetHelpCommand(a.help())
	return root
}

// api returns the client of this command. The first call of it starts a server
// where none runs.
func (a *app) api() *client.Client {
	if a.client == nil {
		a.client = client.New(client.Options{Server: a.deps.Ensure, Command: a.command, Version: a.deps.Version})
	}
	return a.client
}

// say writes a message, for people, to stderr.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// examples formats the examples of a command.
func examples(lines ...string) string {
	return "  $ " + strings.Join(lines, "\n  $ ")
}

// group is what a command does that only has commands below it.
func (a *app) group(cmd *cobra.Command, args []string) error {
	children := []string{}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			children = append(children, c.Name())
		}
	}
	if len(args) == 0 {
		if cmd.HasParent() {
			return usagef("%s needs what to work on", cmd.CommandPath()).WithHint("one of %s", strings.Join(children, ", "))
		}
		return cmd.Help()
	}
	what := "command"
	if strings.Contains(cmd.Use, "KIND") {
		what = "kind"
	}
	e := usagef("unknown %s %q for %s", what, oneLine(args[0]), cmd.CommandPath()).WithHint("%s --help lists them", cmd.CommandPath())
	if near := pave.DidYouMean(args[0], childNames(cmd)); near != "" {
		e = e.WithHint("did you mean %s %s?", cmd.CommandPath(), near)
	}
	return e
}

// childNames are the names and aliases of the commands below one.
func childNames(cmd *cobra.Command) []string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(append(out, c.Name()), c.Aliases...)
		}
	}
	return out
}
