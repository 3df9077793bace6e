package cli

import "github.com/spf13/cobra"

func (a *app) down() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End server, node and all they run, until the next command",
		Long:    "End server and node and everything they run: services, databases, caches, builds. Nothing is lost;\npave up brings it all back, and runs go on.",
		Example: examples("pave down", "pave down && pave up"),
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.deps.Down(cmd.Context(), a.out) },
	}
}
