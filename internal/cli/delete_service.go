package cli

import (
	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) delete() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete KIND NAME", Short: "Delete something; what holds data is kept 7 days",
		Long:    "Delete a service: what holds data is set aside and kept 7 days (pave restore NAME). Or revoke a token,\nor end a webhook.",
		Example: examples("pave delete service payment-processor", "pave delete service payment-processor --confirm payment-processor"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.deleteService(false), a.deleteToken(), a.deleteWebhook())
	return cmd
}

func (a *app) deleteService(planOnly bool) *cobra.Command {
	verb := verbOf(planOnly)
	extra := " --confirm payment-processor"
	if planOnly {
		extra = " --out delete.plan"
	}
	cmd := &cobra.Command{
		Use: "service NAME", Aliases: []string{"services"}, Short: "Delete a service; its data is kept 7 days",
		Long: "Delete a service: its deployments and routes end, its repository, databases and caches are set\n" +
			"aside and kept 7 days (pave restore NAME). A terminal is asked for the name; elsewhere\n" +
			"--confirm NAME or --yes must say so.",
		Example: examples("pave"+verb+" delete service payment-processor", "pave"+verb+" delete service payment-processor"+extra),
		Args:    exactly("the name of a service"), ValidArgsFunction: a.completeArg(serviceNames),
	}
	ch := a.changeFlags(cmd, planOnly)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := nameArg(args[0]); err != nil {
			return err
		}
		return a.change(cmd.Context(), pave.DeleteService{Name: args[0]}, ch)
	}
	return cmd
}
