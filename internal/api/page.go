package api

import (
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pave-platform/pave"
)

// runsPage is what the CI/CD address of a service shows: its runs, newest first,
// as text. A browser asks for the token as password.
func (s *server) runsPage(w http.ResponseWriter, r *http.Request) error {
	runs, err := s.Platform.ListRuns(r.Context(), pave.RunFilter{Service: r.PathValue("name"), Limit: 50})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	table := tabwriter.NewWriter(w, 2, 4, 2, ' ', 0)
	for _, run := range runs {
		took := ""
		if !run.Ended.IsZero() {
			took = run.Ended.Sub(run.Created).Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", run.Created.Format(time.RFC3339), run.ID, run.State, plain(run.Title), took, plain(run.Reason))
	}
	return table.Flush()
}

// plain keeps text from moving a terminal's cursor or a table's columns.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
