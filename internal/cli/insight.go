package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) insight() *cobra.Command {
	cmd := &cobra.Command{
		Use: "insight FIGURES", Short: "Figures about the platform itself", Long: "Figures about the platform itself, each from what it records.",
		Example: examples("pave insight adoption", "pave insight adoption --weeks 12"), Args: cobra.ArbitraryArgs, RunE: a.group,
	}
	cmd.AddCommand(a.adoption())
	return cmd
}

// An adoptionAnswer adds to what the server knows the commands that nobody used: only
// the command line knows which there are.
type adoptionAnswer struct {
	pave.Adoption
	Never []string `json:"never_used"`
}

func (a *app) adoption() *cobra.Command {
	cmd := &cobra.Command{
		Use: "adoption", Short: "Show how far people use the platform, and how soon services are live",
		Long: "Show, for each week, how many people used a command and how many services went live for the\n" +
			"first time; which commands are used and which never; how long it took from a create or an\n" +
			"adopt to a live service, and from an invitation to a first change that was live, before and\n" +
			"after a day (--mark; the middle of the weeks without).\n\n" +
			"How the numbers are made: the server writes down each command that asks it something, with the\n" +
			"user and the time; commands that need no server (" + strings.Join(offline, ", ") + ") are not\n" +
			"counted. Durations are those of runs, which are kept for 90 days; a run that stopped counts as\n" +
			"stopped, whatever became of it later. Weeks begin on Monday, UTC. There are no names in it.",
		Example: examples("pave insight adoption", "pave insight adoption --weeks 12 --mark 2026-11-02",
			"pave insight adoption --jq '.weeks[] | [.start[:10], .users] | @tsv'"),
		Args: exactly(),
	}
	v := viewFlags(cmd, adoptionAnswer{})
	v.whole = true
	weeks := cmd.Flags().Int("weeks", 8, "how many weeks, this one included, at most 12")
	mark := cmd.Flags().String("mark", "", "compare what was before this `DAY` (2026-11-02) with what came after")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if *weeks < 1 || *weeks > 12 {
			return pave.BadField("weeks", fmt.Sprint(*weeks), "is not between 1 and 12: runs are kept for 90 days", "--weeks 12")
		}
		var at time.Time
		if *mark != "" {
			var err error
			if at, err = time.Parse(time.DateOnly, *mark); err != nil {
				return pave.BadField("mark", *mark, "is not a day", "for example --mark 2026-11-02")
			}
		}
		got, err := a.api().Adoption(cmd.Context(), *weeks, at)
		if err != nil {
			return err
		}
		out := adoptionAnswer{got, neverUsed(cmd.Root(), got.Commands)}
		if v.data() {
			return v.write(cmd.Context(), a.out, out)
		}
		a.printAdoption(out)
		return nil
	}
	return cmd
}

func (a *app) printAdoption(x adoptionAnswer) {
	weeks := table{titles: []string{"WEEK OF", "USERS", "COMMANDS", "WENT LIVE", "STOPPED"}}
	for _, w := range x.Weeks {
		weeks.rows = append(weeks.rows, []any{w.Start.Format(time.DateOnly), w.Users, w.Commands, w.Created, w.Stopped})
	}
	a.writeTable(weeks)
	fmt.Fprintln(a.out)
	mark := x.Mark.Format(time.DateOnly)
	took := table{titles: []string{"HOW LONG", "WHEN", "NUMBER", "MEDIAN", "P90", "LONGEST"}}
	for _, c := range []struct {
		what string
		pave.Comparison
	}{{"create to live", x.Live}, {"invitation to first change", x.First}} {
		took.rows = append(took.rows, durationRow(c.what, "before "+mark, c.Before), durationRow(c.what, "after "+mark, c.After))
	}
	a.writeTable(took)
	fmt.Fprintln(a.out)
	used := table{titles: []string{"COMMAND", "USES", "USERS", "LAST"}}
	for _, c := range x.Commands {
		used.rows = append(used.rows, []any{c.Command, c.Uses, c.Users, c.Last})
	}
	a.writeTable(used)
	if len(x.Never) > 0 {
		fmt.Fprintf(a.out, "\nnever used: %s\n", strings.Join(x.Never, ", "))
	}
}

func durationRow(what, when string, d pave.Durations) []any {
	row := []any{what, when, d.Count, "-", "-", "-"}
	if d.Count > 0 {
		for i, s := range []float64{d.P50, d.P90, d.Max} {
			row[3+i] = seconds(time.Duration(s * float64(time.Second)))
		}
	}
	return row
}

// offline are commands that ask no server, so that nobody counts them.
var offline = []string{"admin backup", "admin restore", "ci", "completion", "down", "login", "man", "server", "template lint", "template new", "template render", "template schema", "up", "version"}

// neverUsed lists the commands that are not among those used.
func neverUsed(root *cobra.Command, used []pave.CommandUse) []string {
	out := []string{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			path := strings.TrimPrefix(c.CommandPath(), "pave ")
			switch {
			case c.HasSubCommands():
				walk(c)
			case c.Hidden || c.RunE == nil || c.Name() == "help" || slices.Contains(offline, path):
			case !slices.ContainsFunc(used, func(u pave.CommandUse) bool { return u.Command == path }):
				out = append(out, path)
			}
		}
	}
	walk(root)
	slices.Sort(out)
	return out
}
