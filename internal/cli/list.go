package cli

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) list() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list KIND", Aliases: []string{"ls"}, Short: "List objects of a kind",
		Long: "List services, runs, resources, templates, environments, providers, teams, releases, checks,\n" +
			"proposals, variables, secrets, entities, revisions, events, users, members, tokens or webhooks. Singular and plural do both.",
		Example: examples("pave list services", "pave list runs --service payment-processor", "pave list templates --json name,version"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	for _, k := range kinds() {
		cmd.AddCommand(a.listKind(k))
	}
	cmd.AddCommand(a.listMembers())
	return cmd
}

func (a *app) listKind(k kind) *cobra.Command {
	suffix := ""
	if k.scope == inService {
		suffix = " --service payment-processor"
	}
	cmd := &cobra.Command{
		Use: k.plural, Aliases: []string{k.name}, Short: "List " + k.plural + ": " + k.short,
		Long:    "List " + k.plural + ": " + k.short + ".",
		Example: examples("pave list "+k.plural+suffix, "pave list "+k.plural+suffix+" -o wide", "pave list "+k.plural+suffix+" --jq length"),
		Args:    exactly(),
	}
	v := viewFlags(cmd, k.sample)
	q := a.queryFlags(cmd, k, v)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.showList(cmd.Context(), k, v, *q) }
	return cmd
}

// queryFlags adds the flags by which a kind may be narrowed.
func (a *app) queryFlags(cmd *cobra.Command, k kind, v *view) *query {
	q := &query{heard: func(observed time.Time, reason string) { a.sayHeard(v, observed, reason) }}
	f := cmd.Flags()
	if k.scope != global {
		f.StringVar(&q.service, "service", "", "of the service of this `NAME`")
		complete(cmd, "service", serviceNames)
	}
	switch k.name {
	case "service":
		f.BoolVar(&q.deleted, "deleted", false, "those that were deleted and are kept")
	case "run":
		f.StringVar(&q.kind, "kind", "", "apply, pipeline, rollout or sweep")
		f.StringVar(&q.state, "state", "", "queued, running, done, stopped or canceled")
		f.IntVar(&q.limit, "limit", 50, "at most so many, 1 to 200")
	case "check":
		f.StringVar(&q.commit, "commit", "", "of the commit of this `ID`, all of it; the last ones without")
	case "event":
		f.StringVar(&q.run, "run", "", "of the run of this `ID` and its child runs")
		f.Int64Var(&q.after, "after", 0, "later than the event of this number")
		f.IntVar(&q.limit, "limit", 200, "at most so many, 1 to 200")
	}
	return q
}

var commitPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)

// checkQuery finds wrong flags before anything is asked of the server.
func checkQuery(k kind, q query) error {
	if k.scope == inService && q.service == "" {
		return usagef("%s are those of a service: --service is needed", k.plural).WithHint("for example: --service payment-processor")
	}
	if q.service != "" {
		if err := nameArg(q.service); err != nil {
			return err
		}
	}
	if q.run != "" {
		if err := runArg(q.run); err != nil {
			return err
		}
	}
	if q.commit != "" && !commitPattern.MatchString(q.commit) {
		return pave.BadField("commit", q.commit, "must be the whole id of a commit", "git rev-parse HEAD")
	}
	if q.limit < 0 || q.limit > 200 {
		return pave.BadField("limit", fmt.Sprint(q.limit), "must be 1 to 200", "--limit 200")
	}
	return nil
}

func (a *app) showList(ctx context.Context, k kind, v *view, q query) error {
	if err := v.check(); err != nil {
		return err
	}
	if err := checkQuery(k, q); err != nil {
		return err
	}
	all, err := k.fetch(ctx, a.api(), q)
	if err != nil {
		return err
	}
	return a.showRows(ctx, k, v, all)
}

// showRows prints objects of a kind as the flags want them.
func (a *app) showRows(ctx context.Context, k kind, v *view, all []any) error {
	switch {
	case v.data():
		return v.write(ctx, a.out, all)
	case v.output == "name":
		for _, o := range all {
			fmt.Fprintln(a.out, oneLine(k.names(o)[0]))
		}
		return nil
	case len(all) == 0:
		a.say("no %s", k.plural)
		return nil
	}
	var t table
	for _, o := range all {
		row, titles := []any{}, []string{}
		for _, c := range k.columns(o) {
			if !c.wide || v.output == "wide" {
				row, titles = append(row, c.value), append(titles, c.title)
			}
		}
		t.titles, t.rows = titles, append(t.rows, row)
	}
	a.writeTable(t)
	return nil
}
