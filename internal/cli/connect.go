package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// A console is a program that speaks to an engine.
type console struct {
	programs []string // the first that there is
	install  string
	// args are what it is told; the password by its environment, which other users do not
	// see.
	args func(u *url.URL, password string) (argv, env []string)
	// printed: what it is told by its environment is printed with the address, which
	// its kind of program does not read.
	printed bool
}

var consoles = map[string]console{
	"postgresql": {programs: []string{"psql"}, install: "apt-get install -y postgresql-client", args: func(u *url.URL, password string) (argv, env []string) {
		return nil, []string{"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
			"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"), "PGSSLMODE=" + u.Query().Get("sslmode"), "PGAPPNAME=pave connect"}
	}},
	"mysql": {programs: []string{"mariadb", "mysql"}, install: "apt-get install -y mariadb-client", args: func(u *url.URL, password string) (argv, env []string) {
		return []string{"--protocol=tcp", "--host=" + u.Hostname(), "--port=" + u.Port(), "--user=" + u.User.Username(),
			"--database=" + strings.TrimPrefix(u.Path, "/")}, []string{"MYSQL_PWD=" + password}
	}},
	"redis": {programs: []string{"redis-cli"}, install: "apt-get install -y redis-tools", args: func(u *url.URL, password string) (argv, env []string) {
		return []string{"-h", u.Hostname(), "-p", u.Port(), "--user", u.User.Username(), "--no-auth-warning"}, []string{"REDISCLI_AUTH=" + password}
	}},
	"nats": {programs: []string{"nats"}, install: "go install github.com/nats-io/natscli/nats@latest", args: func(u *url.URL, password string) (argv, env []string) {
		return nil, []string{"NATS_URL=nats://" + u.Host, "NATS_USER=" + u.User.Username(), "NATS_PASSWORD=" + password}
	}},
	"s3": {programs: []string{"aws"}, install: "apt-get install -y awscli", printed: true, args: func(u *url.URL, password string) (argv, env []string) {
		endpoint, region := u.Scheme+"://"+u.Host, cmp.Or(u.Query().Get("region"), "us-east-1")
		return []string{"--endpoint-url", endpoint}, []string{"AWS_ACCESS_KEY_ID=" + u.User.Username(), "AWS_SECRET_ACCESS_KEY=" + password,
			"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "S3_BUCKET=" + strings.TrimPrefix(u.Path, "/")}
	}},
}

// told is what the program for a connection is told.
func (k console) told(c pave.Connection) (argv, env []string, err error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, nil, pave.Errorf(pave.Internal, "the address of the %s cannot be read", c.Kind)
	}
	password, _ := u.User.Password()
	argv, env = k.args(u, password)
	return argv, env, nil
}

// find is the path of the program.
func (c console) find() (path string) {
	for _, name := range c.programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func (a *app) connect() *cobra.Command {
	var r pave.ConnectRequest
	var within time.Duration
	var show bool
	cmd := &cobra.Command{
		Use: "connect NAME KIND [-- ARG...]", Short: "Open the database, cache, queue or bucket of a service, with rights for a while",
		Long: "Open the database of a service with psql or mariadb, its cache with redis-cli, its queue with nats or\n" +
			"its bucket with aws, with credentials of your own that are taken away when you leave, and at their end\n" +
			"at the latest. They have the rights of the service; in a protected environment they read only, unless a\n" +
			"lead asks for --write. What follows -- goes to the program. --print gives the address instead, and for a\n" +
			"bucket the AWS_ variables that programs read. The audit log keeps who came, with which rights, and\n" +
			"when they left.",
		Example: examples("pave connect payment-processor database", "pave connect payment-processor database --env production -- -c 'SELECT count(*) FROM payment'",
			"pave connect payment-processor bucket -- s3 ls", "pave connect payment-processor cache --print --for 10m"),
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) < 2 || dash >= 0 && dash != 2 || dash < 0 && len(args) > 2 {
				return usagef("pave connect needs the name of a service, and database, cache, queue or bucket").WithHint("%s", firstExample(cmd))
			}
			return nil
		},
		ValidArgsFunction: a.completeArg(serviceNames, fixed(pave.BackingKinds...)),
	}
	f := cmd.Flags()
	f.StringVar(&r.Environment, "env", "", "`ENVIRONMENT`; the lowest-ranked of the service without")
	f.BoolVar(&r.Write, "write", false, "in a protected environment too: change what is there, where you are a lead")
	f.DurationVar(&within, "for", pave.DefaultConnect, "how long the credentials are good, at most 8h")
	f.BoolVar(&show, "print", false, "print the address, with the password, and leave it good")
	v := viewFlags(cmd, pave.Connection{})
	complete(cmd, "env", environmentNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if err := nameArg(args[0]); err != nil {
			return err
		}
		if within < time.Second || within > pave.MaxConnect {
			return pave.BadField("for", within.String(), "must be 1s to "+pave.MaxConnect.String(), "--for 1h")
		}
		r.Kind, r.Seconds = args[1], int(within/time.Second)
		if show || v.data() {
			return a.printConnection(cmd.Context(), args[0], r, v)
		}
		return a.openConsole(cmd.Context(), args[0], r, args[2:])
	}
	return cmd
}

