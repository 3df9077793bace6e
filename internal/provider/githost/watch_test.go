package githost

import (
	"slices"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// A run that has not begun is newer than those that have, whatever the host lists first: the
// one before it of the same name says nothing any more.
func TestNewestRunFirst(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	runs := []Run{{ID: "old", Started: at}, {ID: "waits", State: pave.RunQueued}, {ID: "new", Started: at.Add(time.Hour)}, {ID: "skipped", State: pave.RunCanceled},
		{ID: "waits too", State: pave.RunQueued}, {ID: "never begun", State: pave.RunCanceled, Ended: at.Add(time.Minute)}}
	slices.SortStableFunc(runs, newer)
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	if want := []string{"waits", "waits too", "new", "never begun", "old", "skipped"}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
}
