package cli

import (
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) whoami() *cobra.Command {
	cmd := &cobra.Command{
		Use: "whoami", Short: "Show who the server takes you for",
		Long:    "Show the user whose token this machine uses.",
		Example: examples("pave whoami", "pave whoami --json name,admin"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.User{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		user, err := a.api().Whoami(cmd.Context())
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, user)
		}
		fmt.Fprintln(a.out, oneLine(user.Name))
		return nil
	}
	return cmd
}
