package cli

import (
	"fmt"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) can() *cobra.Command {
	cmd := &cobra.Command{
		Use: "can VERB [NAME]", Short: "Say whether you may do something, and why",
		Long: "Say whether you may do a verb with a service or a team, or with the platform, and which policies\n" +
			"say so. The exit code is 0 for yes and 4 for no.",
		Example: examples("pave can deploy payment-processor", "pave can invite payment-squad", "pave can admin"),
		Args:    between(1, "a verb", "a service or a team"),
	}
	v := viewFlags(cmd, pave.Decision{})
	v.whole = true
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		name := ""
		if len(args) > 1 {
			if name = args[1]; nameArg(name) != nil {
				return pave.BadField("name", name, "is not a name: a-z, 0-9 and '-', at most 40", "pave list services")
			}
		}
		d, err := a.api().Can(cmd.Context(), args[0], name)
		if err != nil {
			return err
		}
		if v.data() {
			if err := v.write(cmd.Context(), a.out, d); err != nil {
				return err
			}
		} else {
			fmt.Fprintf(a.out, "%s: %s %s (%s)\n", yesNo(d.Allowed), d.Verb, oneLine(d.Object), oneLine(strings.Join(d.Why, ", ")))
		}
		if !d.Allowed {
			return &exitError{code: exitDenied}
		}
		return nil
	}
	return cmd
}
