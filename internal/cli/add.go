package cli

import (
	"context"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) add(planOnly bool) *cobra.Command {
	return withPeople(a.verbs("add KIND", "Add a database, a cache or an environment to a service, a member to a team, or a Terraform module",
		"Add a database, a cache or a further environment to a service, which pave undo takes back;\na member to a team; or a Terraform module to what pave makes things by.", planOnly,
		a.addBacking("database", "postgresql", "DATABASE_URL", planOnly), a.addBacking("cache", "redis", "REDIS_URL", planOnly),
		a.addEnvironment(planOnly)), planOnly, a.addMember(), a.addModule())
}

func (a *app) addBacking(kind, engine, variable string, planOnly bool) *cobra.Command {
	chosen := ""
	return a.verb(verb{
		use: kind + " --service NAME", short: "Give a service a " + kind + " in each of its environments",
		long: "Give a service a " + kind + " of its own in each of its environments. Its address comes to the\n" +
			"processes as " + variable + ". " + rolling,
		examples: []string{"add " + kind + " --service payment-processor", "add " + kind + " --service payment-processor --engine " + engine},
		args:     exactly(), complete: none, service: true,
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&chosen, "engine", "", "`ENGINE`: "+engine+", which it is without")
			complete(cmd, "engine", func(context.Context, *app) ([]string, error) { return []string{engine}, nil })
		},
		request: func(_ context.Context, to target, _ []string) (pave.Request, error) {
			if kind == pave.KindCache {
				return pave.AddCache{Service: to.service, Engine: chosen}, nil
			}
			return pave.AddDatabase{Service: to.service, Engine: chosen}, nil
		},
	}, planOnly)
}

func (a *app) addEnvironment(planOnly bool) *cobra.Command {
	extra := " --no-wait"
	if planOnly {
		extra = " --out production.plan"
	}
	return a.verb(verb{
		use: "environment ENVIRONMENT --service NAME", short: "Bring a service to a further environment",
		long: "Bring a service to a further environment, with an identity, databases and caches of its own,\n" +
			"and the release that serves in the environment below.",
		examples: []string{"add environment production --service payment-processor", "add environment production --service payment-processor" + extra},
		args:     exactly("an environment"), complete: a.completeArg(environmentNames), service: true,
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			return pave.AddEnvironment{Service: to.service, Environment: args[0]}, nil
		},
	}, planOnly)
}

func (a *app) remove(planOnly bool) *cobra.Command {
	return withPeople(a.verbs("remove KIND", "Set the databases or caches of a service aside, or take a member out of a team",
		"Set the databases or caches of a service aside: kept 7 days, and pave undo brings them back;\nor take a member out of a team.", planOnly,
		a.removeBacking("database", planOnly), a.removeBacking("cache", planOnly)), planOnly, a.removeMember())
}

func (a *app) removeBacking(kind string, planOnly bool) *cobra.Command {
	extra := " --confirm payment-processor"
	if planOnly {
		extra = " --json changes"
	}
	return a.verb(verb{
		use: kind + " --service NAME", short: "Set the " + kind + "s of a service aside; kept 7 days",
		long: "Set the " + kind + "s of a service aside, in all of its environments. The plan says what they hold;\n" +
			"they are kept 7 days, and pave undo brings them back. A terminal is asked for the service's\n" +
			"name; elsewhere --confirm NAME or --yes must say so.",
		examples: []string{"remove " + kind + " --service payment-processor", "remove " + kind + " --service payment-processor" + extra},
		args:     exactly(), complete: none, service: true,
		request: func(_ context.Context, to target, _ []string) (pave.Request, error) {
			if kind == pave.KindCache {
				return pave.RemoveCache{Service: to.service}, nil
			}
			return pave.RemoveDatabase{Service: to.service}, nil
		},
	}, planOnly)
}