func (a *app) printConnection(ctx context.Context, service string, r pave.ConnectRequest, v *view) error {
	c, err := a.api().Connect(ctx, service, r)
	if err != nil {
		return err
	}
	if v.data() {
		return v.write(ctx, a.out, c)
	}
	fmt.Fprintln(a.out, c.URL)
	if k := consoles[c.Engine]; k.printed {
		_, env, err := k.told(c)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, strings.Join(env, "\n"))
	}
	a.say("%s until %s; pave api DELETE /v1/services/%s/connections/%s ends it", rightsOf(c), c.Expires.Local().Format(time.DateTime), c.Service, c.ID)
	return nil
}

func rightsOf(c pave.Connection) string {
	if c.ReadOnly {
		return "read-only"
	}
	return "read and write"
}

// openConsole runs the program for a kind and takes the credentials away after it.
func (a *app) openConsole(ctx context.Context, service string, r pave.ConnectRequest, args []string) error {
	at, err := a.endpoint(ctx)
	if err != nil {
		return err
	}
	if u, err := url.Parse(at.URL); err == nil && !isLoopback(u.Hostname()) {
		return pave.Errorf(pave.Unavailable, "the %s listens on the server's own machine, not on this one", r.Kind).
			WithHint("pave exec %s -t, where the server has a program for it", service)
	}
	c, err := a.api().Connect(ctx, service, r)
	if err != nil {
		return err
	}
	defer a.leaveData(ctx, service, c)
	console := consoles[c.Engine]
	path := console.find()
	if path == "" {
		return pave.Errorf(pave.Unavailable, "there is no %s on this machine", cmp.Or(strings.Join(console.programs, " or "), "program for "+c.Engine)).
			WithHint("%s", strings.TrimPrefix(fmt.Sprintf("%s; or pave connect %s %s --print", console.install, service, r.Kind), "; or "))
	}
	a.say("%s of %s in %s, %s until %s", c.Kind, c.Service, c.Environment, rightsOf(c), c.Expires.Local().Format(time.TimeOnly))
	return a.console(path, console, c, args)
}

// leaveData takes the credentials of a connection away.
func (a *app) leaveData(ctx context.Context, service string, c pave.Connection) {
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	// A client of its own: the command may have been interrupted, and its calls with it.
	other := client.New(client.Options{Server: a.deps.Ensure, Command: a.command, Version: a.deps.Version})
	defer other.Close()
	if gone := other.Disconnect(bye, service, c.ID); gone != nil {
		a.say("the credentials could not be taken away now: they end at %s", c.Expires.Local().Format(time.TimeOnly))
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// console runs the program on our streams. Ctrl-C is its own: while it runs we ignore it.
func (a *app) console(path string, k console, c pave.Connection, args []string) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	argv, env, err := k.told(c)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, append(argv, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
	cmd.Env = append(os.Environ(), env...)
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &exitError{code: max(1, exit.ExitCode())}
	}
	if err != nil {
		return pave.Errorf(pave.Unavailable, "run %s: %w", path, err).WithHint("pave connect %s %s --print", c.Service, c.Kind)
	}
	return nil
}
