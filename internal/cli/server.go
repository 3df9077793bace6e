package cli

import "github.com/spf13/cobra"

func (a *app) server() *cobra.Command {
	cmd := &cobra.Command{
		Use: "server", Short: "Run the server in the foreground",
		Long:    "Run the server in the foreground, for service managers and for looking at its log.\nCommands start it in the background by themselves.",
		Example: examples("pave server", "pave server --listen 127.0.0.1:0 --router 127.0.0.1:0", "pave server --templates ./golden-paths"),
		Args:    exactly(),
	}
	var flags ServerFlags
	f := cmd.Flags()
	f.StringVar(&flags.Listen, "listen", "", "`ADDRESS` of the API, 127.0.0.1:7070 without; port 0 is any free one")
	f.StringVar(&flags.Router, "router", "", "`ADDRESS` of the router, 127.0.0.1:7080 without; port 0 is any free one")
	f.StringArrayVar(&flags.Templates, "templates", nil, "a further `FOLDER` of templates, repeatable")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.deps.Server(cmd.Context(), flags) }
	return cmd
}
