package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) add(planOnly bool) *cobra.Command {
	var kinds []*cobra.Command
	for _, kind := range pave.BackingKinds {
		kinds = append(kinds, a.addBacking(kind, planOnly))
	}
	return withPeople(a.verbs("add KIND", "Add a database, a cache, a queue, a bucket or an environment to a service, a member to a team, or a Terraform module",
		"Add a database, a cache, a queue, a bucket or a further environment to a service, which pave undo\ntakes back; a member to a team; or a Terraform module to what pave makes things by.", planOnly,
		append(kinds, a.addEnvironment(planOnly))...), planOnly, a.addMember(), a.addModule())
}

// backingFlags add a flag with the engines of each kind.
func backingFlags(cmd *cobra.Command, without string, into map[string]*string) {
	for _, kind := range pave.BackingKinds {
		engines := append(pave.EnginesOf(kind), "none")
		cmd.Flags().Var(&onceFlag{into: into[kind]}, kind, "`ENGINE`: "+orList(engines)+"; "+without)
		complete(cmd, kind, fixed(engines...))
	}
}

// onceFlag is a text that is given once: a service has one of each kind.
type onceFlag struct {
	into  *string
	given bool
}

func (o *onceFlag) String() string {
	if o.into == nil {
		return ""
	}
	return *o.into
}

func (o *onceFlag) Type() string { return "string" }

func (o *onceFlag) Set(value string) error {
	if o.given && value != *o.into {
		return fmt.Errorf("%s is given already, and a service has one of them", *o.into)
	}
	*o.into, o.given = value, true
	return nil
}

// orList is "a, b or c".
func orList(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}

// variablesOf are what processes see of a kind, by engine where that differs.
func variablesOf(kind string, engines []string) string {
	var all []string
	same := true
	for _, engine := range engines {
		var names []string
		for _, v := range (pave.WantedBacking{Kind: kind, Engine: engine}).Variables() {
			names = append(names, v.Name)
		}
		all = append(all, strings.Join(names, ", "))
		same = same && all[0] == all[len(all)-1]
	}
	if same {
		return all[0]
	}
	for i, engine := range engines {
		all[i] += " (" + engine + ")"
	}
	return orList(all)
}

func (a *app) addBacking(kind string, planOnly bool) *cobra.Command {
	chosen, engines := "", pave.EnginesOf(kind)
	engine := engines[0]
	return a.verb(verb{
		use: kind + " --service NAME", short: "Give a service a " + kind + " in each of its environments",
		long: "Give a service a " + kind + " of its own in each of its environments. Its address comes to the\n" +
			"processes as " + variablesOf(kind, engines) + ".\n" + rolling,
		examples: []string{"add " + kind + " --service payment-processor", "add " + kind + " --service payment-processor --engine " + engine},
		args:     exactly(), complete: none, service: true,
		flags: func(cmd *cobra.Command) {
			cmd.Flags().Var(&onceFlag{into: &chosen}, "engine", "`ENGINE`: "+orList(engines)+"; "+engine+" without")
			complete(cmd, "engine", fixed(engines...))
		},
		request: func(_ context.Context, to target, _ []string) (pave.Request, error) {
			switch kind {
			case pave.KindCache:
				return pave.AddCache{Service: to.service, Engine: chosen}, nil
			case pave.KindQueue:
				return pave.AddQueue{Service: to.service, Engine: chosen}, nil
			case pave.KindBucket:
				return pave.AddBucket{Service: to.service, Engine: chosen}, nil
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
		long: "Bring a service to a further environment, with an identity, databases and the like of its own,\n" +
			"and the release that serves in the environment below.",
		examples: []string{"add environment production --service payment-processor", "add environment production --service payment-processor" + extra},
		args:     exactly("an environment"), complete: a.completeArg(environmentNames), service: true,
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			return pave.AddEnvironment{Service: to.service, Environment: args[0]}, nil
		},
	}, planOnly)
}

func (a *app) remove(planOnly bool) *cobra.Command {
	var kinds []*cobra.Command
	for _, kind := range pave.BackingKinds {
		kinds = append(kinds, a.removeBacking(kind, planOnly))
	}
	return withPeople(a.verbs("remove KIND", "Set databases, caches, queues or buckets of a service aside, or take a member out of a team",
		"Set the databases, caches, queues or buckets of a service aside: kept 7 days, and pave undo\nbrings them back; or take a member out of a team.", planOnly,
		kinds...), planOnly, a.removeMember())
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
			switch kind {
			case pave.KindCache:
				return pave.RemoveCache{Service: to.service}, nil
			case pave.KindQueue:
				return pave.RemoveQueue{Service: to.service}, nil
			case pave.KindBucket:
				return pave.RemoveBucket{Service: to.service}, nil
			}
			return pave.RemoveDatabase{Service: to.service}, nil
		},
	}, planOnly)
}
