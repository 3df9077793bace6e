package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) whoami() *cobra.Command {
	cmd := &cobra.Command{
		Use: "whoami", Short: "Show who the server takes you for",
		Long:    "Show the user whose token this machine uses, teams and roles, and the token's scope and end.",
		Example: examples("pave whoami", "pave whoami --json name,admin,teams"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.Identity{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		who, err := a.api().Whoami(cmd.Context())
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, who)
		}
		at, err := a.endpoint(cmd.Context())
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, oneLine(who.Name))
		fmt.Fprintf(a.out, "  Server  %s\n", at.URL)
		fmt.Fprintf(a.out, "  Roles   %s\n", oneLine(rolesOf(who)))
		fmt.Fprintf(a.out, "  Token   %s\n", oneLine(tokenLine(who.Token)))
		return nil
	}
	return cmd
}

func rolesOf(who pave.Identity) string {
	var roles []string
	if who.Admin {
		roles = append(roles, "admin")
	}
	if who.Viewer {
		roles = append(roles, "viewer of everything")
	}
	for _, m := range who.Teams {
		roles = append(roles, fmt.Sprintf("%s of %s", m.Role, m.Team))
	}
	if len(roles) == 0 {
		return "none"
	}
	return strings.Join(roles, ", ")
}

func tokenLine(t pave.Token) string {
	scope, end := t.Scope, "without an end"
	if scope == pave.ScopeAll {
		scope = "all that you may"
	}
	if !t.Expires.IsZero() {
		end = "until " + t.Expires.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("%s, scope %s, %s", t.Name, scope, end)
}
