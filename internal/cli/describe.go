package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

func (a *app) describe() *cobra.Command {
	cmd := &cobra.Command{
		Use: "describe KIND NAME", Short: "Show all there is to know of one object",
		Long: "Show all there is to know of one object. For a service that is what is wanted of it,\n" +
			"where it runs, what it has and what was done to it.",
		Example: examples("pave describe service payment-processor", "pave describe template go-http", "pave describe run run_01JD4T9XK2M7"),
		Args:    cobra.ArbitraryArgs, RunE: a.group,
	}
	for _, k := range kinds() {
		cmd.AddCommand(a.describeKind(k))
	}
	return cmd
}

func (a *app) describeKind(k kind) *cobra.Command {
	suffix := ""
	if k.scope == inService {
		suffix = " --service payment-processor"
	}
	cmd := &cobra.Command{
		Use: k.name + " NAME", Aliases: []string{k.plural}, Short: "Describe one of the " + k.plural + ": " + k.short,
		Long:    "Describe one of the " + k.plural + ": " + k.short + ".",
		Example: examples("pave describe "+k.name+" "+k.example+suffix, "pave describe "+k.name+" "+k.example+suffix+" -o yaml"),
		Args:    exactly("the name of a " + k.name), ValidArgsFunction: a.completeArg(namesOf(k)),
	}
	sample := k.sample
	if k.detail != nil {
		sample = k.detail
	}
	v := viewFlags(cmd, sample)
	q := a.queryFlags(cmd, k, v)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.check(); err != nil {
			return err
		}
		get := func() (any, error) { return a.find(cmd.Context(), k, args[0], *q) }
		if k.found != nil {
			get = func() (any, error) { return k.found(cmd.Context(), a.api(), args[0], *q) }
		}
		o, err := get()
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, o)
		}
		switch o := o.(type) {
		case pave.Service:
			return a.describeService(cmd.Context(), o)
		case pave.TemplateDetail:
			a.describeTemplate(o)
			return nil
		case pave.Provider:
			a.describeProvider(o)
			return nil
		case pave.ModuleReading:
			a.printModule(o)
			return nil
		case pave.Run:
			a.describeRun(o)
			return nil
		case pave.Entity:
			return a.describeEntity(cmd.Context(), o)
		}
		return a.describeAny(o, v.fields)
	}
	return cmd
}

// describeAny prints every field of an object.
func (a *app) describeAny(o any, fields []string) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	for _, f := range fields {
		title := strings.ToUpper(f[:1]) + strings.ReplaceAll(f[1:], "_", " ")
		switch v := values[f].(type) {
		case nil:
		case map[string]any, []any:
			block, err := yaml.Marshal(v)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "%s\n  %s\n", title, strings.ReplaceAll(strings.TrimSpace(clean(string(block))), "\n", "\n  "))
		default:
			fmt.Fprintf(a.out, "%-14s %s\n", title, oneLine(fmt.Sprint(v)))
		}
	}
	return nil
}

func (a *app) describeService(ctx context.Context, s pave.Service) error {
	c := a.api()
	revs, err := c.Revisions(ctx, string(s.Name))
	if err != nil {
		return err
	}
	st, err := c.Status(ctx, string(s.Name))
	if err != nil {
		return err
	}
	at, err := c.Endpoint(ctx)
	if err != nil {
		return err
	}
	a.pairs([][2]string{{"Name", string(s.Name)}, {"Team", string(s.Team)}, {"Template", s.Template}, {"Status", st.Status},
		{"Revision", fmt.Sprint(s.Revision)}, {"Created", s.Created.UTC().Format(time.RFC3339)}, {"Last run", shortID(s.LastRun)},
		{"Id", s.ID}, {"Repo", repositoryOf(s, at)}})
	a.heading("Environments")
	a.deployments(st)
	a.heading("Resources")
	a.indented(a.resourceTable(st.Infrastructure))
	slices.SortFunc(revs, func(x, y pave.Revision) int { return y.Number - x.Number })
	if len(revs) > 0 {
		a.describeSettings(revs[0].Wanted)
	}
	calls, err := c.Calls(ctx, string(s.Name))
	if err != nil {
		return err
	}
	a.describeCalls(calls)
	a.heading("Revisions")
	var t table
	for _, r := range revs[:min(10, len(revs))] {
		row := []any{}
		for _, col := range revisionColumns(r) {
			row = append(row, col.value)
		}
		t.rows = append(t.rows, row)
	}
	a.indented(t)
	return nil
}

func (a *app) describeRun(r pave.Run) {
	a.pairs([][2]string{{"Run", r.ID}, {"Title", r.Title}, {"Kind", string(r.Kind)}, {"State", string(r.State)}, {"Reason", r.Reason},
		{"Actor", r.Actor}, {"Parent", r.Parent}, {"Created", r.Created.UTC().Format(time.RFC3339)}, {"Attempts", fmt.Sprint(r.Attempts)}})
	a.heading("Steps")
	var t table
	for _, s := range r.Steps {
		what := s.Summary
		if s.Reason != "" {
			what = s.Reason
		}
		took := ""
		if !s.Ended.IsZero() && !s.Started.IsZero() {
			took = seconds(s.Ended.Sub(s.Started))
		}
		t.rows = append(t.rows, []any{s.Key, s.State, what, took, shortID(s.Child)})
	}
	a.indented(t)
}

// pairs prints titles with values; empty values are left out.
func (a *app) pairs(list [][2]string) {
	for _, p := range list {
		if p[1] != "" {
			fmt.Fprintf(a.out, "%-10s %s\n", p[0], oneLine(p[1]))
		}
	}
}

func (a *app) heading(title string) { fmt.Fprintf(a.out, "\n%s\n", title) }

// indented prints a table below a heading.
func (a *app) indented(t table) {
	if len(t.rows) == 0 {
		fmt.Fprintln(a.out, "  none")
		return
	}
	for i := range t.rows {
		t.rows[i] = append([]any{" "}, t.rows[i]...)
	}
	if t.titles != nil {
		t.titles = append([]string{" "}, t.titles...)
	}
	a.writeAligned(t)
}
