package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

const rolling = "The processes are started anew, the new ones beside the old: no request fails."

func (a *app) set(planOnly bool) *cobra.Command {
	return withPeople(a.verbs("set KIND", "Set variables, secrets, replicas, limits or the team of a service, how an environment is guarded, or a webhook",
		"Set variables, secrets, the number of processes or the limits of a service. "+rolling+"\npave undo takes the change back. Or hand a service to another team, say what an\nenvironment asks for, or change a webhook.",
		planOnly, a.setVariable(planOnly), a.setSecret(planOnly), a.setReplicas(planOnly), a.setResources(planOnly)), planOnly, a.setTeam(), a.setEnvironment(), a.setWebhook())
}

func (a *app) unset(planOnly bool) *cobra.Command {
	return a.verbs("unset KIND", "Take variables or secrets of a service away",
		"Take variables or secrets of a service away. "+rolling, planOnly, a.unsetVariable(planOnly), a.unsetSecret(planOnly))
}

func (a *app) setVariable(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "variable NAME=VALUE... --service NAME", short: "Give a service's processes variables",
		long: "Give the processes of a service variables: text, or an output of what the service has,\n" +
			"'${{ resources.database.host }}'. Names are of A-Z, 0-9 and '_'; those that the platform\n" +
			"sets are refused. " + rolling + "\nWhat nobody may see is a secret: pave set secret.",
		examples: []string{"set variable LOG_LEVEL=debug --service payment-processor",
			"set variable LOG_LEVEL=warn CURRENCY=EUR --service payment-processor --env production",
			"set variable PGHOST='${{ resources.database.host }}' --service payment-processor"},
		args: atLeast("NAME=VALUE"), complete: none, service: true, env: "all of the service",
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			r := pave.SetVariable{Service: to.service, Environment: to.env, Variables: map[string]string{}}
			for _, arg := range args {
				name, value, ok := strings.Cut(arg, "=")
				if !ok || name == "" {
					return nil, pave.BadField("variable", oneLine(arg), "is not of the form NAME=VALUE", "for example: LOG_LEVEL=debug")
				}
				if _, twice := r.Variables[name]; twice {
					return nil, pave.BadField("variable", oneLine(name), "is given twice", "leave one out")
				}
				r.Variables[name] = value
			}
			return r, nil
		},
	}, planOnly)
}

func (a *app) unsetVariable(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "variable NAME... --service NAME", short: "Take variables of a service away",
		long: "Take variables away from the processes of a service: everywhere, or with --env what was\n" +
			"set for that environment alone; what is set for all holds there again.",
		examples: []string{"unset variable LOG_LEVEL --service payment-processor",
			"unset variable LOG_LEVEL --service payment-processor --env production"},
		args: atLeast("the name of a variable"), complete: a.settingNames(variableNames), service: true, env: "everywhere",
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			return pave.UnsetVariable{Service: to.service, Names: args, Environment: to.env}, nil
		},
	}, planOnly)
}

func (a *app) setSecret(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "secret NAME --service NAME", short: "Give a service's processes a secret, read from stdin or a prompt",
		long: "Give the processes of a service a secret as a variable. The value is read from a prompt\n" +
			"that does not show it, or from stdin, without its last line end; never from a flag. It is\n" +
			"sealed at once: plans, revisions, events, logs and the audit log hold its id alone.\n" + rolling,
		examples: []string{"set secret STRIPE_KEY --service payment-processor",
			"set secret STRIPE_KEY --service payment-processor --env production < stripe.key"},
		args: exactly("the name of a secret"), complete: a.settingNames(secretNames), service: true, env: "all of the service",
		request: func(ctx context.Context, to target, args []string) (pave.Request, error) {
			if name, _, given := strings.Cut(args[0], "="); given {
				return nil, usagef("the value of a secret is not an argument: other users see it, and the shell keeps it").
					WithHint("pave set secret %s --service %s < FILE; if the value is a real one, let it be replaced", oneLine(name), to.service)
			}
			if err := pave.CheckVariable(args[0]); err != nil {
				return nil, err
			}
			value, err := a.readSecret(args[0], to.service)
			if err != nil {
				return nil, err
			}
			sealed, err := a.api().SealValue(ctx, to.service, args[0], value)
			return pave.SetSecret{Service: to.service, Name: args[0], Value: sealed.ID, Environment: to.env}, err
		},
	}, planOnly)
}

