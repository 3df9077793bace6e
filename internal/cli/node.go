package cli

import "github.com/spf13/cobra"

func (a *app) node() *cobra.Command {
	return &cobra.Command{
		Use: "node", Short: "Run the node in the foreground", Hidden: true,
		Long:    "Run the node in the foreground: what runs services, builds, databases and caches. The server\nstarts it by itself.",
		Example: examples("pave node", "pave node 2>node.log"),
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.deps.Node(cmd.Context()) },
	}
}
