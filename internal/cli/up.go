package cli

import "github.com/spf13/cobra"

func (a *app) up() *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Start server and node on this machine",
		Long:    "Start server and node on this machine and come back when they answer. Commands do this by\nthemselves, after pave down too.",
		Example: examples("pave up", "pave up && pave doctor"),
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.deps.Up(cmd.Context(), a.out) },
	}
}
