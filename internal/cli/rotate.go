package cli

import (
	"context"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) rotate(planOnly bool) *cobra.Command {
	return a.verb(verb{
		use: "rotate NAME KIND", short: "Give a service new credentials for its database, cache, queue or bucket",
		long: "Give a service new credentials for its database, cache, queue or bucket. The new ones are good beside the old\n" +
			"ones until every process has them; then the old ones are revoked, and what they have open is\n" +
			"ended. " + rolling + "\n" +
			"A rotation is not undone, another one is made; what was changed before it can be.",
		examples: []string{"rotate payment-processor database", "rotate payment-processor cache --env production"},
		args:     exactly("the name of a service", "database, cache, queue or bucket"), env: "every environment of the service",
		complete: a.completeArg(serviceNames, fixed(pave.BackingKinds...)),
		request: func(_ context.Context, to target, args []string) (pave.Request, error) {
			return pave.Rotate{Service: to.service, Kind: args[0], Environment: to.env}, nil
		},
	}, planOnly)
}
