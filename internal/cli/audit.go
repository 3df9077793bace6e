package cli

import (
	"fmt"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) audit() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Show the audit log, oldest first",
		Long:    "Show the audit log: who asked for what, when, from where. It is written before the effect.",
		Example: examples("pave audit", "pave audit --after 200 --limit 100", "pave audit --json at,actor,action,object"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.AuditEntry{})
	v.whole = true
	after := cmd.Flags().Int64("after", 0, "later than the row of this number")
	limit := cmd.Flags().Int("limit", 200, "at most so many, 1 to 200")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if *limit < 1 || *limit > 200 {
			return pave.BadField("limit", fmt.Sprint(*limit), "must be 1 to 200", "--limit 200")
		}
		rows, err := a.api().Audit(cmd.Context(), *after, *limit)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, rows)
		}
		t := table{titles: []string{"SEQ", "AGE", "ACTOR", "ACTION", "OBJECT", "FROM"}}
		for _, r := range rows {
			t.rows = append(t.rows, []any{r.Seq, r.At, shortID(r.Actor), r.Action, r.Object, r.Address})
		}
		a.writeTable(t)
		if len(rows) == *limit {
			a.say("there may be more: pave audit --after %d", rows[len(rows)-1].Seq)
		}
		return nil
	}
	return cmd
}