func (a *app) unsetSecret(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "secret NAME --service NAME", short: "Take a secret of a service away",
		long: "Take a secret away from the processes of a service: everywhere, or with --env what was\n" +
			"set for that environment alone. pave undo brings it back with its value.",
		examples: []string{"unset secret STRIPE_KEY --service payment-processor", "unset secret STRIPE_KEY --service payment-processor --env production"},
		args:     exactly("the name of a secret"), complete: a.settingNames(secretNames), service: true, env: "everywhere",
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			return pave.UnsetSecret{Service: to.service, Name: args[0], Environment: to.env}, nil
		},
	}, planOnly)
}

func (a *app) setReplicas(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "replicas COUNT --service NAME", short: "Set how many processes serve; pave scale does the same",
		long:     "Set how many processes of a service serve in each environment, or in one, 1 to 50.",
		examples: []string{"set replicas 4 --service payment-processor", "set replicas 4 --service payment-processor --env production"},
		args:     exactly("a number"), complete: none, service: true, env: "all of the service",
		request: func(_ context.Context, to target, args []string) (pave.Request, error) { return scaled(to, args[0]) },
	}, planOnly)
}

func (a *app) scale(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "scale NAME REPLICAS", short: "Set how many processes of a service serve",
		long: "Set how many processes of a service serve in each environment, or in one, 1 to 50. Processes\n" +
			"that stay are not started anew; those that go end their requests first.",
		examples: []string{"scale payment-processor 4", "scale payment-processor 4 --env production"},
		args:     exactly("the name of a service", "a number"), env: "all of the service",
		request: func(_ context.Context, to target, args []string) (pave.Request, error) { return scaled(to, args[0]) },
	}, planOnly)
}

func scaled(to target, count string) (pave.Request, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, pave.BadField("replicas", oneLine(count), "is not a number", "pave scale "+to.service+" 2")
	}
	return pave.Scale{Service: to.service, Replicas: n, Environment: to.env}, nil
}

func (a *app) setResources(planOnly bool) *cobra.Command {
	var r pave.SetResources
	return a.verb(verb{
		use: "resources --service NAME [--memory AMOUNT] [--cpu AMOUNT]", short: "Limit memory and cpu of each process of a service",
		long: "Limit what each process of a service may use; none takes a limit away. " + rolling + "\n\n" +
			"What the node of this machine enforces: memory, as what a process may write to that is its\n" +
			"own (RLIMIT_DATA); one that wants more is refused it, and most runtimes end then. Programs\n" +
			"in Go are told by GOMEMLIMIT before. Cpu is not enforced here: it goes to Go programs as\n" +
			"GOMAXPROCS, and is kept for providers that can do more.",
		examples: []string{"set resources --service payment-processor --memory 512Mi --cpu 500m",
			"set resources --service payment-processor --memory none --env staging"},
		args: exactly(), complete: none, service: true, env: "all of the service",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&r.Memory, "memory", "", "`AMOUNT` of each process, 128Mi or more: 512Mi, 2Gi or none")
			cmd.Flags().StringVar(&r.CPU, "cpu", "", "`AMOUNT` of each process: 500m, 1.5 or none")
		},
		request: func(_ context.Context, to target, _ []string) (pave.Request, error) {
			if r.Memory == "" && r.CPU == "" {
				return nil, usagef("set resources needs --memory or --cpu").WithHint("for example: --memory 512Mi --cpu 500m")
			}
			r.Service, r.Environment = to.service, to.env
			return r, nil
		},
	}, planOnly)
}
