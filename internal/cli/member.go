package cli

import (
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) addMember() *cobra.Command {
	cmd := &cobra.Command{
		Use: "member USER", Aliases: []string{"members"}, Short: "Give a user a role in a team",
		Long:    "Give a user a role in a team: viewer, developer or lead. It takes the place of the one they had.",
		Example: examples("pave add member ada --team payment-squad --role developer", "pave add member grace --team payment-squad --role lead"),
		Args:    exactly("the name of a user"),
	}
	m := pave.Member{}
	team := cmd.Flags().String("team", "", "the `TEAM`")
	cmd.Flags().StringVar(&m.Role, "role", "", "`ROLE`: viewer, developer or lead")
	complete(cmd, "team", teamNames)
	complete(cmd, "role", fixed("viewer", "developer", "lead"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *team == "" || m.Role == "" {
			return usagef("%s needs --team and --role", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		if err := teamArg(*team); err != nil {
			return err
		}
		m.User, m.Team = args[0], pave.Name(*team)
		if err := a.api().SetMember(cmd.Context(), m); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s is %s of %s.\n", oneLine(m.User), m.Role, m.Team)
		return nil
	}
	return cmd
}

func (a *app) removeMember() *cobra.Command {
	cmd := &cobra.Command{
		Use: "member USER", Aliases: []string{"members"}, Short: "Take a user out of a team",
		Long:    "Take a user out of a team. What they opened before closes within 5 seconds.",
		Example: examples("pave remove member ada --team payment-squad", "pave remove member ada --team payment-squad && pave list members --team payment-squad"),
		Args:    exactly("the name of a user"),
	}
	team := cmd.Flags().String("team", "", "the `TEAM`")
	complete(cmd, "team", teamNames)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *team == "" {
			return usagef("%s needs --team", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		if err := teamArg(*team); err != nil {
			return err
		}
		if err := a.api().RemoveMember(cmd.Context(), *team, args[0]); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s is no longer in %s.\n", oneLine(args[0]), *team)
		return nil
	}
	return cmd
}

func (a *app) listMembers() *cobra.Command {
	cmd := &cobra.Command{
		Use: "members", Aliases: []string{"member"}, Short: "List members: who is in a team",
		Long:    "List who is in a team, with their roles.",
		Example: examples("pave list members --team payment-squad", "pave list members --team payment-squad --jq '.[].user'"),
		Args:    exactly(),
	}
	team := cmd.Flags().String("team", "", "the `TEAM`")
	complete(cmd, "team", teamNames)
	v := viewFlags(cmd, pave.Member{})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if *team == "" {
			return usagef("%s needs --team", cmd.CommandPath()).WithHint("%s", firstExample(cmd))
		}
		if err := teamArg(*team); err != nil {
			return err
		}
		all, err := a.api().Members(cmd.Context(), *team)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, all)
		}
		t := table{titles: []string{"USER", "ROLE"}}
		for _, m := range all {
			t.rows = append(t.rows, []any{m.User, m.Role})
		}
		a.writeTable(t)
		return nil
	}
	return cmd
}

// teamArg checks the name of a team that must exist, before anything is asked.
func teamArg(name string) error {
	if serviceName.MatchString(name) {
		return nil
	}
	return pave.BadField("team", name, "is not a name: a-z, 0-9 and '-', at most 40", "pave list teams")
}

func (a *app) setTeam() *cobra.Command {
	return &cobra.Command{
		Use: "team NAME TEAM", Short: "Hand a service over to another team",
		Long: "Hand a service over to another team. Addresses, clone URLs and metrics have no team in them and\n" +
			"stay as they are. A lead of the team that gives it away does this, who may write in the other.",
		Example: examples("pave set team payment-processor billing-squad", "pave set team payment-processor billing-squad && pave get service payment-processor"),
		Args:    exactly("the name of a service", "the team that gets it"), ValidArgsFunction: a.completeArg(serviceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := nameArg(args[0]); err != nil {
				return err
			}
			if err := teamArg(args[1]); err != nil {
				return err
			}
			svc, err := a.api().SetTeam(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Service %q belongs to %s.\n", svc.Name, svc.Team)
			return nil
		},
	}
}

func (a *app) renameTeam() *cobra.Command {
	return &cobra.Command{
		Use: "team OLD NEW", Short: "Give a team another name",
		Long:    "Give a team another name. Nothing of its services changes, and the old name goes on meaning it.",
		Example: examples("pave rename team payment-squad billing-squad", "pave rename team payment-squad billing-squad && pave list teams"),
		Args:    exactly("the name of a team", "its new name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				if err := teamArg(name); err != nil {
					return err
				}
			}
			t, err := a.api().RenameTeam(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Team %s is called %s.\n", args[0], t.Name)
			return nil
		},
	}
}
