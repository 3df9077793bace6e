package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

// auditPause is how often --follow looks for new rows.
const auditPause = time.Second

func (a *app) audit() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Show the audit log, oldest first",
		Long: "Show the audit log: who asked for what, when, with which token, from where. A row is written\n" +
			"before the effect. With --follow new rows come as they are written, each a line of JSON where\n" +
			"--lines says so. pave admin verify proves that none was changed.",
		Example: examples("pave audit", "pave audit --actor ada --since 24h", "pave audit --object payment-processor --action deploy", "pave audit --follow --lines"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, pave.AuditEntry{})
	v.whole = true
	var f pave.AuditFilter
	fs := cmd.Flags()
	fs.Int64Var(&f.After, "after", 0, "later than the row of this number")
	fs.IntVar(&f.Limit, "limit", 200, "at most so many, 1 to 200")
	fs.StringVar(&f.Actor, "actor", "", "of this `USER`")
	fs.StringVar(&f.Action, "action", "", "that begin with this `VERB`")
	fs.StringVar(&f.Object, "object", "", "about this `OBJECT`: shop, service:shop, team:web")
	since := fs.String("since", "", "not older than this `TIME`: 24h, 7d, or 2026-11-26")
	follow := fs.BoolP("follow", "f", false, "go on with new rows")
	lines := fs.Bool("lines", false, "each row as one line of JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := v.check(); err != nil {
			return err
		}
		if f.Limit < 1 || f.Limit > 200 {
			return pave.BadField("limit", fmt.Sprint(f.Limit), "must be 1 to 200", "--limit 200")
		}
		var err error
		if f.Since, err = sinceTime(*since, time.Now()); err != nil {
			return err
		}
		if *follow || *lines {
			return a.followAudit(cmd.Context(), v, f, *follow, *lines)
		}
		rows, err := a.api().Audit(cmd.Context(), f)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, rows)
		}
		a.writeTable(auditTable(rows))
		if len(rows) == f.Limit {
			a.say("there may be more: pave audit --after %d", rows[len(rows)-1].Seq)
		}
		return nil
	}
	return cmd
}

func auditTable(rows []pave.AuditEntry) table {
	t := table{titles: []string{"SEQ", "AGE", "ACTOR", "ACTION", "OBJECT", "DETAIL", "FROM"}}
	for _, r := range rows {
		actor := r.User
		if actor == "" {
			actor = shortID(r.Actor)
		}
		t.rows = append(t.rows, []any{r.Seq, r.At, actor, r.Action, r.Object, short(r.Detail), r.Address})
	}
	return t
}

// short cuts a detail where it is a hash, which nobody reads, or longer than a line.
func short(s string) string {
	const line = 120
	switch r := []rune(s); {
	case len(s) > 40 && !strings.ContainsAny(s, " /,"):
		return s[:12]
	case len(r) > line:
		return string(r[:line]) + "..."
	}
	return s
}

// followAudit prints pages until there are no more, or for ever.
func (a *app) followAudit(ctx context.Context, v *view, f pave.AuditFilter, follow, lines bool) error {
	for {
		rows, err := a.api().Audit(ctx, f)
		if err != nil {
			return err
		}
		for _, r := range rows {
			f.After = r.Seq
			switch {
			case v.data():
				err = v.writeLine(ctx, a.out, r)
			case lines:
				var text []byte
				if text, err = json.Marshal(r); err == nil {
					_, err = fmt.Fprintln(a.out, clean(string(text)))
				}
			}
			if err != nil {
				return err
			}
		}
		if !v.data() && !lines && len(rows) > 0 {
			t := auditTable(rows)
			t.titles = nil
			a.writeTable(t)
		}
		switch {
		case len(rows) == f.Limit:
		case !follow:
			return nil
		default:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(auditPause):
			}
		}
	}
}

// sinceTime reads a time as a length back from now or as a date.
func sinceTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := cutDays(s); ok {
		return now.Add(-days), nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, pave.BadField("since", s, "is not a time", "--since 24h, --since 7d or --since 2026-11-26")
}

// cutDays reads "7d", which time.ParseDuration does not.
func cutDays(s string) (time.Duration, bool) {
	var n int
	if _, err := fmt.Sscanf(s, "%dd", &n); err != nil || n < 0 || n > 10_000 || fmt.Sprintf("%dd", n) != s {
		return 0, false
	}
	return time.Duration(n) * 24 * time.Hour, true
}
