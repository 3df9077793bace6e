package cli

import (
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) help() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND or TOPIC]", Short: "Show help of a command or a topic",
		Long:    "Show help of a command, or of a topic: exit-codes, environment, formatting.",
		Example: examples("pave help create service", "pave help exit-codes"),
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			found, rest, err := root.Find(args)
			if err == nil && len(rest) == 0 {
				found.InitDefaultHelpFlag()
				return found.Help()
			}
			e := pave.BadField("topic", strings.Join(args, " "), "is neither a command nor a topic", "pave help lists them")
			all := childNames(root)
			for _, t := range topics() {
				all = append(all, t.Name())
			}
			if near := pave.DidYouMean(args[0], all); near != "" && near != args[0] {
				e = e.WithHint("did you mean pave help %s?", near)
			}
			e.Fields = nil
			return e
		},
	}
}

// topics are pages of help that are no commands.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit codes mean", Long: exitHelp()},
		{Use: "environment", Short: "Environment variables that pave reads", Long: environmentHelp},
		{Use: "formatting", Short: "JSON, jq, YAML and tables", Long: formattingHelp},
	}
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes of every command:\n\n")
	for _, m := range exitMeanings {
		fmt.Fprintf(&b, "  %3d  %s\n", m.code, m.meaning)
	}
	b.WriteString("\nAn unknown template, environment, kind or flag is wrong use (2); 3 is for the object that\n" +
		"the command names. A run that stopped is 1; watch --timeout that ran out is 8.")
	return b.String()
}

const environmentHelp = `Environment variables that pave reads:

  PAVE_HOME          where server and node keep their state; /var/lib/pave as root, else
                     $XDG_STATE_HOME/pave (~/.local/state/pave)
  PAVE_CONFIG        where the keys lie, outside the state; /etc/pave as root, else
                     $XDG_CONFIG_HOME/pave (~/.config/pave). Logins are kept there too; as
                     root in ~/.config/pave
  PAVE_CONTEXT       the login that commands mean; local is the server of this machine
  PAVE_LISTEN        address of the API, 127.0.0.1:7070 without
  PAVE_TLS_LISTEN    address for other machines, with PAVE_TLS=local or PAVE_TLS_CERT and
                     PAVE_TLS_KEY, and PAVE_HOST, the names they know the server by
  PAVE_ROUTER        address of the router, 127.0.0.1:7080 without
  PAVE_TEMPLATES     further folders of templates, separated as in PATH
  PAVE_LOG           debug: the server's log has every request
  PAVE_KEEP          days for which runs, events and plans are kept, 90 without
  PAVE_ALLOW         private hosts (HOST or HOST:PORT) and networks that the server may call:
                     for templates, repositories to adopt, webhooks
  PAVE_TERRAFORM     the program for Terraform modules: terraform, tofu or a path; terraform, else tofu
  PAVE_CREDENTIALS   a file with logins for git hosts, a line https://USER:TOKEN@HOST each
  PAVE_STORE_URL     the platform's database, instead of SQLite in PAVE_HOME
  PAVE_POSTGRES_URL  the database server of the services, instead of one that the node runs
  PAVE_FORCE_TTY     behave as on a terminal
  NO_COLOR           no colours
  CLICOLOR           0: no colours
  CLICOLOR_FORCE     not 0: colours in pipes too
  TERM               dumb: no colours, no moving lines`

const formattingHelp = `Answers go to stdout, messages to stderr. In a pipe tables have no titles, their
cells are separated by tabs, nothing is cut, and times are UTC.

  --json FIELDS   these fields as JSON, for example --json name,team
  --json          says which fields there are; where an answer is small
                  (version, doctor, whoami, audit) it prints all of them
  --jq EXPRESSION what this jq expression makes of the JSON, of all fields without --json;
                  strings print as they are
  -o wide         a table with more columns
  -o yaml         YAML
  -o name         names only, one on a line

  $ pave list services --json name,environments
  $ pave list runs --jq '.[] | select(.state == "stopped") | .id'
  $ pave list services -o name | xargs -n1 pave status`
