package cli

import (
	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) promote() *cobra.Command { return a.promoteTo(false) }

func (a *app) promoteTo(planOnly bool) *cobra.Command {
	verb := verbOf(planOnly)
	cmd := &cobra.Command{
		Use: "promote NAME --to ENVIRONMENT", Short: "Bring what serves in the environment below to a higher one",
		Long:    "Bring the release that serves in the next lower environment to a higher one, as it was\nbuilt and tried there.",
		Example: examples("pave"+verb+" promote payment-processor --to production", "pave"+verb+" promote payment-processor --to production --out prod.plan"),
		Args:    exactly("the name of a service"), ValidArgsFunction: a.completeArg(serviceNames),
	}
	var r pave.Promote
	cmd.Flags().StringVar(&r.To, "to", "", "the `ENVIRONMENT` to reach")
	complete(cmd, "to", environmentNames)
	ch := a.changeFlags(cmd, planOnly)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return err
		}
		if r.To == "" {
			return usagef("%s needs --to", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		r.Name = args[0]
		return a.change(cmd.Context(), r, ch)
	}
	return cmd
}
