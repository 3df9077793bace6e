package cli

import "github.com/spf13/cobra"

func (a *app) node() *cobra.Command {
	cmd := &cobra.Command{
		Use: "node", Short: "Run the node in the foreground", Hidden: true,
		Long:    "Run the node in the foreground: what runs services, builds, databases, caches, queues and\nbuckets. The server starts it by itself.",
		Example: examples("pave node", "pave node 2>node.log"),
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.deps.Node(cmd.Context()) },
	}
	cmd.AddCommand(&cobra.Command{
		Use: "serve KIND", Short: "Run a queue's or bucket's server, for the node alone", Hidden: true,
		Long:    "Run the server of a queue or a bucket. The node starts it and speaks to it over its standard input.",
		Example: examples("pave node serve nats", "pave node serve s3"),
		Args:    exactly("a kind"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.deps.Serve(cmd.Context(), args[0]) },
	})
	return cmd
}
