package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

type loginFlags struct {
	code, name, trust string
	device            bool
}

func (a *app) login() *cobra.Command {
	cmd := &cobra.Command{
		Use: "login URL", Short: "Sign in to a server of others",
		Long: "Sign in to a server with the code of an invitation: from --code, a question on a terminal, or a\n" +
			"line of the input. With --device the server's page asks for it, in any browser. The login is\n" +
			"kept for its owner only (contexts.json in PAVE_CONFIG, else the config folder) and is what\n" +
			"commands mean from then on; --context local means the server of this machine.\n\n" +
			"A server with a certificate of its own CA shows the CA's fingerprint: compare it with what the\n" +
			"server printed at its start. It is kept, and nothing else is trusted for this login.",
		Example: examples("pave login https://pave.example.com:7443", "pave login http://127.0.0.1:7070 --code ABCD-EFGH-JKLM-NPQR",
			"pave login https://pave.example.com:7443 --device"),
		Args: exactly("the address of a server"),
	}
	var l loginFlags
	f := cmd.Flags()
	f.StringVar(&l.code, "code", "", "the `CODE` of the invitation; it works once")
	f.BoolVar(&l.device, "device", false, "sign in on the server's page instead")
	f.StringVar(&l.name, "name", "", "what the login is called here, the server's host without")
	f.StringVar(&l.trust, "trust", "", "the `FINGERPRINT` of the server's CA, where nobody can be asked")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.signIn(cmd.Context(), args[0], l) }
	return cmd
}

// addressHint is the address with the scheme it lacks, or an example.
func addressHint(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil && host != "" {
		if ip := net.ParseIP(host); host == "localhost" || ip.IsLoopback() {
			return "did you mean http://" + address + "?"
		}
		return "did you mean https://" + address + "?"
	}
	return "for example: https://pave.example.com:7443"
}

func (a *app) signIn(ctx context.Context, address string, l loginFlags) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return pave.BadField("url", address, "is not the address of a server", addressHint(address))
	}
	at := client.Context{URL: u.Scheme + "://" + u.Host}
	name := l.name
	if name == "" {
		name = u.Host
	}
	if name == localContext {
		return pave.BadField("name", name, "is that of the server of this machine", "--name work")
	}
	all, err := a.contexts() // before the code is used up
	if err == nil {
		err = all.Write(a.contextsFile())
	}
	if err != nil {
		return err
	}
	in := bufio.NewReader(io.LimitReader(a.in, 4<<10))
	if err := a.trustServer(ctx, in, &at, l.trust); err != nil {
		return err
	}
	c := client.New(client.Options{Command: a.command, Version: a.deps.Version,
		Server: func(context.Context) (client.Endpoint, error) { return at.Endpoint(), nil }})
	defer c.Close()
	machine, _ := os.Hostname() // a label for people
	var token pave.NewToken
	if l.device {
		token, err = a.deviceLogin(ctx, c, machine)
	} else {
		token, err = a.codeLogin(ctx, c, in, l.code, machine)
	}
	if err != nil {
		return err
	}
	at.Token, at.User, at.Expires = token.Value, token.User, token.Expires
	all.All[name], all.Current = at, name
	if err := all.Write(a.contextsFile()); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Signed in to %s as %s, until %s.\n  Next  pave whoami\n", at.URL, oneLine(token.User), token.Expires.Format(time.DateOnly))
	return nil
}

// codeLogin asks for the code where it was not given.
func (a *app) codeLogin(ctx context.Context, c *client.Client, in *bufio.Reader, code, machine string) (pave.NewToken, error) {
	if code == "" {
		if a.tty.in && a.tty.err {
			fmt.Fprint(a.err, "Code of the invitation: ")
		}
		line, err := in.ReadString('\n')
		if code = strings.TrimSpace(line); code == "" {
			if err != nil && err != io.EOF {
				return pave.NewToken{}, err
			}
			return pave.NewToken{}, usagef("pave login needs the code of an invitation").
				WithHint("--code CODE, or a line of the input; pave invite NAME makes one")
		}
	}
	return c.Login(ctx, code, machine)
}

// deviceLogin waits until a person has signed this program in on the page.
func (a *app) deviceLogin(ctx context.Context, c *client.Client, machine string) (pave.NewToken, error) {
	d, err := c.StartDevice(ctx, machine)
	if err != nil {
		return pave.NewToken{}, err
	}
	fmt.Fprintf(a.err, "Open  %s\nCode  %s   (until %s)\n", oneLine(d.Page), oneLine(d.Code), d.Expires.Local().Format(time.TimeOnly))
	for time.Now().Before(d.Expires) {
		token, err := c.DeviceToken(ctx, d.Secret)
		if pave.CodeOf(err) != pave.Unavailable || ctx.Err() != nil {
			return token, err
		}
		select {
		case <-ctx.Done():
			return pave.NewToken{}, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
	return pave.NewToken{}, pave.Errorf(pave.Denied, "nobody signed this program in").WithHint("pave login URL --device shows a new code")
}

// trustServer asks once whether the CA of a server is the right one.
func (a *app) trustServer(ctx context.Context, in *bufio.Reader, at *client.Context, given string) error {
	ca, err := client.AuthorityOf(ctx, at.URL)
	if err != nil || ca.Trusted {
		return err
	}
	plain := func(s string) string { return strings.ToUpper(strings.NewReplacer(":", "", " ", "").Replace(s)) }
	switch {
	case given != "" && plain(given) == plain(ca.Fingerprint):
	case given != "":
		return pave.Errorf(pave.Denied, "the CA of %s has another fingerprint: %s", at.URL, ca.Fingerprint).
			WithHint("somebody may stand between you and the server: ask who runs it")
	case !a.tty.in || !a.tty.err:
		return pave.Errorf(pave.Denied, "%s has a certificate of its own CA, which this machine does not know: %s", at.URL, ca.Fingerprint).
			WithHint("compare it with what the server printed at its start, then --trust %s", ca.Fingerprint)
	default:
		fmt.Fprintf(a.err, "%s has a certificate of its own CA:\n  SHA-256 %s\nIs that what the server printed at its start? Type yes to trust it: ", at.URL, ca.Fingerprint)
		answer, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if strings.TrimSpace(answer) != "yes" {
			return errDeclined
		}
	}
	at.CA = string(ca.PEM)
	return nil
}

func (a *app) logout() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Sign out: revoke the login's token and forget it",
		Long:    "Sign out of the server that commands mean: its token is revoked and forgotten. Commands mean the\nserver of this machine from then on.",
		Example: examples("pave logout", "pave logout --context work"),
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			name, at, ok, err := a.chosen()
			if err != nil {
				return err
			}
			if !ok {
				return pave.Errorf(pave.Conflict, "the server of this machine needs no login").WithHint("pave login URL signs in to another")
			}
			if err := a.api().DeleteToken(cmd.Context(), "current"); err != nil && pave.CodeOf(err) != pave.Denied {
				a.say("the token could not be revoked, it ends on %s: %s", at.Expires.Format(time.DateOnly), oneLine(err.Error()))
			}
			all, err := a.contexts()
			if err != nil {
				return err
			}
			delete(all.All, name)
			if all.Current == name {
				all.Current = ""
			}
			if err := all.Write(a.contextsFile()); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Signed out of %s.\n", at.URL)
			if all.Current == "" {
				a.say("From now on commands mean the server of this machine.")
			}
			return nil
		},
	}
}
