package cli

import "github.com/spf13/cobra"

func (a *app) plan() *cobra.Command {
	cmd := &cobra.Command{
		Use: "plan VERB ...", Short: "Show what a command would do, and do nothing",
		Long: "Show what a command would do: each resource that is created, changed or taken away by\n" +
			"its exact name, what would be lost, and what the guards say. --out FILE writes a file\n" +
			"for pave apply, which does exactly that or refuses.",
		Example: examples("pave plan create service --name shop --template go-http --team shop-squad", "pave plan delete service shop",
			"pave plan promote shop --to production --out prod.plan"),
		Args: cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.planGroup("create", "Plan to create something", a.createService(true)), a.adopt(true),
		a.planGroup("delete", "Plan to delete something", a.deleteService(true)),
		a.deployTo(true), a.promoteTo(true), a.undoRun(true), a.restoreService(true),
		a.set(true), a.unset(true), a.add(true), a.remove(true), a.scale(true), a.rollback(true), a.restart(true), a.heal(true), a.rotate(true), a.link(true), a.unlink(true), a.rename(true))
	return cmd
}

func (a *app) planGroup(verb, short string, child *cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: verb + " KIND", Short: short, Long: short + ", and do nothing.", Example: child.Example,
		Args: cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(child)
	return cmd
}
