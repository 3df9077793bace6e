package cli

import (
	"context"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) restart(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "restart NAME", short: "Start the processes of a service anew, without a failed request",
		long: "Start the processes of a service anew: the new ones come beside the old and take over once\n" +
			"all of them are ready. No request fails, and where they do not get ready the old ones go on.\n" +
			"Nothing is to be undone of it.",
		examples: []string{"restart payment-processor", "restart payment-processor --env production"},
		args:     exactly("the name of a service"), env: "the lowest-ranked of the service",
		request: func(_ context.Context, to target, _ []string) (pave.Request, error) {
			return pave.Restart{Service: to.service, Environment: to.env}, nil
		},
	}, planOnly)
}

func (a *app) rollback(planOnly bool) *cobra.Command {
	release := ""
	return a.verb(verb{
		use: "rollback NAME", short: "Bring back a release that served before",
		long: "Bring back the release before the one that serves, or the one of --to, if it has served there.\n" +
			"It may reach protected environments. Not a request fails; pave undo brings the newer one again.",
		examples: []string{"rollback payment-processor --env production", "rollback payment-processor --env production --to 3"},
		args:     exactly("the name of a service"), env: "the lowest-ranked of the service",
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&release, "to", "", "`RELEASE`: number, id or commit; the one before without")
		},
		request: func(_ context.Context, to target, _ []string) (pave.Request, error) {
			return pave.Rollback{Service: to.service, Environment: to.env, To: release}, nil
		},
	}, planOnly)
}

func (a *app) heal(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "heal NAME [RESOURCE...]", short: "Make again what differs from what is wanted",
		long: "Make again what of a service differs from what is wanted, as pave status shows it: what\n" +
			"vanished, was changed by hand or holds other values. pave plan heal shows it first. Processes\n" +
			"that end, and routes, the node mends by itself; where the binding of a kind has the setting\n" +
			"drift: heal, pave does this without being asked.",
		examples: []string{"heal payment-processor", "heal payment-processor database:staging/payment-processor/payment-processor"},
		args:     atLeast("the name of a service"),
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			return pave.Heal{Service: to.service, Resources: args}, nil
		},
	}, planOnly)
}
