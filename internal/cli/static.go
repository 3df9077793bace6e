package cli

import "github.com/spf13/cobra"

func (a *app) static() *cobra.Command {
	return &cobra.Command{
		Use: "static FOLDER...", Short: "Serve the files of a folder", Hidden: true,
		Long: "Serve the files of a folder at HOST and PORT: what a service of plain files runs. Of\n" +
			"several folders the first one with an index.html is taken. The node starts it.",
		Example: examples("PORT=8080 pave static public", "PORT=8080 pave static dist build"),
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.deps.Static(cmd.Context(), args) },
	}
}
