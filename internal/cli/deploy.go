package cli

import (
	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) deploy() *cobra.Command { return a.deployTo(false) }

func (a *app) deployTo(planOnly bool) *cobra.Command {
	verb := verbOf(planOnly)
	cmd := &cobra.Command{
		Use: "deploy NAME", Short: "Bring a release to an environment",
		Long: "Bring a release of a service to an environment. The new version takes over when it is\n" +
			"ready, without a failed request; one that does not get ready leaves the old one serving.",
		Example: examples("pave"+verb+" deploy payment-processor", "pave"+verb+" deploy payment-processor --env staging --release 3"),
		Args:    exactly("the name of a service"), ValidArgsFunction: a.completeArg(serviceNames),
	}
	var r pave.Deploy
	cmd.Flags().StringVar(&r.Environment, "env", "", "`ENVIRONMENT`; the lowest-ranked of the service without")
	cmd.Flags().StringVar(&r.Release, "release", "", "`RELEASE`: number, id or commit; the newest without")
	complete(cmd, "env", environmentNames)
	ch := a.changeFlags(cmd, planOnly)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return err
		}
		r.Name = args[0]
		return a.change(cmd.Context(), r, ch)
	}
	return cmd
}
