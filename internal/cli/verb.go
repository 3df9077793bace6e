package cli

import (
	"context"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// A verb is a command that asks for a change of one service.
type verb struct {
	use, short, long string
	examples         []string // without pave
	args             cobra.PositionalArgs
	complete         cobra.CompletionFunc
	service          bool   // the service comes by --service, else it is the first argument
	env              string // help of --env; "" for none
	flags            func(cmd *cobra.Command)
	request          func(ctx context.Context, to target, args []string) (pave.Request, error)
}

// A target is what a verb is about.
type target struct{ service, env string }

// verb makes the command of a verb, or that of its plan.
func (a *app) verb(v verb, planOnly bool) *cobra.Command {
	lines := make([]string, len(v.examples))
	for i, e := range v.examples {
		lines[i] = "pave" + verbOf(planOnly) + " " + e
	}
	cmd := &cobra.Command{Use: v.use, Short: v.short, Long: v.long, Example: examples(lines...), Args: v.args, ValidArgsFunction: v.complete}
	var to target
	if v.service {
		cmd.Flags().StringVar(&to.service, "service", "", "of the service of this `NAME`")
		complete(cmd, "service", serviceNames)
	} else if v.complete == nil {
		cmd.ValidArgsFunction = a.completeArg(serviceNames)
	}
	if v.env != "" {
		cmd.Flags().StringVar(&to.env, "env", "", "`ENVIRONMENT`; "+v.env+" without")
		complete(cmd, "env", environmentNames)
	}
	if v.flags != nil {
		v.flags(cmd)
	}
	ch := a.changeFlags(cmd, planOnly)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !v.service {
			to.service, args = args[0], args[1:]
		} else if to.service == "" {
			return usagef("%s needs --service", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		if err := nameArg(to.service); err != nil {
			return err
		}
		if err := ch.check(); err != nil {
			return err
		}
		r, err := v.request(cmd.Context(), to, args)
		if err != nil {
			return err
		}
		return a.change(cmd.Context(), r, ch)
	}
	return cmd
}

// verbs is a group of verbs, "set KIND".
func (a *app) verbs(use, short, long string, planOnly bool, verbs ...*cobra.Command) *cobra.Command {
	name, _, _ := strings.Cut(use, " ")
	lines := []string{}
	for _, v := range verbs {
		first, _, _ := strings.Cut(strings.TrimPrefix(v.Example, "  $ "), "\n")
		lines = append(lines, first)
	}
	if planOnly {
		short, long = "Plan to "+name+" something", "Plan to "+name+" something, and do nothing."
	}
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Example: examples(lines...), Args: cobra.ArbitraryArgs, RunE: a.group,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}} // a kind that does not exist is told before its flags
	cmd.AddCommand(verbs...)
	return cmd
}

// atLeast accepts one or more arguments of a name.
func atLeast(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s needs %s", cmd.CommandPath(), name).WithHint("%s", firstExample(cmd))
		}
		return nil
	}
}

// settingNames completes the names of what is set of the service of --service.
func (a *app) settingNames(ask func(ctx context.Context, c *client.Client, service string) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		service, err := cmd.Flags().GetString("service")
		if err != nil || service == "" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.complete(cmd, func(ctx context.Context, a *app) ([]string, error) {
			return a.live(ctx, func(c *client.Client) ([]string, error) { return ask(ctx, c, service) })
		}, start)
	}
}

func variableNames(ctx context.Context, c *client.Client, service string) ([]string, error) {
	all, err := c.Variables(ctx, service)
	return namesFrom(all, func(v pave.Variable) string { return v.Name }), err
}

func secretNames(ctx context.Context, c *client.Client, service string) ([]string, error) {
	all, err := c.Secrets(ctx, service)
	return namesFrom(all, func(s pave.SecretName) string { return s.Name }), err
}

// none completes nothing.
func none(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
