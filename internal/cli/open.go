package cli

import (
	"fmt"
	"os/exec"
	"runtime"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) open() *cobra.Command {
	places := []string{"site", "repo", "runs"}
	cmd := &cobra.Command{
		Use: "open NAME [site|repo|runs]", Short: "Open a service in the browser: itself, its repository or its runs",
		Long: "Open a service in the browser: itself, its repository or its runs. Where there is no terminal,\n" +
			"no browser, or with --print, it prints the address.",
		Example: examples("pave open payment-processor", "pave open payment-processor runs", "pave open payment-processor repo --print"),
		Args:    between(1, "the name of a service", "what to open"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return places, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeArg(serviceNames)(cmd, args, start)
		},
	}
	env := cmd.Flags().String("env", "", "`ENVIRONMENT`; the lowest-ranked without")
	print := cmd.Flags().Bool("print", false, "print the address and open nothing")
	complete(cmd, "env", environmentNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return err
		}
		what := "site"
		if len(args) == 2 {
			what = args[1]
		}
		st, err := a.api().Status(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		at, err := a.endpoint(cmd.Context())
		if err != nil {
			return err
		}
		address := ""
		switch what {
		case "site":
			if address, err = siteOf(st, *env); err != nil {
				return err
			}
		case "repo", "runs":
			svc, err := a.api().Service(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if address = pipelinesOf(svc, at); what == "repo" {
				address = repositoryOf(svc, at)
			}
		default:
			return pave.BadField("place", oneLine(what), "is nothing to open", "one of site, repo, runs")
		}
		fmt.Fprintln(a.out, oneLine(address))
		if *print || !a.tty.out {
			return nil
		}
		return a.browse(cmd, address)
	}
	return cmd
}

// siteOf is the address of a service in an environment, "" for its lowest.
func siteOf(st pave.Status, env string) (string, error) {
	for _, d := range st.Deployments {
		if env == "" || string(d.Environment) == env {
			return d.URL, nil
		}
	}
	return "", pave.BadField("env", oneLine(env), "is not an environment of "+string(st.Service), "pave status "+string(st.Service))
}

// browse starts the browser of this machine; that there is none is no error.
func (a *app) browse(cmd *cobra.Command, address string) error {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	if err := exec.CommandContext(cmd.Context(), opener, address).Run(); err != nil {
		a.say("no browser was opened (%s): open the address by hand", err)
	}
	return nil
}
