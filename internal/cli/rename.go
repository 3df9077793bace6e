package cli

import (
	"context"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) rename(planOnly bool) *cobra.Command {
	service := a.renameService(planOnly)
	cmd := a.verbs("rename KIND", "Give a service or a team another name",
		"Give a service or a team another name. What has the old one goes on working.", planOnly, service)
	cmd.Example = service.Example
	return withPeople(cmd, planOnly, a.renameTeam())
}

func (a *app) renameService(planOnly bool) *cobra.Command {
	extra := " --no-wait"
	if planOnly {
		extra = " --out rename.plan"
	}
	return a.verb(verb{
		use: "service NAME NEW", short: "Give a service another name, without a failed request",
		long: "Give a service another name. Its old addresses, clones and commands go on working until another\n" +
			"service takes the old name; databases and the like keep the names they have outside. " + rolling,
		examples: []string{"rename service payment-processor payments", "rename service payment-processor payments" + extra},
		args:     exactly("the name of a service", "its new name"),
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			return pave.RenameService{Name: to.service, To: args[0]}, nil
		},
	}, planOnly)
}
