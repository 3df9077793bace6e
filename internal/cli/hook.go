package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

const (
	// hookPatience is how long a push shows the run it started.
	hookPatience = 10 * time.Minute
	// builtRef is the branch whose pushes build.
	builtRef = "refs/heads/main"
)

func (a *app) hook() *cobra.Command {
	cmd := &cobra.Command{
		Use: "hook NAME", Short: "What git runs on the server", Hidden: true, Long: "Hooks of the repositories on the server. git runs them, people do not.",
		Example: examples("pave hook post-receive", "pave hook --help"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(&cobra.Command{
		Use: "post-receive", Short: "Start the pipeline of a push and show it to who pushed", Hidden: true,
		Long: "git's post-receive hook: it tells the server of a push to " + builtRef + " and prints the steps of\n" +
			"the run as they end. It never fails the push, and the run does not depend on it. It reads\n" +
			"PAVE_HOOK_URL, PAVE_HOOK_TOKEN, PAVE_HOOK_API_TOKEN, PAVE_HOOK_SERVICE and PAVE_HOOK_USER.",
		Example: examples("pave hook post-receive", "echo OLD NEW "+builtRef+" | pave hook post-receive"),
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if pushesMain(a.in) {
				a.showPush(cmd.Context())
			}
			return nil
		},
	})
	return cmd
}

// pushesMain reads git's lines "old new ref".
func pushesMain(in io.Reader) bool {
	found := false
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 3 && f[2] == builtRef && strings.Trim(f[1], "0") != "" {
			found = true
		}
	}
	return found
}

// hookClient speaks to the server of the hook with one of its tokens.
func (a *app) hookClient(tokenVariable string) *client.Client {
	at := client.Endpoint{URL: a.deps.Getenv("PAVE_HOOK_URL"), Token: pave.NewSecret(a.deps.Getenv(tokenVariable))}
	return client.New(client.Options{Version: a.deps.Version,
		Server: func(context.Context) (client.Endpoint, error) { return at, nil }})
}

// showPush tells the server of the push and prints how its run goes. What goes
// wrong here is printed and no more: the commit is in the repository, and the
// server looks at heads by itself.
func (a *app) showPush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, hookPatience)
	defer cancel()
	hook := a.hookClient("PAVE_HOOK_TOKEN")
	defer hook.Close()
	service := strings.TrimSuffix(a.deps.Getenv("PAVE_HOOK_SERVICE"), ".git")
	run, started, err := hook.Pushed(ctx, service, a.deps.Getenv("PAVE_HOOK_USER"))
	if err != nil {
		fmt.Fprintf(a.out, "pave: the push is kept, its pipeline starts a little later: %s\n", oneLine(err.Error()))
		return
	}
	if !started {
		return
	}
	fmt.Fprintf(a.out, "Run  %s/v1/runs/%s\n     pave watch %s\n", a.deps.Getenv("PAVE_HOOK_URL"), run.ID, shortID(run.ID))
	a.client = a.hookClient("PAVE_HOOK_API_TOKEN") // the pusher's own: it sees what the pusher may see
	a.tty = terminals{}
	p := newProgress(a, a.out, run)
	run, err = a.wait(ctx, p, run)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(a.out, "The run goes on: pave watch %s\n", shortID(run.ID))
	case err != nil:
		fmt.Fprintf(a.out, "pave: %s\nThe run goes on: pave watch %s\n", oneLine(err.Error()), shortID(run.ID))
	case run.State == pave.RunDone:
		fmt.Fprintf(a.out, "%s: done\n", oneLine(run.Title))
	default:
		fmt.Fprintf(a.out, "%s: %s: %s\n  next: pave logs %s\n  next: pave retry %s, or push a commit that mends it\n", oneLine(run.Title), run.State,
			oneLine(run.Reason), shortID(run.ID), shortID(run.ID))
	}
}
