package cli

import (
	"fmt"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) createUser() *cobra.Command {
	cmd := &cobra.Command{
		Use: "user NAME", Aliases: []string{"users"}, Short: "Create a user and show the code of their first login",
		Long:    "Create a user and show a code that signs them in, once and within 72 hours. Without a role they\nsee the platform and nothing of a team: pave add member lets them into one.",
		Example: examples("pave create user ada", "pave create user ada --email ada@example.com", "pave create user audrey --role viewer"),
		Args:    exactly("a name"),
	}
	var r pave.InviteRequest
	cmd.Flags().StringVar(&r.Email, "email", "", "the user's `ADDRESS`")
	cmd.Flags().StringVar(&r.Role, "role", "", "`ROLE` in everything: viewer or admin")
	a.inviting(cmd, &r)
	return cmd
}

func (a *app) invite() *cobra.Command {
	cmd := &cobra.Command{
		Use: "invite NAME", Short: "Let somebody into a team and show the code of their first login",
		Long: "Let somebody into a team, as a user who is made where there is none. A new user's code signs them\n" +
			"in, once and within 72 hours: pave login URL. For somebody who is there, only an admin gets a\n" +
			"new code.",
		Example: examples("pave invite ada --team payment-squad --role developer", "pave invite grace --team payment-squad --role lead --email grace@example.com"),
		Args:    exactly("a name"),
	}
	var r pave.InviteRequest
	f := cmd.Flags()
	f.StringVar(&r.Team, "team", "", "the `TEAM`; without, a role in everything")
	f.StringVar(&r.Role, "role", "", "`ROLE`: viewer, developer or lead")
	f.StringVar(&r.Email, "email", "", "the user's `ADDRESS`")
	complete(cmd, "team", teamNames)
	complete(cmd, "role", fixed("viewer", "developer", "lead"))
	a.inviting(cmd, &r)
	return cmd
}

// inviting makes a command carry an invitation out.
func (a *app) inviting(cmd *cobra.Command, r *pave.InviteRequest) {
	v := viewFlags(cmd, pave.Invitation{})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if r.Team != "" && r.Role == "" {
			return usagef("%s needs --role", cmd.CommandPath()).WithHint("--role developer; one of viewer, developer, lead")
		}
		r.Name = args[0]
		inv, err := a.api().Invite(cmd.Context(), *r)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, inv)
		}
		in := ""
		if inv.Team != "" {
			in = fmt.Sprintf(" is %s of %s", inv.Role, inv.Team)
		} else if inv.Role != "" {
			in = fmt.Sprintf(" is %s", inv.Role)
		}
		fmt.Fprintf(a.out, "User %s%s.\n", oneLine(inv.User.Name), in)
		if inv.Code == "" {
			return nil
		}
		fmt.Fprintf(a.out, "  Code   %s   (once, until %s)\n  Login  pave login %s\n", inv.Code, inv.Expires.Format(time.DateTime), oneLine(inv.URL))
		return nil
	}
}

func (a *app) suspend(suspended bool) *cobra.Command {
	verb, short, long := "suspend", "Shut a user out", "Shut a user out: within 5 seconds no token of theirs opens a door, open streams end."
	if !suspended {
		verb, short, long = "resume", "Let a suspended user back in", "Let a suspended user back in, with the tokens and roles they had."
	}
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Long: long,
		Example: examples("pave "+verb+" ada", "pave "+verb+" ada && pave list users"),
		Args:    exactly("the name of a user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := a.api().Suspend(cmd.Context(), args[0], suspended)
			if err != nil {
				return err
			}
			word := "is suspended"
			if !suspended {
				word = "may sign in again"
			}
			fmt.Fprintf(a.out, "User %s %s.\n", oneLine(u.Name), word)
			return nil
		},
	}
}
