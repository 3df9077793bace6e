package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/client"
	"github.com/spf13/cobra"
)

// completeWithin is how long a shell waits for live names.
const completeWithin = 300 * time.Millisecond

func (a *app) completion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: "Print the completion script of a shell",
		Long: "Print the completion script of a shell. Names of services, runs, templates and environments\n" +
			"come from the server, if one runs.",
		Example:   examples("source <(pave completion bash)", "pave completion fish > ~/.config/fish/completions/pave.fish"),
		Args:      exactly("a shell: " + strings.Join(shells, ", ")),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return pave.BadField("shell", args[0], "is not one that pave knows", "one of "+strings.Join(shells, ", "))
		},
	}
}

// names gives what may be completed.
type names func(ctx context.Context, a *app) ([]string, error)

// completeArg completes the arguments of a command, each by what it may be.
func (a *app) completeArg(from ...names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(from) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.complete(cmd, from[len(args)], start)
	}
}

// bindingNames are the environments that may be bound.
func bindingNames(ctx context.Context, a *app) ([]string, error) {
	envs, err := environmentNames(ctx, a)
	return append([]string{"default"}, envs...), err
}

// boundKinds are the kinds that may be bound, and providerNames who makes them.
func boundKinds(ctx context.Context, a *app) ([]string, error) {
	return ofProviders(ctx, a, func(p pave.Provider) string { return p.Kind })
}

func providerNames(ctx context.Context, a *app) ([]string, error) {
	return ofProviders(ctx, a, func(p pave.Provider) string { return p.Name })
}

func ofProviders(ctx context.Context, a *app, part func(pave.Provider) string) ([]string, error) {
	all, err := a.api().Providers(ctx)
	var out []string
	for _, p := range all {
		if word := part(p); !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out, err
}

// complete registers what may follow a flag. The app comes by the context of the
// command, since flags are made before it runs.
func complete(cmd *cobra.Command, flag string, from names) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		a, ok := cmd.Context().Value(appKey{}).(*app)
		if !ok {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.complete(cmd, from, start)
	})
	if err != nil {
		panic(err) // the flag does not exist: a defect that every test of the tree finds
	}
}

type appKey struct{}

func (a *app) complete(cmd *cobra.Command, from names, start string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
	defer cancel()
	all, err := from(ctx, a)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, n := range all {
		if n = oneLine(n); strings.HasPrefix(n, start) {
			out = append(out, n)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// live asks the running server for names; it starts none.
func (a *app) live(ctx context.Context, ask func(*client.Client) ([]string, error)) ([]string, error) {
	at, err := a.deps.Find(ctx)
	if err != nil {
		return nil, err
	}
	c := client.New(client.Options{Server: func(context.Context) (client.Endpoint, error) { return at, nil }, Version: a.deps.Version})
	defer c.Close()
	return ask(c)
}

func namesFrom[T any](all []T, name func(T) string) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = name(v)
	}
	return out
}

func serviceNames(ctx context.Context, a *app) ([]string, error) {
	return a.live(ctx, func(c *client.Client) ([]string, error) {
		all, err := c.Services(ctx, false)
		return namesFrom(all, func(s pave.Service) string { return string(s.Name) }), err
	})
}

func deletedNames(ctx context.Context, a *app) ([]string, error) {
	return a.live(ctx, func(c *client.Client) ([]string, error) {
		all, err := c.Services(ctx, true)
		return namesFrom(all, func(s pave.Service) string { return string(s.Name) }), err
	})
}

func runIDs(ctx context.Context, a *app) ([]string, error) {
	return a.live(ctx, func(c *client.Client) ([]string, error) {
		all, err := c.ListRuns(ctx, pave.RunFilter{Limit: 50})
		return namesFrom(all, func(r pave.Run) string { return shortID(r.ID) }), err
	})
}

func servicesAndRuns(ctx context.Context, a *app) ([]string, error) {
	services, err := serviceNames(ctx, a)
	if err != nil {
		return nil, err
	}
	runs, err := runIDs(ctx, a)
	return append(services, runs...), err
}

// namesOf completes names of a kind; those of kinds inside a service are not
// known here.
func namesOf(k kind) names {
	return func(ctx context.Context, a *app) ([]string, error) {
		if k.scope == inService {
			return nil, nil
		}
		return a.live(ctx, func(c *client.Client) ([]string, error) {
			all, err := k.fetch(ctx, c, query{limit: 50})
			return namesFrom(all, func(v any) string { return k.names(v)[0] }), err
		})
	}
}
