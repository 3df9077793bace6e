package cli

import (
	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) server() *cobra.Command {
	cmd := &cobra.Command{
		Use: "server", Short: "Run the server in the foreground",
		Long: "Run the server in the foreground, for service managers and for looking at its log.\nCommands start it in the background by themselves.\n\n" +
			"For other machines it listens with TLS, beside loopback, which stays as it is: by the files of\n" +
			"a certificate, or by a CA of its own, whose fingerprint pave up shows and pave login asks to\n" +
			"compare. Without TLS only loopback is listened on.\n\n" +
			"With a store in PostgreSQL, further servers of the same home stand by: --name tells them apart.\n" +
			"All answer; one at a time carries out runs, and another takes over within 5 s of its end.",
		Example: examples("pave server", "pave server --listen 127.0.0.1:0 --router 127.0.0.1:0", "pave server --templates ./golden-paths",
			"pave server --name b --listen 127.0.0.1:7071", "pave server --listen 0.0.0.0:7443 --tls local --host pave.example.com"),
		Args: exactly(),
	}
	var flags ServerFlags
	f := cmd.Flags()
	f.StringVar(&flags.Listen, "listen", "", "`ADDRESS` of the API, 127.0.0.1:7070 without; port 0 is any free one; with TLS that for other machines")
	f.StringVar(&flags.Router, "router", "", "`ADDRESS` of the router, 127.0.0.1:7080 without; port 0 is any free one")
	f.StringVar(&flags.Name, "name", "", "a `NAME` for a further server of the home")
	f.StringArrayVar(&flags.Templates, "templates", nil, "a further `FOLDER` of templates, repeatable")
	f.StringVar(&flags.TLS, "tls", "", "local: a certificate by a CA of the server's own")
	f.StringVar(&flags.TLSCert, "tls-cert", "", "`FILE` of the certificate, PEM; it may be renewed while it serves")
	f.StringVar(&flags.TLSKey, "tls-key", "", "`FILE` of its key, PEM")
	f.StringArrayVar(&flags.Hosts, "host", nil, "a `NAME` that other machines know the server by, repeatable; people are told the first")
	f.StringVar(&flags.Issuer, "oidc-issuer", "", "`URL` of an OpenID provider that people sign in by")
	f.StringVar(&flags.ClientID, "oidc-client-id", "", "the server's `ID` at the provider")
	f.StringVar(&flags.SecretFile, "oidc-secret-file", "", "`FILE` of the client's secret, for its owner only")
	f.StringArrayVar(&flags.Groups, "oidc-group", nil, "what a group there means: `GROUP=TEAM:ROLE` or GROUP=admin, repeatable")
	complete(cmd, "tls", fixed("local"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if (flags.Issuer == "") != (flags.ClientID == "") {
			return usagef("--oidc-issuer and --oidc-client-id belong together").WithHint("pave server --oidc-issuer https://login.example.com --oidc-client-id pave")
		}
		if flags.TLS != "" && flags.TLS != "local" {
			return pave.BadField("tls", flags.TLS, "must be local", "--tls local, or --tls-cert FILE --tls-key FILE")
		}
		return a.deps.Server(cmd.Context(), flags)
	}
	return cmd
}
