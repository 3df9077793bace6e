package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

func (a *app) get() *cobra.Command {
	cmd := &cobra.Command{
		Use: "get KIND [NAME]", Short: "Show one object in a line, or all of a kind",
		Long: "Show one object of a kind. Without a name it lists the kind, as list does.",
		Example: examples("pave get service payment-processor", "pave get run run_01JD4T9XK2M7 --json state,reason",
			"pave get runs --service payment-processor"),
		Args: cobra.ArbitraryArgs, RunE: a.group,
	}
	for _, k := range kinds() {
		cmd.AddCommand(a.getKind(k))
	}
	return cmd
}

func (a *app) getKind(k kind) *cobra.Command {
	suffix := ""
	if k.scope == inService {
		suffix = " --service payment-processor"
	}
	cmd := &cobra.Command{
		Use: k.name + " [NAME]", Aliases: []string{k.plural}, Short: "Show one of the " + k.plural + ": " + k.short,
		Long: "Show one of the " + k.plural + ": " + k.short + ".",
		Example: examples("pave get "+k.name+" "+k.example+suffix, "pave get "+k.name+" "+k.example+suffix+" -o yaml",
			"pave get "+k.plural+suffix),
		Args:              between(0, "a name"),
		ValidArgsFunction: a.completeArg(namesOf(k)),
	}
	v := viewFlags(cmd, k.sample)
	q := a.queryFlags(cmd, k, v)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return a.showList(cmd.Context(), k, v, *q)
		}
		if err := v.check(); err != nil {
			return err
		}
		o, err := a.find(cmd.Context(), k, args[0], *q)
		if err != nil {
			return err
		}
		if v.data() {
			return v.write(cmd.Context(), a.out, o)
		}
		return a.showRows(cmd.Context(), k, v, []any{o})
	}
	return cmd
}

// find returns the object of a name, NotFound with the nearest name otherwise.
func (a *app) find(ctx context.Context, k kind, name string, q query) (any, error) {
	if k.one != nil && !q.deleted {
		return k.one(ctx, a.api(), name)
	}
	if err := checkQuery(k, q); err != nil {
		return nil, err
	}
	if k.name == "event" {
		q.limit = 200
	}
	all, err := k.fetch(ctx, a.api(), q)
	if err != nil {
		return nil, err
	}
	var names []string
	var found []any
	for _, o := range all {
		if slices.Contains(k.names(o), name) {
			found = append(found, o)
		}
		names = append(names, k.names(o)...)
	}
	switch {
	case len(found) > 1 && k.name == "provider":
		return nil, severalProviders(name, found)
	case len(found) > 0:
		return found[0], nil
	}
	e := pave.Errorf(pave.NotFound, "no %s %q", k.name, oneLine(name)).WithHint("pave list %s", strings.TrimSpace(k.plural+" "+forService(q)))
	if near := pave.DidYouMean(name, names); near != "" {
		e = e.WithHint("did you mean %s?", near)
	}
	return nil, e
}

func forService(q query) string {
	if q.service == "" {
		return ""
	}
	return "--service " + q.service
}
