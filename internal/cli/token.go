package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) createToken() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Aliases: []string{"tokens"}, Short: "Create a token for a program; its value is shown once",
		Long: "Create a token that acts as you, within a scope: read, write, or service:NAME for one service. Its\n" +
			"value is printed once, alone on stdout. Programs send it as Authorization: Bearer, git as the\n" +
			"password.",
		Example: examples("pave create token --name ci --scope service:payment-processor --expires 30d", "pave create token --name grafana --scope read"),
		Args:    exactly(),
	}
	var r pave.TokenRequest
	f := cmd.Flags()
	f.StringVar(&r.Name, "name", "", "what it is for")
	f.StringVar(&r.Scope, "scope", "", "`SCOPE`: read, write or service:NAME")
	expires := f.String("expires", "90d", "its `END`: in days, at most 366d")
	complete(cmd, "scope", fixed("read", "write", "service:"))
	v := viewFlags(cmd, pave.NewToken{})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if r.Name == "" || r.Scope == "" {
			return usagef("%s needs --name and --scope", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		days, err := strconv.Atoi(strings.TrimSuffix(*expires, "d"))
		if err != nil || days < 1 || !strings.HasSuffix(*expires, "d") {
			return pave.BadField("expires", *expires, "is not a number of days", "--expires 30d")
		}
		r.Days = days
		t, err := a.api().CreateToken(cmd.Context(), r)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, t)
		}
		fmt.Fprintln(a.out, t.Value)
		a.say("%s acts as you with scope %s until %s; it is not shown again: pave delete token %s", oneLine(t.Name), t.Scope,
			t.Expires.Format(time.DateOnly), shortID(t.ID))
		return nil
	}
	return cmd
}

func (a *app) deleteToken() *cobra.Command {
	return &cobra.Command{
		Use: "token ID", Aliases: []string{"tokens"}, Short: "Revoke a token",
		Long:    "Revoke a token: within 5 seconds it opens no door, and streams it has opened end.",
		Example: examples("pave delete token tok_01JD4T9XK2M7", "pave delete token current"),
		Args:    exactly("the id of a token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.api().DeleteToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Token %s is revoked.\n", oneLine(args[0]))
			return nil
		},
	}
}
