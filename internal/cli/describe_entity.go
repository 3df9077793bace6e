package cli

import (
	"context"
	"strings"
	"time"

	"github.com/pave-platform/pave"
)

// describeEntity shows what is known of an entity, where from, and what leads to it.
func (a *app) describeEntity(ctx context.Context, e pave.Entity) error {
	all, err := a.api().Entities(ctx, "")
	if err != nil {
		return err
	}
	a.pairs([][2]string{{"Entity", e.Ref}, {"Owner", e.Owner}, {"Service", e.Service}, {"Seen", e.Seen.UTC().Format(time.RFC3339)}})
	if e.Error != "" {
		a.heading("What is wrong")
		var t table
		for fault := range strings.SplitSeq(e.Error, "; ") {
			t.rows = append(t.rows, []any{oneLine(fault)})
		}
		a.indented(t)
	}
	a.heading("Facts")
	var facts table
	for _, f := range e.Facts {
		facts.rows = append(facts.rows, []any{oneLine(f.Key), oneLine(f.Value), f.Source + ": " + oneLine(f.Evidence), f.Seen})
	}
	a.indented(facts)
	a.heading("Leads to")
	var to table
	for _, l := range e.Links {
		to.rows = append(to.rows, []any{l.Kind, oneLine(l.To)})
	}
	a.indented(to)
	a.heading("Led to by")
	var from table
	for _, other := range all {
		for _, l := range other.Links {
			if l.To == e.Ref {
				from.rows = append(from.rows, []any{oneLine(other.Ref), l.Kind})
			}
		}
	}
	a.indented(from)
	return nil
}
