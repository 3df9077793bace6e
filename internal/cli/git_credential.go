package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

func (a *app) gitCredential() *cobra.Command {
	return &cobra.Command{
		Use: "git-credential get|store|erase", Short: "Give git the credentials of this server", Hidden: true,
		Long: "git's credential helper protocol, set up in a clone by pave clone. It answers for the\n" +
			"address of this server only, and stores nothing.",
		Example:   examples("pave git-credential get", "git config credential.http://127.0.0.1:7070.helper '!pave git-credential'"),
		Args:      exactly("get, store or erase"),
		ValidArgs: []string{"get", "store", "erase"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "store", "erase": // nothing is kept: the server's own file has the token
				_, err := io.Copy(io.Discard, io.LimitReader(a.in, 64<<10))
				return err
			case "get":
				return a.giveCredential(cmd.Context())
			}
			return nil // git adds operations now and then; helpers ignore those they do not know
		},
	}
}

// giveCredential answers git's question if it is about our server. It says
// nothing otherwise: git then goes on to its other helpers.
func (a *app) giveCredential(ctx context.Context) error {
	asked, err := readAttributes(a.in)
	if err != nil {
		return err
	}
	at, ok, err := a.loginFor(asked)
	if err != nil {
		return err
	}
	if !ok {
		if at, err = a.localServer(ctx); err != nil {
			a.say("pave git-credential: no server is running: pave up starts it")
			return nil
		}
		if !sameServer(asked, at) {
			return nil
		}
	}
	_, err = fmt.Fprintf(a.out, "username=pave\npassword=%s\n", at.Token.Reveal())
	return err
}

// loginFor is the login at the server that git asks about, whichever login
// commands mean: a clone belongs to its server.
func (a *app) loginFor(asked map[string]string) (client.Endpoint, bool, error) {
	all, err := a.contexts()
	for _, c := range all.All {
		if at := c.Endpoint(); sameServer(asked, at) {
			return at, true, err
		}
	}
	return client.Endpoint{}, false, err
}

// readAttributes reads key=value lines up to an empty one.
func readAttributes(in io.Reader) (map[string]string, error) {
	out := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(in, 64<<10))
	for lines.Scan() && lines.Text() != "" {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok {
			out[key] = value
		}
	}
	return out, lines.Err()
}

// sameServer reports whether scheme, host and port are those of the server, to
// the letter: a token is never given to a neighbour.
func sameServer(asked map[string]string, at client.Endpoint) bool {
	u, err := url.Parse(at.URL)
	return err == nil && u.Host != "" && asked["protocol"] == u.Scheme && asked["host"] == u.Host
}
